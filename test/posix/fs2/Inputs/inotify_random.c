/* Random changes of files and directories below the working directory, and random watches of them; says what each call answered and what
 * the watches told. Arguments: the first seed, how many rounds, how many steps of each. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { QUEUES = 3, FILES = 4 };

static uint64_t state;
static int queues[QUEUES], files[FILES];
static uint32_t cookies[1024];
static unsigned cookie_count;

static const char *const names[] = {"a", "b", "c", "d1", "d2", "d1/a", "d1/b", "d2/a", "d2/c", "d1/s", "link", "d1/link", "nothing/x", ".",
                                    "d1/..", "d1/.", "d2/d3", "d2/d3/a", ""};

static const uint32_t masks[] = {IN_ALL_EVENTS, IN_MODIFY, IN_ACCESS, IN_ATTRIB, IN_CLOSE, IN_OPEN, IN_MOVE, IN_CREATE, IN_DELETE,
                                 IN_DELETE_SELF, IN_MOVE_SELF, IN_ONESHOT, IN_MASK_ADD, IN_MASK_CREATE, IN_DONT_FOLLOW, IN_EXCL_UNLINK,
                                 IN_ONLYDIR, 0, 0x80000, IN_UNMOUNT, IN_IGNORED, IN_ISDIR};

static const int open_flags[] = {O_CREAT, O_CREAT, O_TRUNC, O_APPEND, O_EXCL, O_DIRECTORY, O_PATH, O_NOFOLLOW, 0, 0};

static unsigned random_below(unsigned limit)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(state >> 33) % limit;
}

#define ONE_OF(array) ((array)[random_below(sizeof(array) / sizeof *(array))])

static void say(const char *what, long result)
{
    printf(" %s %ld", what, result < 0 ? -(long)errno : result);
}

/* Numbers in the order of their first appearance: cookies are the kernel's. */
static unsigned cookie_number(uint32_t cookie)
{
    unsigned i = 0;
    if (!cookie)
        return 0;
    while (i < cookie_count && cookies[i] != cookie)
        i++;
    if (i == cookie_count && i < 1024)
        cookies[cookie_count++] = cookie;
    return i + 1;
}

static void drain(int queue)
{
    static const unsigned sizes[] = {2048, 2000, 300, 64, 48, 32, 17, 16, 15, 0};
    _Alignas(struct inotify_event) char events[4096];
    int waiting = -1;
    unsigned size = ONE_OF(sizes), how = random_below(6);
    say("FIONREAD", ioctl(queue, FIONREAD, &waiting));
    struct pollfd entry = {queue, POLLIN | POLLOUT | POLLPRI, 0};
    int ready = poll(&entry, 1, 0);
    printf(" %d poll %d %x", waiting, ready, (unsigned)entry.revents);
    struct iovec vector[2] = {{events, size}, {events + 2048, 2048}};
    long length = how == 0   ? pread(queue, events, size, 0)
                  : how == 1 ? readv(queue, vector, 2)
                             : read(queue, events, size);
    say("read", length);
    for (long at = 0; at < length;) {
        const struct inotify_event *event = (const void *)(events + at);
        printf("\n    %d %x %u %u %s", event->wd, event->mask, cookie_number(event->cookie), event->len, event->len ? event->name : "");
        at += (long)(sizeof *event + event->len);
        if (at >= (long)size && at < 2048) /* the rest is in the second range */
            break;
    }
}

static void open_one(int *file, const char *name)
{
    int flags = (int)random_below(3);
    for (unsigned count = random_below(4); count; count--)
        flags |= ONE_OF(open_flags);
    if (*file >= 0)
        say("close", close(*file));
    *file = open(name, flags, 0600);
    say("open", *file < 0 ? -1 : 0);
}

static void add_watch(const char *name)
{
    uint32_t mask = random_below(2) ? IN_ALL_EVENTS : 0;
    for (unsigned count = random_below(3); count; count--)
        mask |= ONE_OF(masks);
    unsigned which = random_below(20);
    int queue = which == 0 ? 99 : which == 1 ? files[0] : queues[which % QUEUES];
    printf(" mask %x", mask);
    say("add", inotify_add_watch(queue, name, mask));
}

static void map_one(int file)
{
    int protection = random_below(2) ? PROT_READ : PROT_READ | PROT_WRITE, how = random_below(2) ? MAP_SHARED : MAP_PRIVATE;
    void *memory = mmap(NULL, 4096, protection, how, file, 0);
    say("mmap", memory == MAP_FAILED ? -1 : 0);
    if (memory != MAP_FAILED)
        munmap(memory, 4096);
}

static void list(const char *name)
{
    DIR *directory = opendir(name);
    say("opendir", directory ? 0 : -1);
    if (!directory)
        return;
    while (readdir(directory))
        ;
    closedir(directory);
}

static void in_child(const char *name, int file)
{
    pid_t child = fork();
    if (child == 0) {
        close(file);
        open(name, O_RDONLY);
        _exit(0);
    }
    say("child", waitpid(child, NULL, 0) == child);
}

static void use_queue(int queue)
{
    int copy = dup(queue);
    say("dup", copy < 0 ? -1 : 0);
    say("close", close(copy));
    say("lseek", lseek(queue, 0, SEEK_CUR));
    say("write", write(queue, "x", 1));
    say("pwrite", pwrite(queue, "x", 1, 0));
    say("ftruncate", ftruncate(queue, 0));
    say("fsync", fsync(queue));
}

static void step(void)
{
    unsigned what = random_below(30), amount = random_below(9);
    const char *name = ONE_OF(names), *other = ONE_OF(names);
    int queue = ONE_OF(queues), *file = &ONE_OF(files), second = ONE_OF(files);
    struct stat status;
    char bytes[16];
    printf("%u %s %s:", what, name, other);
    switch (what) {
    case 0: case 1: case 2: case 3: add_watch(name); break;
    case 4: say("rm", inotify_rm_watch(queue, (int)amount)); break;
    case 5: case 6: open_one(file, name); break;
    case 7: say("write", write(*file, "something", amount)); break;
    case 8: say("read", read(*file, bytes, amount)); break;
    case 9: say("ftruncate", ftruncate(*file, amount)); break;
    case 10: say("rename", rename(name, other)); break;
    case 11: say("link", link(name, other)); break;
    case 12: case 13: say("unlink", unlink(name)); break;
    case 14: say("mkdir", mkdir(name, 0700)); break;
    case 15: say("rmdir", rmdir(name)); break;
    case 16: say("symlink", symlink(other, name)); break;
    case 17: say("chmod", chmod(name, amount & 1 ? 0644 : 0700)); break;
    case 18: say("utimensat", utimensat(AT_FDCWD, name, NULL, 0)); break;
    case 19: say("truncate", truncate(name, amount)); break;
    case 20: say("renameat2", syscall(SYS_renameat2, AT_FDCWD, name, AT_FDCWD, other, 1 + (amount & 1))); break;
    case 21: map_one(*file); break;
    case 22: say("stat", stat(name, &status)); say("access", access(name, R_OK)); say("readlink", readlink(name, bytes, sizeof bytes)); break;
    case 23: say("fchmod", syscall(SYS_fchmod, *file, 0600)); break;
    case 24: say("pwrite", pwrite(*file, "abc", 3, amount)); break;
    case 25: say("fallocate", fallocate(*file, 0, 0, amount + 1)); break;
    case 26: say("sendfile", sendfile(*file, second, NULL, amount)); break;
    case 27: list(name); break;
    case 28: in_child(name, *file); break;
    case 29: use_queue(queue); break;
    }
    if (random_below(3) == 0)
        drain(queue);
    putchar('\n');
    fflush(stdout); /* nothing for a child to repeat */
}

static void round_of(uint64_t seed, int steps)
{
    char name[24];
    snprintf(name, sizeof name, "%u", (unsigned)seed);
    state = seed;
    cookie_count = 0;
    if (mkdir(name, 0700) || chdir(name) || mkdir("d1", 0700) || mkdir("d2", 0700) || symlink("../a", "d1/link") || symlink("d1", "link"))
        exit(1);
    close(open("a", O_CREAT | O_WRONLY, 0600));
    for (int i = 0; i < QUEUES; i++)
        queues[i] = inotify_init1(IN_NONBLOCK);
    for (int i = 0; i < FILES; i++)
        files[i] = -1;
    printf("round %s\n", name);
    for (int i = 0; i < steps; i++)
        step();
    for (int i = 0; i < QUEUES; i++) {
        drain(queues[i]);
        close(queues[i]);
    }
    for (int i = 0; i < FILES; i++)
        close(files[i]);
    if (chdir(".."))
        exit(1);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    for (int i = 0; i < atoi(argv[2]); i++)
        round_of((uint64_t)(atoi(argv[1]) + i), atoi(argv[3]));
    return 0;
}
