// Does the gate give trusted code a clear direction flag, and the cage its registers back without anything that trusted code left in them
// (attack rows S1, S3)? The control: where the gate's saving is left out, the cage reads what trusted code left.
// REQUIRES: avx2
// RUN: %build/unit/host-cc -g -O1 -Wall -Werror -mavx2 %s %S/Inputs/S03/code.S -o %t && %t
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rt/abi.h"
#include "rt/fault.h"
#include "rt/thread.h"
#include "rt/window.h"

extern const char code[], code_end[], code_state[], code_backwards[], code_fault[], filled[], found[];
void gate_entry(void);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);               \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

enum { CODE = 0x20000, SLOTS = 0x1000, STATE = 512 + 128, SECRET = 0x5e, DIRECTION = 0x400 };
enum { LEAVE, HOT, COLD, DIRTY_HOT, DIRTY_COLD, DIRTY_PENDING };

static struct thread thread __attribute__((aligned(64)));
static struct handler handlers[HANDLER_TABLE_SIZE];
static uint64_t targets[64];
static struct text text = {.start = CODE, .end = CODE + 0x1000, .targets = targets};
static uint64_t flags_seen, calls;

/* Leaves secrets wherever it can. */
NO_SANITIZER static void soil(int x87)
{
    static const uint8_t secret[32] __attribute__((aligned(32))) = {[0 ... 31] = SECRET};
#define ONE(n) "vmovdqa %0, %%ymm" #n "\n\t"
    __asm__ volatile(ONE(0) ONE(1) ONE(2) ONE(3) ONE(4) ONE(5) ONE(6) ONE(7) ONE(8) ONE(9) ONE(10)
                         ONE(11) ONE(12) ONE(13) ONE(14) ONE(15)
                     :
                     : "m"(secret));
    if (x87)
        __asm__ volatile("fninit\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi\n\tfldpi");
}

NO_SANITIZER static long look(struct thread *t, const uint64_t args[6], void *data)
{
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags_seen));
    calls++;
    return 0;
}

NO_SANITIZER static long look_and_soil(struct thread *t, const uint64_t args[6], void *data)
{
    look(t, args, data);
    soil(0);
    return 0;
}

/* Has the gate serve something pending on the way back. */
NO_SANITIZER static long ask(struct thread *t, const uint64_t args[6], void *data)
{
    atomic_fetch_or(&t->pending, PENDING_SIGNAL | PENDING_REGS);
    return 0;
}

NO_SANITIZER static long leave(struct thread *t, const uint64_t args[6], void *data)
{
    thread_leave(t);
}

static void pending(struct thread *t)
{
    uint32_t bits = atomic_fetch_and(&t->pending, ~(uint32_t)(PENDING_FAULT | PENDING_SIGNAL));
    look(t, NULL, NULL);
    if (bits & PENDING_FAULT)
        thread_leave(t);
    soil(1);
    /* The registers that a call may change: nothing of the host's there either. */
    atomic_fetch_or(&t->pending, PENDING_REGS);
}

static long unknown(struct thread *t, const uint64_t args[6])
{
    return -1;
}

static void host_signal(struct thread *t, int signal, const void *info)
{
}

static uint8_t *at;

static void run(const char *from, uint64_t call)
{
    memset(&thread.regs, 0, sizeof thread.regs);
    thread.regs.flags = 0x202;
    thread.regs.rip = CODE + (uint64_t)(from - code);
    thread.regs.rsp = 0x40000;
    thread.regs.rbx = call;
    flags_seen = ~0UL;
    atomic_store(&thread.pending, 0);
    thread_enter(&thread);
}

/* What the cage finds in its vector and x87 registers behind a call: whether it is what it had there, and whether the secret is. */
static void state(uint64_t call, int *same, int *secret)
{
    uint8_t *to = at + (filled - code), *from = at + (found - code);
    for (int i = 0; i < STATE; i++)
        to[i] = (uint8_t)(i * 37 + 1);
    for (int i = 0; i < 8; i++) { /* proper numbers, so that nothing changes them on the way */
        uint8_t *number = to + 512 + 16 * i;
        number[7] |= 0x80;
        number[8] = 0;
        number[9] = 0x40;
        memset(number + 10, 0, 6);
    }
    memset(from, 0, STATE);
    run(code_state, call);
    *same = !memcmp(to, from, STATE);
    *secret = 0;
    for (int i = 0; i < 512; i++)
        *secret += from[i] == SECRET && to[i] != SECRET;
}

int main(void)
{
    const char *why = NULL;
    int same, secret;
    size_t size = (size_t)(code_end - code);
    CHECK(rt_start(&why) == 0);
    rt_upcalls = (struct rt_upcalls){.pending = pending, .unknown = unknown, .host_signal = host_signal};
    CHECK(window_reserve(&thread.base) == 0 && thread_prepare(&thread) == 0 &&
          fault_thread_start(&thread) == 0);
    at = (uint8_t *)(thread.base + CODE);
    CHECK(mmap(at, size + 0x20000, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == at);
    memcpy(at, code, size);
    *(uint64_t *)(at + SLOTS) = thread.base;
    *(uint64_t *)(at + SLOTS + 8) = (uint64_t)gate_entry;
    CHECK(mprotect(at, 0x1000, PROT_READ | PROT_EXEC) == 0);
    thread.handlers = handlers;
    thread.text = &text;
    handlers[LEAVE].function = leave;
    handlers[HOT].function = look;
    handlers[COLD] = (struct handler){handler_cold, (void *)look};
    handlers[DIRTY_HOT].function = look_and_soil;
    handlers[DIRTY_COLD] = (struct handler){handler_cold, (void *)look_and_soil};
    handlers[DIRTY_PENDING].function = ask;
    CHECK(thread_set_pointer(&thread, 0x30000) == 0);

    state(HOT, &same, &secret);
    CHECK(calls == 1 && same && !secret);
    state(COLD, &same, &secret);
    CHECK(calls == 2 && same && !secret);
    state(DIRTY_COLD, &same, &secret);
    CHECK(calls == 3 && same && !secret);
    state(DIRTY_PENDING, &same, &secret);
    CHECK(calls == 4 && same && !secret);
    /* The control. */
    state(DIRTY_HOT, &same, &secret);
    CHECK(calls == 5 && !same && secret > 400);

    uint64_t own = 0;
    __asm__ volatile("std\n\tpushfq\n\tpopq %0\n\tcld" : "=r"(own));
    CHECK(own & DIRECTION); /* the control: seen where it is set */
    for (uint64_t call = HOT; call <= DIRTY_PENDING; call++) {
        run(code_backwards, call);
        CHECK(flags_seen != ~0UL && !(flags_seen & DIRECTION));
    }
    run(code_fault, 0);
    CHECK(flags_seen != ~0UL && !(flags_seen & DIRECTION));
    thread_forget(&thread);
    return 0;
}
