// Does the main stack grow as far as RLIMIT_STACK says, when it is changed while the program runs, too?
// RUN: rm -rf %t.dir && mkdir %t.dir && cd %t.dir
// RUN: musl-gcc -static -O1 -D_GNU_SOURCE -idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu %s -o native && ./native
// RUN: %lind-cc -O1 -D_GNU_SOURCE %s -o caged && %lind-run -- ./caged
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "mm.h"

#define KIB 1024UL
#define MIB (1024UL * KIB)

/* Uses `size` bytes more of the stack, here and there. */
__attribute__((noinline)) static void use(unsigned long size)
{
    volatile char block[size];
    for (unsigned long at = size; at >= 16 * PAGE; at -= 16 * PAGE)
        block[at - PAGE] = 1;
    block[0] = 2;
}

static void limit(unsigned long most)
{
    struct rlimit to;
    CHECK(!getrlimit(RLIMIT_STACK, &to));
    to.rlim_cur = most;
    CHECK(!setrlimit(RLIMIT_STACK, &to));
}

/* Which signal ends a child that does this, 0 for none. */
static int ends(void (*deed)(void))
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        failures = 0;
        deed();
        fflush(stdout);
        _exit(failures != 0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && (WIFSIGNALED(status) || !status));
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void as_it_is(void)
{
    use(7 * MIB);
}

static void beyond(void)
{
    use(9 * MIB);
}

static void lowered(void)
{
    limit(256 * KIB);
    use(128 * KIB);
}

static void beyond_lowered(void)
{
    limit(256 * KIB);
    use(MIB);
}

static void lowered_when_grown(void)
{
    use(2 * MIB);
    limit(256 * KIB);
    use(2 * MIB);
    CHECK(ends(beyond) == SIGSEGV);
}

static void raised(void)
{
    limit(64 * MIB);
    use(60 * MIB);
}

static void raised_child(void)
{
    limit(64 * MIB);
    CHECK(!ends(raised));
    use(60 * MIB);
    CHECK(!ends(raised));
}

static void beyond_raised(void)
{
    limit(64 * MIB);
    use(66 * MIB);
}

static void lowered_and_raised(void)
{
    for (int i = 0; i < 3; i++) {
        limit(256 * KIB);
        CHECK(ends(beyond_lowered) == SIGSEGV);
        limit(16 * MIB);
    }
    use(14 * MIB);
}

static void unlimited(void)
{
    limit(RLIM_INFINITY);
    use(100 * MIB);
}

/* The new pages are no part of what was mapped below the stack, and are empty. */
static void clean(void)
{
    char low;
    limit(32 * MIB);
    volatile char *below = (volatile char *)((unsigned long)&low - 26 * MIB);
    limit(64 * MIB);
    use(25 * MIB);
    CHECK(*below == 0);
    CHECK(mmap(0, 64 * MIB, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0) != MAP_FAILED);
    use(60 * MIB);
}

/* What stands in the way. */
static void obstacle(void)
{
    char low;
    unsigned long page = ((unsigned long)&low - 20 * MIB) & ~(PAGE - 1);
    char *at = mmap((void *)page, PAGE, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(at == (char *)page);
    *at = 7;
    limit(64 * MIB);
    use(16 * MIB);
    CHECK(*at == 7);
    use(30 * MIB);
}

/* The same where it could have grown to already. */
static void six(void)
{
    use(6 * MIB);
}

static void two(void)
{
    use(2 * MIB);
}

static void within(unsigned long below)
{
    char low;
    unsigned long page = ((unsigned long)&low - below) & ~(PAGE - 1);
    char *at = mmap((void *)page, PAGE, PROT_READ | PROT_WRITE, ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(at == (char *)page);
    *at = 7;
    CHECK(!ends(two));
    CHECK(ends(six) == SIGSEGV);
    limit(64 * MIB);
    CHECK(!ends(two));
    CHECK(*at == 7);
}

static void obstacle_within(void)
{
    within(4 * MIB);
    CHECK(ends(six) == SIGSEGV);
}

/* As near as the stack may not come. */
static void obstacle_beside(void)
{
    within(6 * MIB + 512 * KIB);
}

static void *nothing(void *none)
{
    return none;
}

/* vfork's child has limits of its own in the parent's memory. */
static void by_vfork(void)
{
    int status;
    pid_t pid = vfork();
    if (!pid) {
        const struct rlimit low = {128 * KIB, 128 * KIB};
        setrlimit(RLIMIT_STACK, &low);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && !status);
    use(7 * MIB);
}

/* Alone again as soon as another thread's end is announced. */
static int end_at_once(void *unused)
{
    syscall(SYS_exit, 0);
    return 0;
}

static void after_thread(void)
{
    static char stack[1 << 16] __attribute__((aligned(16)));
    static volatile int living = 1;
    CHECK(clone(end_at_once, stack + sizeof stack,
                CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                    CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
                NULL, NULL, NULL, &living) > 0);
    for (int looks = 0; living; looks++)
        if (looks > 2000)
            sched_yield();
    beyond_lowered();
}

static void beside_thread(void)
{
    pthread_t thread;
    limit(64 * MIB);
    CHECK(!pthread_create(&thread, NULL, nothing, NULL) && !pthread_join(thread, NULL));
    use(60 * MIB);
}

static const char *program;

static void execute_deep(void)
{
    execl(program, program, "deep", (char *)NULL);
    _exit(1);
}

static void executed_unlimited(void)
{
    limit(RLIM_INFINITY);
    execute_deep();
}

static void executed_large(void)
{
    limit(1024 * MIB);
    execute_deep();
}

static void executed_raised(void)
{
    limit(110 * MIB);
    execute_deep();
}

static void executed_lowered(void)
{
    limit(90 * MIB);
    execute_deep();
}

/* Linux has a bound for them that no stack raises. */
static void long_arguments(void)
{
    enum { COUNT = 70, SIZE = 100000 };
    static char text[SIZE], *arguments[COUNT + 1];
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < COUNT; i++)
        arguments[i] = text;
    limit(128 * MIB);
    CHECK(execv(program, arguments) == -1 && errno == E2BIG);
    limit(RLIM_INFINITY);
    CHECK(execv(program, arguments) == -1 && errno == E2BIG);
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc > 1 && !strcmp(argv[1], "deep")) {
        use(100 * MIB);
        return 0;
    }
    if (argc == 1) {
        limit(8 * MIB);
        execl(argv[0], argv[0], "again", (char *)NULL);
    }
    for (int i = 0; i < 2; i++) { /* also in windows that were used */
        CHECK(!ends(as_it_is));
        CHECK(ends(beyond) == SIGSEGV);
        CHECK(!ends(lowered));
        CHECK(ends(beyond_lowered) == SIGSEGV);
        CHECK(!ends(lowered_when_grown));
        CHECK(!ends(lowered_and_raised));
        CHECK(!ends(raised));
        CHECK(!ends(raised_child));
        CHECK(ends(beyond_raised) == SIGSEGV);
        CHECK(!ends(unlimited));
        CHECK(!ends(clean));
        CHECK(ends(obstacle) == SIGSEGV);
        CHECK(!ends(obstacle_within));
        CHECK(!ends(obstacle_beside));
        CHECK(!ends(by_vfork));
        for (int round = 0; round < 20; round++)
            CHECK(ends(after_thread) == SIGSEGV);
        CHECK(!ends(beside_thread));
        CHECK(!ends(executed_unlimited));
        CHECK(!ends(executed_large));
        CHECK(!ends(executed_raised));
        CHECK(ends(executed_lowered) == SIGSEGV);
        CHECK(!ends(long_arguments));
    }
    return failures != 0;
}
