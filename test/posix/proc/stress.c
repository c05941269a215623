// Do forks, execs, exits, kills, threads, faults, sockets, changes of user and root, all at once, go as each would by itself? (Users and roots: as root.)
// RUN: rm -rf %t.dir && mkdir -p %t.dir
// RUN: musl-gcc -static -O2 -pthread %s -o %t.native && timeout 400 %t.native %t.dir 3
// RUN: %lind-cc -O2 -pthread %s -o %t && timeout 400 %lind-run -- %t /tmp 5 2>%t.reports
/* stress DIRECTORY SECONDS: families of processes do things in random order, and know how each
 * ends; meanwhile signals interrupt them. */
#define _GNU_SOURCE
#include "Inputs/stress/processes.h"
#include "Inputs/stress/rights.h"
#include "Inputs/stress/sockets.h"

enum { FAMILIES = 5 };

static const struct {
    int (*run)(void);
    const char *name;
} deeds[] = {
    {chain, "chain"},
    {spawned, "spawned"},
    {victim, "victim"},
    {threads_end, "threads_end"},
    {threads_work, "threads_work"},
    {faults_handled, "faults_handled"},
    {stops, "stops"},
    {group_killed, "group_killed"},
    {victim, "victim"},
    {descriptors_sent, "descriptors_sent"},
    {connections, "connections"},
    {ids_changed, "ids_changed"},
    {roots_changed, "roots_changed"},
    {sources_read, "sources_read"},
};
enum { DEEDS = sizeof deeds / sizeof *deeds };

static int family(int number)
{
    unsigned wrong = 0, done = 0;
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    seed = (unsigned)number * 7919 + (unsigned)time(NULL);
    while (time(NULL) < end) {
        unsigned deed = choose(DEEDS);
        if (!deeds[deed].run() && wrong++ < 5)
            printf("%s went wrong (%s)\n", deeds[deed].name, strerror(errno));
        done++;
    }
    printf("family %d: %u deeds, %u wrong, %d signals\n", number, done, wrong, (int)signals);
    fflush(stdout);
    return wrong || !done;
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 3 && !strcmp(argv[1], "exec")) {
        tell = atoi(argv[2]);
        executing();
        return 93;
    }
    if (argc == 3 && !strcmp(argv[1], "status"))
        return atoi(argv[2]);
    if (argc == 3 && !strcmp(argv[1], "rights")) {
        snprintf(private_path, sizeof private_path, "%s", argv[2]);
        return !rights_agree();
    }
    snprintf(scratch, sizeof scratch, "%s/stress.XXXXXX", argv[1]);
    CHECK(mkdtemp(scratch));
    snprintf(lock_path, sizeof lock_path, "%s/lock", scratch);
    prepare_files();
    end = time(NULL) + atoi(argv[2]);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int file = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(file >= 0 && !flock(file, LOCK_EX) && !fcntl(file, F_SETLK, &whole));
    signal(SIGUSR1, SIG_IGN);
    pid_t pids[FAMILIES];
    for (int i = 0; i < FAMILIES; i++) {
        pids[i] = fork();
        if (!pids[i])
            _exit(family(i));
    }
    int left = FAMILIES, status;
    while (left) {
        for (int i = 0; i < FAMILIES; i++)
            if (pids[i] && time(NULL) < end)
                kill(pids[i], SIGUSR1);
        usleep(3000);
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            for (int i = 0; i < FAMILIES; i++)
                if (pids[i] == pid) {
                    CHECK(!status);
                    pids[i] = 0;
                    left--;
                }
    }
    return check_end();
}
