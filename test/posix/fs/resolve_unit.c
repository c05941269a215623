// Do guest paths lead where the mount table says, with Linux' errors, through links, ".." and mount points?
// RUN: %build/unit/host-cc -g -O1 -Wall -Werror -I%root/test/posix/fs/Inputs %s -o %t
// RUN: rm -rf %t.d && mkdir %t.d && %t %t.d
#include "host_task.h"

static struct host_task *host;

static long open_is(const char *path) {
    long fd = guest_open(host, path, O_RDONLY);
    if (fd < 0)
        return fd;
    guest_close(host, fd);
    return 0;
}

static long mkdir_is(const char *path) {
    return CALL_(mkdir, host, text(host, 0, path), 0755);
}

static long chdir_is(const char *path) {
    return CALL_(chdir, host, text(host, 0, path));
}

static const char *where(void) {
    long length = CALL_(getcwd, host, buffer(host), 4096);
    static char error[32];
    snprintf(error, sizeof error, "%ld", length);
    return length < 0 ? error : buffer_text(host);
}

static long rename_is(const char *from, const char *to) {
    return CALL_(rename, host, text(host, 0, from), text(host, 1, to));
}

static long unlink_is(const char *path) {
    return CALL_(unlink, host, text(host, 0, path));
}

static long rmdir_is(const char *path) {
    return CALL_(rmdir, host, text(host, 0, path));
}

static long symlink_is(const char *target, const char *path) {
    return CALL_(symlink, host, text(host, 0, target), text(host, 1, path));
}

static long link_is(const char *from, const char *to) {
    return CALL_(link, host, text(host, 0, from), text(host, 1, to));
}

/* The names in a directory, sorted as they come, "." and ".." left out. */
static const char *names(const char *path) {
    static char list[4096];
    *list = 0;
    long fd = guest_open(host, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return "?";
    for (;;) {
        long length = CALL_(getdents64, host, (uint64_t)fd, buffer(host), 64);
        if (length <= 0)
            break;
        for (long at = 0; at < length;) {
            const char *record = buffer_text(host) + at;
            if (strcmp(record + 19, ".") && strcmp(record + 19, ".."))
                strcat(strcat(list, record + 19), " ");
            at += *(const unsigned short *)(record + 16);
        }
    }
    guest_close(host, fd);
    return list;
}

#define IS(text_, expected) CHECK_IS(strcmp(text_, expected) ? (printf("<%s>\n", text_), 1) : 0, 0)

static void files(void) {
    must(!mkdir("a", 0755) && !mkdir("a/deep", 0755) && !mkdir("a/deep/er", 0755) &&
             !mkdir("b", 0755) && !mkdir("c", 0755) && !mkdir("outside", 0755),
         "mkdir");
    host_write("outside/secret", "secret");
    host_write("a/file", "a");
    host_write("a/deep/file", "deep");
    host_write("b/file", "b");
    host_write("c/file", "c");
    host_write("single", "single");
    must(!symlink("/data/b/file", "a/absolute") && !symlink("deep/file", "a/relative") &&
             !symlink("../../outside/secret", "a/out") && !symlink("loop", "a/loop") &&
             !symlink("nothing", "a/dangling") && !symlink("/data", "a/deep/top") &&
             !symlink("..", "a/deep/up") && !symlink("/", "a/root") &&
             !symlink("../b", "a/sibling") && !symlink("/proc/self/fd", "a/fds"),
         "symlink");
    char target[4200];
    must(getcwd(target, sizeof target - 100) != NULL, "getcwd");
    strcat(target, "/outside/secret");
    must(!symlink(target, "a/host"), "symlink");
}

/* /data/a rw, /data/b ro, /data/a/deep/er covered by c, /one a single file. */
static void lookups(void) {
    CHECK_IS(guest_reads(host, "/data/a/file", "a"), 0);
    CHECK_IS(guest_reads(host, "//data/./a///file", "a"), 0);
    CHECK_IS(guest_reads(host, "/data/b/file", "b"), 0);
    CHECK_IS(guest_reads(host, "/data/a/deep/er/file", "c"), 0);
    CHECK_IS(guest_reads(host, "/one", "single"), 0);
    CHECK_IS(guest_reads(host, "/data/a/absolute", "b"), 0);
    CHECK_IS(guest_reads(host, "/data/a/relative", "deep"), 0);
    CHECK_IS(guest_reads(host, "/data/a/sibling/file", "b"), 0);
    CHECK_IS(guest_reads(host, "/data/a/deep/up/file", "a"), 0);
    CHECK_IS(guest_reads(host, "/data/a/deep/top/a/file", "a"), 0);
    CHECK_IS(guest_reads(host, "/data/a/deep/up/deep/er/file", "c"), 0);
    CHECK_IS(guest_reads(host, "/data/a/deep/er/../file", "deep"), 0);
    CHECK_IS(guest_reads(host, "/data/a/deep/er/../../../b/file", "b"), 0);
    CHECK_IS(guest_reads(host, "/../../data/a/../b/file", "b"), 0);
    CHECK_IS(guest_reads(host, "/data/a/root/one", "single"), 0);
    CHECK_IS(open_is("/data/a/out"), -ENOENT);
    CHECK_IS(open_is("/data/a/host"), -ENOENT);
    CHECK_IS(open_is("/data/a/../../../outside/secret"), -ENOENT);
    CHECK_IS(open_is("/data/a/loop"), -ELOOP);
    CHECK_IS(open_is("/data/a/dangling"), -ENOENT);
    CHECK_IS(open_is("/data/a/fds"), -ENOENT);
    CHECK_IS(open_is("/data/a/file/"), -ENOTDIR);
    CHECK_IS(open_is("/data/a/file/x"), -ENOTDIR);
    CHECK_IS(open_is("/one/"), -ENOTDIR);
    CHECK_IS(open_is("/one/x"), -ENOTDIR);
    CHECK_IS(open_is("/etc/passwd"), -ENOENT);
    CHECK_IS(open_is(""), -ENOENT);
    CHECK_IS(open_is("/"), 0);
    CHECK_IS(open_is("/data"), 0);
    CHECK_IS(open_is("/data/a"), 0);
    CHECK_IS(guest_open(host, "/data", O_RDWR), -EISDIR);
    char longer[4300];
    memset(longer, 'x', sizeof longer);
    memcpy(longer, "/data/a/", 8);
    longer[8 + 256] = 0;
    CHECK_IS(open_is(longer), -ENAMETOOLONG);
    longer[8 + 256] = 'x';
    longer[4200] = 0;
    CHECK_IS(open_is(longer), -ENAMETOOLONG);
    IS(names("/"), "data one ");
    IS(names("/data"), "a b ");
}

static void directories(void) {
    CHECK_IS(chdir_is("/data/a/deep"), 0);
    IS(where(), "/data/a/deep");
    CHECK_IS(guest_reads(host, "file", "deep"), 0);
    CHECK_IS(guest_reads(host, "../file", "a"), 0);
    CHECK_IS(guest_reads(host, "../../b/file", "b"), 0);
    CHECK_IS(guest_reads(host, "../../../one", "single"), 0);
    CHECK_IS(guest_reads(host, "er/file", "c"), 0);
    CHECK_IS(chdir_is("er"), 0);
    IS(where(), "/data/a/deep/er");
    CHECK_IS(chdir_is(".."), 0);
    IS(where(), "/data/a/deep");
    CHECK_IS(chdir_is("../.."), 0);
    IS(where(), "/data");
    CHECK_IS(guest_reads(host, "a/file", "a"), 0);
    CHECK_IS(guest_reads(host, "b/../a/file", "a"), 0);
    CHECK_IS(chdir_is("a/file"), -ENOTDIR);
    CHECK_IS(chdir_is("/data/a/root"), 0);
    IS(where(), "/");
    CHECK_IS(guest_reads(host, "one", "single"), 0);
    CHECK_IS(chdir_is(".."), 0);
    IS(where(), "/");
    /* A directory that moves up keeps its true parent. */
    CHECK_IS(mkdir_is("/data/a/x"), 0);
    CHECK_IS(mkdir_is("/data/a/x/y"), 0);
    CHECK_IS(mkdir_is("/data/a/x/y/z"), 0);
    CHECK_IS(chdir_is("/data/a/x/y/z"), 0);
    CHECK_IS(rename_is("/data/a/x/y/z", "/data/a/z"), 0);
    IS(where(), "/data/a/z");
    CHECK_IS(guest_reads(host, "../file", "a"), 0);
    CHECK_IS(guest_reads(host, "../../b/file", "b"), 0);
    CHECK_IS(guest_reads(host, "../../../outside/secret", "secret"), -ENOENT);
    CHECK_IS(guest_reads(host, "../../../../../outside/secret", "secret"), -ENOENT);
    CHECK_IS(rmdir_is("/data/a/z"), 0);
    IS(where(), "-2");
    CHECK_IS(open_is("x"), -ENOENT);
    CHECK_IS(chdir_is("/"), 0);
    CHECK_IS(rmdir_is("/data/a/x/y"), 0);
    CHECK_IS(rmdir_is("/data/a/x"), 0);
}

static void changes(void) {
    CHECK_IS(mkdir_is("/"), -EEXIST);
    CHECK_IS(mkdir_is("/data"), -EEXIST);
    CHECK_IS(mkdir_is("/data/a"), -EEXIST);
    CHECK_IS(mkdir_is("/new"), -EROFS);
    CHECK_IS(mkdir_is("/data/b/new"), -EROFS);
    CHECK_IS(mkdir_is("/data/b/file"), -EEXIST);
    CHECK_IS(mkdir_is("/data/a/new/"), 0);
    CHECK_IS(mkdir_is("/data/a/new/."), -EEXIST);
    CHECK_IS(rmdir_is("/data/a/new/."), -EINVAL);
    CHECK_IS(rmdir_is("/data/a/new/.."), -ENOTEMPTY);
    CHECK_IS(rmdir_is("/data/a/new"), 0);
    CHECK_IS(rmdir_is("/"), -EBUSY);
    CHECK_IS(rmdir_is("/data/a"), -EBUSY);
    CHECK_IS(rmdir_is("/data/a/deep/er"), -EBUSY);
    CHECK_IS(rmdir_is("/data/a/deep"), -EBUSY);
    CHECK_IS(rename_is("/data/a/deep", "/data/a/other"), -EBUSY);
    CHECK_IS(rename_is("/data/a/deep/up/deep", "/data/a/other"), -EBUSY);
    CHECK_IS(rename_is("/data/a/deep/er", "/data/a/other"), -EXDEV); /* its own mount's root */
    CHECK_IS(rename_is("/data/a/file", "/data/b/file2"), -EXDEV);
    CHECK_IS(link_is("/data/b/file", "/data/a/linked"), -EXDEV);
    CHECK_IS(link_is("/data/a/deep/er/file", "/data/a/linked"), -EXDEV);
    CHECK_IS(link_is("/one", "/data/a/linked"), -EXDEV);
    CHECK_IS(link_is("/data/a/deep", "/data/a/linked"), -EPERM);
    CHECK_IS(link_is("/data/a/file", "/data/a/linked"), 0);
    CHECK_IS(unlink_is("/data/a/linked"), 0);
    CHECK_IS(unlink_is("/data/b/file"), -EROFS);
    CHECK_IS(unlink_is("/data/a/deep"), -EISDIR);
    CHECK_IS(symlink_is("x", "/data/b/x"), -EROFS);
    CHECK_IS(symlink_is("x", "/x"), -EROFS);
    CHECK_IS(guest_open(host, "/data/b/file", O_RDWR), -EROFS);
    CHECK_IS(guest_open(host, "/data/b/file", O_RDONLY | O_TRUNC), -EROFS);
    CHECK_IS(guest_open(host, "/data/b/new", O_RDONLY | O_CREAT), -EROFS);
    CHECK_IS(guest_open(host, "/data/b/none/new", O_RDONLY | O_CREAT), -ENOENT);
    CHECK_IS(guest_open(host, "/data/b/file", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    CHECK_IS(guest_open(host, "/one", O_WRONLY), -EROFS);
    CHECK_IS(guest_close(host, guest_open(host, "/data/b/file", O_RDONLY | O_CREAT)), 0);
    CHECK_IS(CALL_(chmod, host, text(host, 0, "/data/b/file"), 0600), -EROFS);
    CHECK_IS(CALL_(chmod, host, text(host, 0, "/data/a/sibling/file"), 0600), -EROFS);
    CHECK_IS(CALL_(truncate, host, text(host, 0, "/data/b/file"), 0), -EROFS);
    CHECK_IS(CALL_(access, host, text(host, 0, "/data/b/file"), W_OK), -EROFS);
    CHECK_IS(CALL_(access, host, text(host, 0, "/data/b/file"), R_OK), 0);
    CHECK_IS(CALL_(access, host, text(host, 0, "/data"), R_OK), 0);
    long fd = guest_open(host, "/data/b/file", O_RDONLY);
    CHECK_IS(CALL_(fchmod, host, (uint64_t)fd, 0600), -EROFS);
    CHECK_IS(guest_close(host, fd), 0);
    /* Created through a dangling link, in another mount by an absolute one. */
    CHECK_IS(symlink_is("/data/a/deep/er/made", "/data/a/maker"), 0);
    CHECK_IS(guest_open(host, "/data/a/maker", O_RDWR | O_CREAT | O_EXCL), -EEXIST);
    CHECK_IS(guest_close(host, guest_open(host, "/data/a/maker", O_RDWR | O_CREAT)), 0);
    CHECK_IS(access("c/made", F_OK), 0);
    CHECK_IS(guest_open(host, "/data/a/maker", O_RDWR | O_NOFOLLOW), -ELOOP);
    CHECK_IS(unlink_is("/data/a/maker"), 0);
    CHECK_IS(unlink_is("/data/a/deep/er/made"), 0);
    CHECK_IS(access("c/made", F_OK), -1);
}

/* How many descriptors the host process has. */
static int host_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

int main(int argc, char **argv) {
    const char *why;
    must(!rt_start(&why) && !chdir(argv[1]), "start");
    files();
    struct process *process = host_process();
    host = host_task(process, 0);
    CHECK_IS(place_grant(process->place, "a", "/data/a", 0), 0);
    CHECK_IS(place_grant(process->place, "b", "/data/b/", 1), 0);
    CHECK_IS(place_grant(process->place, "c", "/data/a/deep/er", 0), 0);
    CHECK_IS(place_grant(process->place, "c", "/data/a/deep/er", 0), -EEXIST);
    CHECK_IS(place_grant(process->place, "a", "/data/a/..", 0), -EINVAL);
    CHECK_IS(place_grant(process->place, "a", "relative", 0), -EINVAL);
    CHECK_IS(place_grant(process->place, "none", "/none", 0), -ENOENT);
    CHECK_IS(place_grant_file(process->place, "single", "/one", 1), 0);
    CHECK_IS(place_grant_file(process->place, "a/file", "/data/a/file", 1), 0);
    CHECK_IS(process->place->mount_count, 4); /* the last one was visible already */
    int before = host_descriptors();
    for (int shared = 0; shared < 2; shared++) {
        lookups();
        directories();
        changes();
        descriptors_share(process->descriptors); /* once more with counted references */
    }
    for (long fd = 0; fd < 64; fd++)
        CHECK_IS(guest_close(host, fd), -EBADF); /* nothing was left open */
    CHECK_IS(host_descriptors(), before);
    return failures != 0;
}
