// Does chroot(2) do what its page says: where paths, links and ".." lead, who inherits it, what /proc shows, who may? (Most of it needs root.)
// RUN: musl-gcc -static -O2 %s -o %t.native && rm -rf %t.dir && mkdir -m 755 %t.dir && cd %t.dir && %t.native
// RUN: %lind-cc -O2 %s -o %t && rm -rf %t.dir && mkdir -m 755 %t.dir && cd %t.dir && %lind-run -- %t
// The same with other mounts below and above the root, and with a root that is no directory of the host's.
// RUN: rm -rf %t.dir && mkdir -m 755 %t.dir && cd %t.dir && mkdir -m 755 other && %lind-run --dir other:%t.dir/grant -- %t
// RUN: rm -rf %t.dir && mkdir -m 755 %t.dir && cd %t.dir && mkdir -p -m 755 w/jail && echo deep > w/jail/deep
// RUN: cd %t.dir && %lind-run --no-default-dirs --dir .:/air/a --dir w:/air/b/w:ro -- %t mounts
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../Inputs/check.h"

static char top[PATH_MAX]; /* the directory that this test works in */

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

/* Whether the file at path begins with this text. */
static int says(const char *path, const char *text)
{
    char got[64] = "";
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, got, sizeof got - 1);
    close(fd);
    return length >= 0 && !strncmp(got, text, strlen(text));
}

static int same(const char *one, const char *other)
{
    struct stat a, b;
    return !stat(one, &a) && !stat(other, &b) && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static int link_is(const char *path, const char *text)
{
    char got[PATH_MAX] = "";
    ssize_t length = readlink(path, got, sizeof got - 1);
    if (length >= 0 && !strcmp(got, text))
        return 1;
    printf("%s leads to '%s'\n", path, got);
    return 0;
}

static int in_directory(const char *text)
{
    char got[PATH_MAX + 20] = "";
    return syscall(SYS_getcwd, got, sizeof got) == (long)strlen(text) + 1 && !strcmp(got, text);
}

static void in_child(void (*function)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        check_failures = 0;
        function();
        _exit(check_end());
    }
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
}

static void make_tree(void)
{
    CHECK(!mkdir("jail", 0755) && !mkdir("jail/sub", 0755) && !mkdir("jail/sub/deep", 0755));
    CHECK(!mkdir("out", 0755) && !mkdir("closed", 0700) && !mkdir("closed/in", 0755));
    write_file("secret", "outside");
    write_file("jail/inside", "inside");
    write_file("jail/sub/file", "sub");
    CHECK(!symlink("/inside", "jail/absolute") && !symlink("../../../inside", "jail/sub/up"));
    CHECK(!symlink("/sub/../../../secret", "jail/escape") && !symlink("/", "jail/sub/root"));
    CHECK(!symlink("jail/../inside", "through"));
    CHECK(!symlink("jail", "link") && !symlink("loop", "loop") && !symlink("/sub", "jail/dir"));
}

static void errors(void)
{
    char name[NAME_MAX + 2], path[PATH_MAX + 2];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = 0;
    FAILS(chroot("none"), ENOENT);
    FAILS(chroot(""), ENOENT);
    FAILS(chroot("secret"), ENOTDIR);
    FAILS(chroot("secret/x"), ENOTDIR);
    FAILS(chroot("loop"), ELOOP);
    FAILS(chroot(name), ENAMETOOLONG);
    FAILS(chroot(path), ENAMETOOLONG);
    FAILS(chroot((char *)-1), EFAULT);
    FAILS(chroot((char *)8), EFAULT);
}

static void not_root(void)
{
    errors();
    FAILS(chroot("jail"), EPERM);
    CHECK(!mkdir("mine", 0700) && !chmod("mine", 0));
    FAILS(chroot("mine"), EACCES);
    FAILS(chroot("mine/x"), EACCES);
}

static void with_other_user(void)
{
    CHECK(!chmod(".", 0755) && !seteuid(65534));
    FAILS(chroot("jail"), EPERM);
    FAILS(chroot("closed"), EACCES);
    FAILS(chroot("closed/in"), EACCES);
    FAILS(chroot("none"), ENOENT);
    CHECK(!seteuid(0) && !chroot("jail") && !seteuid(65534));
    CHECK(says("/inside", "inside"));
    FAILS(chroot("/sub"), EPERM);
}

static void kept_in(void)
{
    CHECK(!chroot("jail") && !chdir("/") && in_directory("/"));
    CHECK(says("/inside", "inside") && says("inside", "inside") && says("../inside", "inside"));
    CHECK(says("/../inside", "inside") && says("/../../../inside", "inside"));
    CHECK(says("/sub/../../../inside", "inside") && says("sub/../../inside", "inside"));
    CHECK(says("absolute", "inside") && says("/absolute", "inside") && says("sub/up", "inside"));
    CHECK(says("/sub/root/../inside", "inside") && says("dir/file", "sub"));
    CHECK(says("//./sub//.//file", "sub") && same("/", "..") && same("/..", "/sub/root"));
    FAILS(open("secret", O_RDONLY), ENOENT);
    FAILS(open("../secret", O_RDONLY), ENOENT);
    FAILS(open("/escape", O_RDONLY), ENOENT);
    FAILS(open(top, O_RDONLY), ENOENT);
    FAILS(access("/jail", F_OK), ENOENT);
    CHECK(!chdir("sub/deep") && in_directory("/sub/deep") && says("../../../../inside", "inside"));
    CHECK(!chdir("..") && in_directory("/sub") && !chdir("../..") && in_directory("/"));
    CHECK(!mkdir("/made", 0755) && !rename("/made", "/../renamed") && !rmdir("renamed"));
    FAILS(rmdir("/"), EBUSY);
    FAILS(mkdir("/", 0755), EEXIST);
    FAILS(unlink("/.."), EISDIR);
    CHECK(!link("/inside", "/sub/again") && says("/sub/again", "inside") && !unlink("/sub/again"));
    write_file("/sub/../../made", "made");
    CHECK(says("made", "made") && !unlink("/made"));
    /* A root within the root; the way up from it ends there. */
    CHECK(!chroot("/sub") && says("/file", "sub") && !chdir("/deep") && in_directory("/deep"));
    CHECK(says("../../../file", "sub"));
}

/* The working directory and descriptors stay where they are. */
static void not_kept_in(void)
{
    char expected[PATH_MAX + 40];
    int up = open(".", O_RDONLY | O_DIRECTORY), down = open("jail/sub", O_PATH);
    CHECK(!chroot("jail") && says("/inside", "inside") && says("secret", "outside"));
    snprintf(expected, sizeof expected, "(unreachable)%s", top);
    CHECK(in_directory(expected));
    char *path = getcwd(NULL, 0);
    CHECK(!path && errno == ENOENT);
    FAILS(syscall(SYS_getcwd, expected, 12), ERANGE);
    CHECK(!chdir("jail/sub") && in_directory("/sub") && says("../../inside", "inside"));
    CHECK(!fchdir(up) && says("jail/../inside", "inside") && says("out/../secret", "outside"));
    CHECK(says("through", "inside"));
    int fd = openat(down, "../../inside", O_RDONLY);
    CHECK(fd >= 0);
    FAILS(openat(down, "../../secret", O_RDONLY), ENOENT);
    CHECK(openat(up, "secret", O_RDONLY) >= 0);
    /* Above the root nothing ends the way up but the real one. */
    char up_all[PATH_MAX] = "";
    for (const char *at = top; *at; at++)
        if (*at == '/')
            strcat(up_all, "../");
    strcat(up_all, top + 1);
    CHECK(!chdir(up_all) && says("secret", "outside"));
    CHECK(!chroot("../../../../../../../../../../../../../../../../../../.."));
    CHECK(!chdir(top) && says("secret", "outside") && in_directory(top));
}

/* ".." is a name in a directory, which who may not search it may not look up. */
static void not_up(int closed)
{
    struct stat status;
    CHECK(!seteuid(65534));
    FAILS(open("..", O_RDONLY), EACCES);
    FAILS(open("../secret", O_RDONLY), EACCES);
    FAILS(openat(closed, "..", O_PATH), EACCES);
    FAILS(openat(closed, "../secret", O_RDONLY), EACCES);
    FAILS(openat(closed, "../through", O_RDONLY), EACCES);
    FAILS(lstat("../secret", &status), EACCES);
    FAILS(chdir(".."), EACCES);
    FAILS(chdir("../out"), EACCES);
    FAILS(mkdir("../new", 0755), EACCES);
    CHECK(!seteuid(0) && says("../secret", "outside"));
}

static void up_from_closed(void)
{
    int closed = open("closed", O_RDONLY | O_DIRECTORY);
    CHECK(!chdir("closed"));
    not_up(closed);
    CHECK(!chroot("../jail"));
    not_up(closed);
    CHECK(!chroot("../closed"));
    CHECK(!seteuid(65534));
    FAILS(open("..", O_RDONLY), EACCES);
    FAILS(open("/../in", O_RDONLY), EACCES);
}

static const char *program;

static void runs(void)
{
    char copy[] = "jail/program";
    char buffer[65536];
    int from = open(program, O_RDONLY), to = open(copy, O_CREAT | O_WRONLY, 0755), status;
    for (ssize_t got; (got = read(from, buffer, sizeof buffer)) > 0;)
        CHECK(write(to, buffer, (size_t)got) == got);
    close(to);
    write_file("jail/script", "#!/program started\n");
    CHECK(!chmod("jail/script", 0755));
    CHECK(!chroot("jail") && !chdir("/sub"));
    fflush(stdout);
    for (int i = 0; i < 3; i++) {
        pid_t pid = i == 1 ? vfork() : fork();
        if (!pid) {
            execl(i == 2 ? "/script" : "../../program", "program", "started", NULL);
            _exit(100);
        }
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
    }
}

static int started(void)
{
    CHECK(in_directory("/sub") && says("/inside", "inside") && says("../../inside", "inside"));
    FAILS(open("/secret", O_RDONLY), ENOENT);
    return check_end();
}

/* What others see of it: /proc/PID/root, cwd, fd. */
static void shown(void)
{
    int go[2], done[2], status;
    char path[64], expected[PATH_MAX + 20], byte;
    CHECK(!pipe(go) && !pipe(done) && link_is("/proc/self/root", "/"));
    pid_t pid = fork();
    if (!pid) {
        int failed = chroot("jail") || chdir("/sub") || open("/inside", O_RDONLY) < 0;
        write(done[1], "x", 1);
        read(go[0], &byte, 1);
        _exit(failed);
    }
    CHECK(read(done[0], &byte, 1) == 1);
    snprintf(path, sizeof path, "/proc/%d/root", pid);
    snprintf(expected, sizeof expected, "%s/jail", top);
    CHECK(link_is(path, expected) && same(path, "jail"));
    snprintf(path, sizeof path, "/proc/%d/root/inside", pid);
    CHECK(says(path, "inside"));
    snprintf(path, sizeof path, "/proc/%d/cwd", pid);
    snprintf(expected, sizeof expected, "%s/jail/sub", top);
    CHECK(link_is(path, expected));
    write(go[1], "x", 1);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    /* From inside, through what is still open. */
    int proc = open("/proc", O_RDONLY | O_DIRECTORY);
    CHECK(!chroot("jail") && !chdir("/sub") && !fchdir(proc));
    CHECK(link_is("self/root", "/") && link_is("self/cwd", "/proc"));
    int fd = open("/sub/file", O_RDONLY);
    snprintf(path, sizeof path, "self/fd/%d", fd);
    CHECK(link_is(path, "/sub/file"));
    snprintf(path, sizeof path, "self/fd/%d", proc);
    CHECK(link_is(path, "/proc") && says("self/root/inside", "inside"));
    CHECK(says("self/root/../inside", "inside"));
    char byte_of_table;
    CHECK(read(open("self/mounts", O_RDONLY), &byte_of_table, 1) == 0); /* none lies below */
}

static void *other_thread(void *unused)
{
    CHECK(!chroot("jail"));
    return NULL;
}

static void threads(void)
{
    pthread_t thread;
    CHECK(!pthread_create(&thread, NULL, other_thread, NULL) && !pthread_join(thread, NULL));
    CHECK(says("/inside", "inside") && access("/secret", F_OK) < 0);
}

/* A child's root is its own, and one that is renamed or removed stays the root. */
static void moved(void)
{
    int status;
    pid_t pid = fork();
    if (!pid)
        _exit(chroot("jail") != 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0 && access(top, F_OK) == 0);
    CHECK(!mkdir("moves", 0755) && !mkdir("moves/sub", 0755) && !mkdir("gone", 0755));
    pid = fork();
    if (!pid) {
        CHECK(!chroot("moves") && !rename("moves", "moved"));
        CHECK(!chdir("/sub") && in_directory("/sub") && same("../..", "/") && !chdir("../.."));
        CHECK(in_directory("/") && !rename("/sub", "/bus") && same("/bus/..", "/"));
        _exit(check_end());
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(!chroot("gone") && !rmdir("gone"));
    FAILS(open("/x", O_CREAT | O_RDWR, 0644), ENOENT);
    CHECK(!access("/", F_OK) && says("secret", "outside"));
}

/* Caged only. Mounts at /air/a, /air/b/w, /proc, /dev and /tmp; /, /air, /air/b are in no mount. */
static int mounts(void)
{
    if (geteuid())
        return 0;
    int real = open("/", O_RDONLY | O_DIRECTORY);
    int proc = open("/proc/self", O_RDONLY | O_DIRECTORY);
    CHECK(!chroot("/air") && !chdir("/") && in_directory("/"));
    CHECK(says("/b/w/jail/deep", "deep") && says("a/w/jail/deep", "deep"));
    CHECK(says("/../a/../../b/w/jail/../jail/deep", "deep") && same("/", "/b/../.."));
    FAILS(open("/b/w/jail/new", O_CREAT | O_RDWR, 0644), EROFS);
    FAILS(open("/proc/self/maps", O_RDONLY), ENOENT);
    FAILS(open("/../proc/self/maps", O_RDONLY), ENOENT);
    FAILS(mkdir("/new", 0755), EROFS);
    char table[4096] = "";
    CHECK(read(openat(proc, "mounts", O_RDONLY), table, sizeof table - 1) > 0);
    CHECK(strstr(table, " /a ") && strstr(table, " /b/w ") && !strstr(table, "proc"));
    CHECK(!chdir("/b/w/jail") && in_directory("/b/w/jail") && says("../../../../a/w/jail/deep", "deep"));
    CHECK(!symlink("/b/w/jail/deep", "/a/link") && says("/a/link", "deep") && !unlink("/a/link"));
    CHECK(!chroot("/b/w") && says("/jail/deep", "deep") && says("/../../jail/deep", "deep"));
    FAILS(open("/jail/new", O_CREAT | O_RDWR, 0644), EROFS);
    FAILS(open("/a", O_RDONLY), ENOENT);
    CHECK(in_directory("/jail") && !chdir("../..") && in_directory("/"));
    /* The same directory through another grant is another place. */
    CHECK(!fchdir(real) && in_directory("(unreachable)/") && !chdir("air/a/w"));
    CHECK(in_directory("(unreachable)/air/a/w") && says("../w/jail/deep", "deep"));
    CHECK(!fchdir(real) && !chroot(".") && in_directory("/") && says("/air/b/w/jail/deep", "deep"));
    CHECK(says("/proc/self/comm", ""));
    return check_end();
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc > 1 && !strcmp(argv[1], "mounts"))
        return mounts();
    if (argc > 1)
        return started();
    CHECK(getcwd(top, sizeof top));
    umask(022);
    make_tree();
    if (geteuid()) {
        in_child(not_root);
        return check_end();
    }
    in_child(errors);
    in_child(with_other_user);
    in_child(kept_in);
    in_child(not_kept_in);
    in_child(up_from_closed);
    in_child(runs);
    in_child(shown);
    in_child(threads);
    in_child(moved);
    return check_end();
}
