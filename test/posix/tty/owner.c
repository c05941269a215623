// Whose is a pseudo-terminal, who may give it away or change its mode, and who may open it by name?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#include "Inputs/pair.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OWNER = 1234, OTHER = 4321 };

static struct stat seen(void)
{
    struct stat by_path, by_fd;
    CHECK(!stat(ptsname(master), &by_path) && !fstat(slave, &by_fd));
    CHECK(by_path.st_uid == by_fd.st_uid && by_path.st_gid == by_fd.st_gid && by_path.st_mode == by_fd.st_mode);
    return by_path;
}

/* What another user may. */
static void as(uid_t user, int owns)
{
    int status;
    pid_t pid = fork();
    if (pid) {
        CHECK(waitpid(pid, &status, 0) == pid && !status);
        return;
    }
    const char *name = ptsname(master);
    CHECK(!setgid(user) && !setuid(user));
    CHECK(seen().st_uid == OWNER);
    if (owns) {
        CHECK(!chmod(name, 0600) && !fchmod(slave, 0620));
        CHECK(!chown(name, OWNER, (gid_t)-1) && !fchown(slave, (uid_t)-1, user));
        CHECK(open(name, O_RDWR | O_NOCTTY) >= 0);
    } else {
        CHECK(chmod(name, 0666) == -1 && errno == EPERM);
        CHECK(fchmod(slave, 0666) == -1 && errno == EPERM);
        CHECK(open(name, O_RDWR | O_NOCTTY) == -1 && errno == EACCES);
        CHECK(open(name, O_RDONLY | O_NOCTTY) == -1 && errno == EACCES);
        CHECK(open(name, O_WRONLY | O_NOCTTY) == -1 && errno == EACCES);
    }
    CHECK(chown(name, OTHER, (gid_t)-1) == -1 && errno == EPERM);
    CHECK(fchown(slave, (uid_t)-1, OTHER + 1) == -1 && errno == EPERM);
    _exit(check_failures != 0);
}

int main(void)
{
    open_pair();
    CHECK(seen().st_uid == geteuid() && S_ISCHR(seen().st_mode));
    CHECK(!chmod(ptsname(master), 0600) && (seen().st_mode & 07777) == 0600);
    CHECK(!fchmod(slave, 0622) && (seen().st_mode & 07777) == 0622);
    CHECK(!fchmod(slave, 0600));
    CHECK(!chown(ptsname(master), (uid_t)-1, (gid_t)-1));
    if (geteuid()) { /* what follows takes rights */
        CHECK(chown(ptsname(master), OWNER, OWNER) == -1 && errno == EPERM);
        return check_end();
    }
    CHECK(!chown(ptsname(master), OWNER, OWNER + 1));
    CHECK(seen().st_uid == OWNER && seen().st_gid == OWNER + 1);
    CHECK(!fchown(slave, (uid_t)-1, OWNER) && seen().st_uid == OWNER && seen().st_gid == OWNER);
    as(OTHER, 0);
    as(OWNER, 1);
    CHECK((seen().st_mode & 07777) == 0620);
    /* It is gone with its master, and a new one has nothing of it. */
    close(slave);
    close(master);
    open_pair();
    CHECK(seen().st_uid == 0);
    return check_end();
}
