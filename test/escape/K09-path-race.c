// Can a path leave the granted directory, from whatever root chroot(2) gave, while other threads swap links and rename directories under it (attack row K9)? The control follows the same paths without the defence and does get out.
// RUN: %build/unit/host-cc -g -O1 -Wall -Werror -I%root/test/posix/fs/Inputs %s -o %t
// RUN: rm -rf %t.d && mkdir %t.d && %t %t.d 2
#include "host_task.h"

#include <linux/fs.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>

/* Outside of the grant: "outside/secret" and the canary "canary". Inside, "root" granted as /g:
 *   d/e/f          a deep directory, renamed to "up" (directly below root) and back: ".." from
 * there may overshoot swap           now a directory with a file "secret", now a link to the
 * directory outside name           now a file, now a link to the secret own            a
 * subdirectory granted a second time as /own, read-only: renamed in the first grant */
static _Atomic int stop;
static _Atomic unsigned long swaps;
static struct process *process;

static void exchange(const char *one, const char *other)
{
    syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
}

static void *rename_host(void *unused) {
    while (!stop) {
        rename("root/d/e/f", "root/up");
        rename("root/up", "root/d/e/f");
        exchange("root/swap", "root/swap.link");
        exchange("root/name", "root/name.link");
        swaps++;
    }
    return NULL;
}

static long guest_rename(struct host_task *host, const char *from, const char *to, unsigned flags) {
    return CALL_(renameat2, host, (uint64_t)AT_FDCWD, text(host, 4, from), (uint64_t)AT_FDCWD,
                 text(host, 5, to), flags);
}

/* The same by the cage's own calls: rename and symlink are its weapons. */
static void *rename_guest(void *data) {
    struct host_task *host = data;
    while (!stop) {
        guest_rename(host, "/g/own/x/y", "/g/moved", 0);
        guest_rename(host, "/g/moved", "/g/own/x/y", 0);
        CALL_(unlink, host, text(host, 0, "/g/link"));
        CALL_(symlink, host, text(host, 0, "../../../../outside"), text(host, 1, "/g/link"));
        CALL_(unlink, host, text(host, 0, "/g/link"));
        CALL_(mkdir, host, text(host, 0, "/g/link"), 0755);
        CALL_(rmdir, host, text(host, 0, "/g/link"));
    }
    return NULL;
}

static const char *const reads[] = {
    "/g/swap/secret",
    "/g/name",
    "/g/d/e/f/../../../../outside/secret",
    "/g/up/../../outside/secret",
    "swap/secret",
    "name",
    "/g/link/secret",
    "link/secret",
    "/g/d/e/f/../../../swap/secret",
    "/own/x/y/../../../../outside/secret",
    "/own/x/y/../../../outside/secret",
};

/* From a working directory that is moved about. */
static const char *const reads_below[] = {
    "../outside/secret",
    "../../outside/secret",
    "../../../outside/secret",
    "../../../../outside/secret",
    "../../../../../outside/secret",
    "../swap/secret",
    "../../name",
};

static unsigned long escapes, opened;

static void try_read(struct host_task *host, const char *path) {
    long result = guest_reads(host, path, "outside secret");
    escapes += result == 0;
    opened += result == -1;
}

/* What writes outside would leave behind: the canary's size, mode or name. */
static void try_change(struct host_task *host) {
    static const char *const victims[] = {"/g/swap/canary", "/g/link/canary", "link/canary",
                                          "/g/up/../../outside/canary", "../../outside/canary"};
    for (unsigned i = 0; i < sizeof victims / sizeof *victims; i++) {
        uint64_t path = text(host, 0, victims[i]);
        long fd = guest_open(host, victims[i], O_WRONLY | O_TRUNC);
        if (fd >= 0)
            guest_close(host, fd);
        CALL_(truncate, host, path, 0);
        CALL_(chmod, host, path, 0777);
        CALL_(unlink, host, path);
        CALL_(link, host, path, text(host, 1, "/g/stolen"));
        CALL_(unlink, host, text(host, 1, "/g/stolen"));
        CALL_(rename, host, path, text(host, 1, "/g/stolen"));
        CALL_(mkdir, host, text(host, 1, "/g/link/made"), 0755);
        CALL_(rmdir, host, text(host, 1, "/g/link/made"));
        CALL_(symlink, host, path, text(host, 1, "link/planted"));
    }
}

/* From roots that are moved about, too. `top` is the real one, to go back to. */
static unsigned long roots;

static void try_roots(struct host_task *host, uint64_t top, unsigned long round) {
    static const char *const at[] = {"/g/d/e/f", "/g/up", "/own/x/y", "/g/own/x", "/g", "/own"};
    static const char *const paths[] = {
        "/../outside/secret",       "/../../outside/secret",        "/../../../outside/secret",
        "../outside/secret",        "../../../outside/secret",      "../../../../outside/secret",
        "/x/y/../../../outside/secret", "/swap/secret", "/link/secret", "/name",
    };
    roots += !CALL_(chroot, host, text(host, 0, at[round % (sizeof at / sizeof *at)]));
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        try_read(host, paths[i]);
    CALL_(chdir, host, text(host, 0, round & 1 ? "/" : "/.."));
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++)
        try_read(host, paths[i]);
    CALL_(fchdir, host, top);
    CALL_(chroot, host, text(host, 0, "."));
}

static void *attack(void *data) {
    struct host_task *host = data;
    long top = CALL_(open, host, text(host, 0, "/"), O_RDONLY | O_DIRECTORY);
    for (unsigned long round = 0; !stop; round++) {
        for (unsigned i = 0; i < sizeof reads / sizeof *reads; i++)
            try_read(host, reads[i]);
        if (!CALL_(chdir, host, text(host, 0, round & 1 ? "/g/d/e/f" : "/own/x/y")))
            for (unsigned i = 0; i < 3 * sizeof reads_below / sizeof *reads_below; i++)
                try_read(host, reads_below[i % (sizeof reads_below / sizeof *reads_below)]);
        if (!CALL_(chdir, host, text(host, 0, "..")))
            try_read(host, "outside/secret");
        if (round % 8 == 0)
            try_change(host);
        if (round % 4 == 0)
            try_roots(host, (uint64_t)top, round / 4);
        CALL_(chdir, host, text(host, 0, "/g"));
    }
    guest_close(host, top);
    return NULL;
}

/* Without the defence: the same names handed to the host as they are, below the grant's host
 * directory. */
static unsigned long control(time_t end) {
    unsigned long out = 0;
    while (time(NULL) < end && !out) {
        static const char *const paths[] = {"root/swap/secret", "root/name",
                                            "root/d/e/f/../../../../outside/secret"};
        for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
            char content[64] = "";
            int fd = open(paths[i], O_RDONLY);
            if (fd < 0)
                continue;
            out += read(fd, content, sizeof content) == 14 && !strcmp(content, "outside secret");
            close(fd);
        }
    }
    return out;
}

int main(int argc, char **argv) {
    const char *why;
    int seconds = atoi(argv[2]);
    struct stat before, after;
    pthread_t threads[4];
    must(!rt_start(&why) && !chdir(argv[1]), "start");
    must(!mkdir("root", 0755) && !mkdir("root/d", 0755) && !mkdir("root/d/e", 0755) &&
             !mkdir("root/d/e/f", 0755) && !mkdir("root/swap", 0755) && !mkdir("outside", 0700) &&
             !mkdir("root/own", 0755) && !mkdir("root/own/x", 0755) && !mkdir("root/own/x/y", 0755),
         "mkdir");
    host_write("outside/secret", "outside secret");
    host_write("outside/canary", "canary");
    host_write("root/swap/secret", "inside");
    host_write("root/swap/canary", "bait");
    host_write("root/name", "inside");
    must(!symlink("../outside", "root/swap.link") &&
             !symlink("../outside/secret", "root/name.link"),
         "symlink");
    must(!stat("outside/canary", &before), "canary");

    process = host_process();
    process->limits[RLIMIT_NOFILE].soft = 256;
    process->credentials.euid = 0; /* for chroot: who may call it is not what is asked here */
    must(!place_grant(process->place, "root", "/g", 0) &&
             !place_grant(process->place, "root/own", "/own", 1),
         "grant");
    descriptors_share(process->descriptors);

    pthread_create(&threads[0], NULL, rename_host, NULL);
    pthread_create(&threads[1], NULL, rename_guest, host_task(process, 1));
    pthread_create(&threads[2], NULL, attack, host_task(process, 2));
    pthread_create(&threads[3], NULL, attack, host_task(process, 3));
    unsigned long out = control(time(NULL) + 20);
    sleep((unsigned)seconds);
    stop = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);

    CHECK_IS(escapes, 0);
    CHECK_IS(out > 0, 1);     /* the control gets out */
    CHECK_IS(opened > 0, 1);  /* the attack did reach files inside */
    CHECK_IS(roots > 0, 1);
    CHECK_IS(swaps > 100, 1); /* and things did move */
    must(!stat("outside/canary", &after), "the canary is gone");
    CHECK_IS(after.st_size, before.st_size);
    CHECK_IS(after.st_mode, before.st_mode);
    CHECK_IS(after.st_nlink, 1);
    CHECK_IS(access("outside/made", F_OK), -1);
    CHECK_IS(access("outside/planted", F_OK), -1);
    struct host_task *last = host_task(process, 4);
    for (long fd = 0; fd < 256; fd++)
        CHECK_IS(guest_close(last, fd), -EBADF); /* no description was lost */
    printf("%lu swaps, %lu files read inside, %lu escapes, control %lu\n", swaps, opened, escapes,
           out);
    return failures != 0;
}
