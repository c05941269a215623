// When the host refuses any call that a fork, a start or an end needs, does every process find its own memory or an error, never another's, and does everything work again afterwards?
// UNSUPPORTED: sanitizer-address, sanitizer-thread
// RUN: rm -rf %t.dir && mkdir %t.dir
// RUN: %clang -O1 %S/Inputs/refuse.c -o %t.refuse
// RUN: %lind-cc -O1 %s -o %t
// RUN: timeout 600 %t.refuse 40 1 %t.dir/armed %lind-run -- %t %t.dir/armed 40 20 2>%t.errors
// RUN: timeout 600 %t.refuse 300 2 %t.dir/armed %lind-run -- %t %t.dir/armed 40 20 2>%t.errors
/* refused FILE ROUNDS AFTER: makes the file, has ROUNDS families of processes that compare what they find
 * with what they must, removes the file, and does it again with AFTER families, without any error being allowed. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, WORDS = PAGE / 8, AREAS = 7, PAGES_MOST = 640, WRONG = 77, REFUSED = 78 };

static uint64_t data[4 * WORDS] __attribute__((aligned(PAGE))) = {[0 ... 4 * WORDS - 1] = 'd'};
static uint64_t zeros[8 * WORDS] __attribute__((aligned(PAGE)));
static const uint64_t constant[2 * WORDS] __attribute__((aligned(PAGE))) = {[0 ... 2 * WORDS - 1] = 'c'};

/* What a process has besides. A page is 0, or all one number that names its writer. */
static struct area {
    uint64_t *at;
    int pages, protection;
    uint64_t content[PAGES_MOST];
} areas[AREAS];
static const int sizes[AREAS] = {3, 16, 60, 100, 255, 300, PAGES_MOST};
static const int protections[AREAS] = {PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
                                       PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE,
                                       PROT_READ | PROT_WRITE};
static char *program;
static uint32_t seed;

static uint32_t below(uint32_t n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % n;
}

static void wrong(const char *what, int page, uint64_t is, uint64_t should)
{
    char line[200];
    int length = snprintf(line, sizeof line, "%d: %s, page %d: %#lx, should be %#lx\n", getpid(), what, page, is, should);
    write(1, line, (size_t)length);
    _exit(WRONG);
}

__attribute__((noinline)) static void check(const char *what, const uint64_t *page, int number, uint64_t should)
{
    for (int i = 0; i < WORDS; i += 73)
        if (page[i] != should)
            wrong(what, number, page[i], should);
}

static void fill(uint64_t *page, uint64_t value)
{
    for (int i = 0; i < WORDS; i++)
        page[i] = value;
}

/* A number that no other process has. */
static uint64_t own(void)
{
    return 0xabc0000000000000 | (uint64_t)getpid() << 16 | below(0x10000);
}

/* What a program begins with. */
__attribute__((noinline)) static void check_start(void)
{
    uint64_t stack[16 * WORDS];
    __asm__ volatile("" : "=m"(stack)); /* as it is */
    for (int i = 0; i < 4; i++)
        check("data", data + i * WORDS, i, 'd');
    for (int i = 0; i < 8; i++)
        check("zeros", zeros + i * WORDS, i, 0);
    for (int i = 0; i < 2; i++)
        check("constant", constant + i * WORDS, i, 'c');
    for (int i = 0; i < 8; i++) /* below what main has used */
        check("stack", stack + i * WORDS, i, 0);
    uint64_t *fresh = mmap(NULL, 300 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED)
        return;
    for (int i = 0; i < 300; i++)
        check("fresh", fresh + i * WORDS, i, 0);
    munmap(fresh, 300 * PAGE);
}

static int make(struct area *area, int pages, int protection)
{
    area->pages = pages;
    area->protection = protection;
    area->at = mmap(NULL, (size_t)pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (area->at == MAP_FAILED)
        return -1;
    for (int i = 0; i < pages; i++) {
        area->content[i] = below(2) ? own() : 0;
        if (area->content[i])
            fill(area->at + i * WORDS, area->content[i]);
    }
    return mprotect(area->at, (size_t)pages * PAGE, protection);
}

static void check_areas(void)
{
    for (struct area *area = areas; area < areas + AREAS; area++) {
        if (!(area->protection & PROT_READ) && mprotect(area->at, (size_t)area->pages * PAGE, PROT_READ))
            continue;
        for (int i = 0; i < area->pages; i++)
            check("area", area->at + i * WORDS, i, area->content[i]);
        if (!(area->protection & PROT_READ) && mprotect(area->at, (size_t)area->pages * PAGE, area->protection))
            _exit(REFUSED);
    }
}

/* Leaves the map as fork gave it, or not. */
static void soil(void)
{
    uint64_t mine = own(), stack[16 * WORDS];
    for (int i = 0; i < 16; i++)
        fill(stack + i * WORDS, mine);
    check("stack", stack, 0, mine);
    for (int i = 0; i < 4; i++)
        fill(data + i * WORDS, mine);
    for (int i = 0; i < 8; i++)
        fill(zeros + i * WORDS, mine);
    for (struct area *area = areas; area < areas + AREAS; area++)
        for (int i = 0; i < area->pages; i++)
            if (area->protection & PROT_WRITE)
                fill(area->at + i * WORDS, mine);
    struct area *area = &areas[below(AREAS)];
    size_t size = (size_t)area->pages * PAGE;
    struct area more;
    switch (below(8)) {
    case 0:
        munmap(area->at, size / 2 & ~(size_t)(PAGE - 1));
        break;
    case 1:
        if (!mprotect(area->at, size, PROT_READ | PROT_WRITE))
            for (int i = 0; i < area->pages; i++)
                fill(area->at + i * WORDS, mine);
        mprotect(area->at, size, area->protection);
        break;
    case 2:
        make(&more, (int)(1 + below(PAGES_MOST)), PROT_READ);
        break;
    case 3:
        mlock(area->at + WORDS, PAGE);
        break;
    case 4:
        madvise(area->at, size, MADV_DONTNEED);
        break;
    case 5:
        mremap(area->at, size, 2 * size, MREMAP_MAYMOVE);
        break;
    }
}

static int may_be_refused;

/* What became of it: 0, or how many were refused. */
static int wait_for(pid_t pid)
{
    int status;
    if (pid < 0 && may_be_refused && (errno == ENOMEM || errno == EAGAIN))
        return 1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        printf("fork: %s\n", strerror(errno));
        return -1;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1)
        return 0;
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    int lost = WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS
                                   : WEXITSTATUS(status) == REFUSED;
    if (may_be_refused && lost)
        return 1;
    printf("a child ended with %#x\n", (unsigned)status);
    return -1;
}

static void grandchild(void)
{
    check_areas();
    soil();
    switch (below(4)) {
    case 0:
        raise(SIGUSR1);
        break;
    case 1:
        execl(program, program, "start", NULL);
    }
    _exit(0);
}

/* A process with memory of its own, and its children. */
static int family(void)
{
    int bad = 0;
    for (int i = 0; i < AREAS; i++)
        if (make(&areas[i], sizes[i], protections[i]))
            _exit(may_be_refused ? REFUSED : WRONG);
    for (int i = 0; i < 6; i++) {
        pid_t pid = fork();
        if (!pid) {
            seed += (uint32_t)getpid();
            grandchild();
        }
        if (wait_for(pid) < 0)
            bad = 1;
        check_areas();
        struct area *area = &areas[below(AREAS)];
        int page = (int)below((uint32_t)area->pages);
        if (area->protection & PROT_WRITE)
            fill(area->at + page * WORDS, area->content[page] = own());
    }
    return bad ? WRONG : 0;
}

static int run(int rounds)
{
    int refused = 0, bad = 0;
    for (int i = 0; i < rounds; i++) {
        fflush(stdout);
        pid_t pid = fork();
        if (!pid) {
            seed = (uint32_t)i;
            if (i % 2)
                execl(program, program, may_be_refused ? "family, refused" : "family", NULL);
            _exit(family());
        }
        int result = wait_for(pid);
        if (result < 0)
            bad = 1;
        else
            refused += result;
    }
    if (refused == rounds || (refused && !may_be_refused))
        bad = 1;
    fprintf(stderr, "%d of %d rounds refused\n", refused, rounds);
    return bad;
}

int main(int argc, char **argv)
{
    program = argv[0];
    check_start();
    if (argc == 2) {
        seed = (uint32_t)getpid();
        may_be_refused = !!strchr(argv[1], ',');
        return strcmp(argv[1], "start") ? family() : (soil(), 0);
    }
    may_be_refused = 1;
    close(open(argv[1], O_CREAT, 0600));
    int bad = run(atoi(argv[2]));
    unlink(argv[1]);
    may_be_refused = 0;
    bad |= run(atoi(argv[3]));
    if (bad)
        puts("wrong");
    return bad;
}
