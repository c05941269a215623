/* Does the gate carry registers, results, faults and signals between cage code and trusted code
 * unharmed? */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "rt/abi.h"
#include "rt/copy.h"
#include "rt/fault.h"
#include "rt/host.h"
#include "rt/thread.h"
#include "rt/window.h"

extern int base_instructions;
extern const char gate_code[], gate_code_end[], code_loop[], code_fault[], code_string[],
    code_null[];
void gate_entry(void);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static struct thread thread __attribute__((aligned(64)));
static struct handler handlers[HANDLER_TABLE_SIZE];
static uint64_t targets[64];
static struct text text = {.start = 0x20000, .end = 0x21000, .targets = targets};
static long calls, faults, signals;
static struct fault last_fault;

static long count(struct thread *t, const uint64_t args[6], void *data)
{
    calls++;
    return (long)(args[0] + args[5]);
}

static long leave(struct thread *t, const uint64_t args[6], void *data)
{
    thread_leave(t);
}

static void pending(struct thread *t)
{
    uint32_t bits = atomic_fetch_and(&t->pending, ~(uint32_t)(PENDING_FAULT | PENDING_SIGNAL));
    if (bits & PENDING_FAULT) {
        faults++;
        last_fault = t->fault;
        thread_leave(t);
    }
    if (bits & PENDING_SIGNAL) {
        signals++;
        atomic_fetch_or(&t->pending, PENDING_REGS);
    }
}

static long unknown(struct thread *t, const uint64_t args[6])
{
    return -ENOSYS;
}

/* May have interrupted a sanitizer's own code, whose locks it must not take. */
NO_SANITIZER static void host_signal(struct thread *t, int signal, const void *info)
{
    atomic_fetch_or(&t->pending, PENDING_SIGNAL);
}

static void start(const char *code)
{
    memset(&thread.regs, 0, sizeof thread.regs);
    thread.regs.flags = 0x202;
    thread.regs.rip = 0x20000 + (uint64_t)(code - gate_code);
    thread.regs.rsp = 0x40000;
    atomic_store(&thread.pending, 0);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* With an argument: as on a kernel that does not use FSGSBASE. */
int main(int argc, char **argv)
{
    const char *why = NULL;
    CHECK(rt_start(&why) == 0);
    if (argc > 1)
        base_instructions = 0;
    rt_upcalls =
        (struct rt_upcalls){.pending = pending, .unknown = unknown, .host_signal = host_signal};
    CHECK(window_reserve(&thread.base) == 0);
    CHECK(thread.base % LIND_WINDOW_SIZE == 0);
    CHECK(thread_prepare(&thread) == 0);
    CHECK(fault_thread_start(&thread) == 0);
    CHECK(fault_take_signal(SIGALRM) == 0);
    size_t size = (size_t)(gate_code_end - gate_code);
    char *at = (char *)(thread.base + 0x20000);
    CHECK(mmap(at, size + 0x10000, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0) == at);
    memcpy(at, gate_code, size);
    *(uint64_t *)(at + 0x1000) = thread.base;
    *(uint64_t *)(at + 0x1008) = (uint64_t)gate_entry;
    CHECK(mprotect(at, 0x1000, PROT_READ | PROT_EXEC) == 0);
    thread.handlers = handlers;
    thread.text = &text;
    handlers[0].function = count;
    handlers[1].function = leave;
    handlers[2] = (struct handler){handler_cold, (void *)count};
#ifdef LIND_SANITIZED
    /* Instrumented functions use vector registers. */
    handlers[0] = handlers[2];
    handlers[1] = (struct handler){handler_cold, (void *)leave};
#endif
    CHECK(thread_set_pointer(&thread, LIND_WINDOW_SIZE) == -EPERM);
    CHECK(thread_set_pointer(&thread, UINT64_MAX) == -EPERM);
    CHECK(thread_set_pointer(&thread, LIND_WINDOW_SIZE - 1) == 0);
    CHECK(thread_set_pointer(&thread, 0x30000) == 0);

    /* Calls: counted, result in rax, arguments and other registers whole. */
    for (int kind = 0; kind <= 2; kind += 2) {
        start(code_loop);
        calls = 0;
        const long rounds = 2000000;
        thread.regs.rbx = (uint64_t)rounds;
        thread.regs.r12 = (uint64_t)kind;
        thread.regs.rdi = 40;
        thread.regs.r9 = 2;
        thread.regs.r15 = 0x1515151515151515;
        double before = seconds();
        thread_enter(&thread);
        double after = seconds();
        CHECK(calls == rounds);
        CHECK(thread.regs.r15 == 0x1515151515151515 && thread.regs.rdi == 40 &&
              thread.regs.r9 == 2);
        CHECK(thread.regs.rsp == 0x40000);
        printf("%s call: %.1f ns\n", kind ? "cold" : "hot",
               (after - before) / (double)rounds * 1e9);
    }
    /* A number without an entry. */
    start(code_loop);
    thread.regs.rbx = 1;
    thread.regs.r12 = 0xfffffff0;
    thread_enter(&thread);

    /* A fault: reported with registers and the offset as address. */
    start(code_fault);
    thread.regs.rdi = 0x12340000;
    thread_enter(&thread);
    CHECK(faults == 1 && last_fault.signal == SIGSEGV && last_fault.address == 0x12340010);
    CHECK(thread.regs.rcx == 7 &&
          thread.regs.rip == 0x20000 + (uint64_t)(code_fault - gate_code) + 5);

    /* A fault inside a string group: rewound, with offsets in rdi and rsi. */
    targets[0] = 0;
    memset(targets, 0, sizeof targets);
    uint64_t string_at = (uint64_t)(code_string - gate_code);
    targets[string_at / 64] |= 1ULL << string_at % 64;
    start(code_string);
    thread.regs.rdi = 0x2f000;
    thread.regs.rsi = 0x12340000;
    thread.regs.rcx = 5;
    thread_enter(&thread);
    CHECK(faults == 2 && thread.regs.rdi == 0x2f000 && thread.regs.rsi == 0x12340000);
    CHECK(thread.regs.rip == 0x20000 + string_at && thread.regs.rcx == 5);

    /* Copies that fault return, and leave the runtime alive. */
    char buffer[32];
    CHECK(copyin(&thread, buffer, 0x12340000, 8) == -EFAULT);
    CHECK(copyin(&thread, buffer, LIND_WINDOW_SIZE - 4, 8) == -EFAULT);
    CHECK(copyin(&thread, buffer, UINT64_MAX - 3, 8) == -EFAULT);
    CHECK(copyin(&thread, buffer, 0x20000, 8) == 0);
    CHECK(copyout(&thread, 0x20000, buffer, 8) == -EFAULT);
    CHECK(copyinstr(&thread, buffer, 0x22000, sizeof buffer) == 0);
    CHECK(clearout(&thread, 0x21f00, 16) == 0);

    /* A storm of signals over calls: none lost, nothing harmed. */
    const struct itimerval storm = {{0, 37}, {0, 37}}, none = {0};
    setitimer(ITIMER_REAL, &storm, NULL);
    for (int kind = 0; kind <= 2; kind += 2) {
        const long most = 3000000;
        start(code_loop);
        calls = signals = 0;
        thread.regs.rbx = (uint64_t)most;
        thread.regs.r12 = (uint64_t)kind;
        thread.regs.rdi = 40;
        thread_enter(&thread);
        CHECK(calls == most);
        CHECK(signals > 0);
        printf("signals while calling: %ld\n", signals);
    }
    setitimer(ITIMER_REAL, &none, NULL);
    thread_forget(&thread);
    window_release(thread.base);
    thread_dispose(&thread);
    puts("ok");
    return 0;
}
