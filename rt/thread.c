/* Threads: their memory, what %fs and %gs show, who runs where, the checks of CPU and kernel. */
#include "rt/thread.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "rt/fault.h"
#include "rt/host.h"
#include "rt/spare.h"

struct rt_upcalls rt_upcalls;

/* The threads that run in a window, by its base. */
enum { LISTS = 1024 };
static struct thread *lists[LISTS];
static struct lock lists_lock; /* a leaf */

/* Used by gate.S. */
uint32_t xsave_mask;
uint32_t vector_kind; /* 1: the CPU has AVX2 and the kernel keeps its state */
void *xsave_initial;

static size_t xsave_bytes;
int base_instructions; /* the kernel keeps what wrgsbase sets */

#define XCR0_USED 0xc7ULL /* x87, SSE, AVX, AVX-512 but for its masks */
#define HWCAP2_FSGSBASE (1UL << 1)

size_t xsave_size(void)
{
    return xsave_bytes;
}

uint64_t xsave_components(void)
{
    return xsave_mask;
}

static uint64_t read_xcr0(void)
{
    uint32_t low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low | (uint64_t)high << 32;
}

/* Host pages for the runtime's own use, aligned to `alignment`, with a guard page below. NULL when
 * there is no memory. */
static void *pages_aligned(size_t size, size_t alignment)
{
    size_t total = size + alignment;
    uint8_t *area =
        mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED)
        return NULL;
    uint8_t *start = (uint8_t *)(((uintptr_t)area + alignment) & ~(uintptr_t)(alignment - 1));
    if (mprotect(start, size, PROT_READ | PROT_WRITE)) {
        munmap(area, total);
        return NULL;
    }
    /* The page below `start` stays as guard; the rest of the slack goes back. */
    if (start - area > LIND_PAGE_SIZE)
        munmap(area, (size_t)(start - area) - LIND_PAGE_SIZE);
    if (area + total > start + size)
        munmap(start + size, (size_t)(area + total - start) - size);
    return start;
}

int rt_start(const char **why)
{
    uint32_t eax, ebx, ecx, edx;

    base_instructions = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0;
    /* Each question costs microseconds in a virtual machine. */
    __cpuid(1, eax, ebx, ecx, edx);
    if (!(ecx & bit_OSXSAVE)) {
        *why = "this CPU lacks XSAVE";
        return -ENOSYS;
    }
    const uint64_t xcr0 = read_xcr0();
    xsave_mask = (uint32_t)(xcr0 & XCR0_USED);
    if ((xsave_mask & 6) == 6) {
        __cpuid_count(7, 0, eax, ebx, ecx, edx);
        vector_kind = (ebx & bit_AVX2) != 0;
    }
    __cpuid_count(0xd, 0, eax, ebx, ecx, edx);
    xsave_bytes = (ebx + 63) & ~63U;
    /* An all-zero area with MXCSR's default stands for the initial state of every component. */
    uint8_t *initial =
        pages_aligned((xsave_bytes + LIND_PAGE_SIZE - 1) & ~(LIND_PAGE_SIZE - 1UL), LIND_PAGE_SIZE);
    if (!initial) {
        *why = "out of memory";
        return -ENOMEM;
    }
    initial[25] = 0x1f; /* MXCSR 0x1f80 at byte 24 */
    initial[24] = 0x80;
    xsave_initial = initial;
    return fault_start(why);
}

/* What a thread has of the host's memory is one block: the signal stack, and above it the xsave
 * area. */
static struct spares idle_blocks = {.most = 64};

static size_t block_size(void)
{
    return SIGNAL_STACK_SIZE + ((xsave_bytes + LIND_PAGE_SIZE - 1) & ~(LIND_PAGE_SIZE - 1UL));
}

int thread_prepare(struct thread *thread)
{
    uint8_t *block = spare_take(&idle_blocks);
    if (!block)
        block = pages_aligned(block_size(), SIGNAL_STACK_SIZE);
    if (!block)
        return -ENOMEM;
    thread->signal_stack = block;
    thread->xsave = block + SIGNAL_STACK_SIZE;
    *(struct thread **)block = thread;
    thread_reset(thread);
    return 0;
}

void thread_reset(struct thread *thread)
{
    memcpy(thread->xsave, xsave_initial, xsave_bytes);
    thread->regs = (struct registers){.number = UINT64_MAX, .flags = 0x202};
}

void thread_dispose(struct thread *thread)
{
    void *block = thread->signal_stack;
    thread->signal_stack = NULL;
    thread->xsave = NULL;
    if (!spare_keep(&idle_blocks, block))
        munmap((uint8_t *)block - LIND_PAGE_SIZE, block_size() + LIND_PAGE_SIZE);
}

NO_SANITIZER void thread_save_vectors(struct thread *thread)
{
    __asm__ volatile("xsave64 (%0)" : : "r"(thread->xsave), "a"(xsave_mask), "d"(0) : "memory");
}

static struct thread **list_of(uint64_t base)
{
    return &lists[base / LIND_WINDOW_SIZE % LISTS];
}

static void show_pointer(const struct thread *thread)
{
    __asm__ volatile("movq %0, %%fs:%c1" : : "r"(thread->pointer), "i"(LIND_THREAD_POINTER));
}

static struct thread *current(void)
{
    struct thread *thread;
    __asm__ volatile("movq %%fs:%c1, %0" : "=r"(thread) : "i"(HOST_THREAD));
    return thread;
}

/* A kernel that does not use FSGSBASE keeps a base over a switch of tasks only if arch_prctl(2) set
 * it, which takes microseconds in some virtual machines. */
static void set_base(uint64_t base)
{
    static _Thread_local uint64_t now;
    if (base_instructions)
        __asm__ volatile("wrgsbase %0" : : "r"(base));
    else if (now != base && host_call2(SYS_arch_prctl, ARCH_SET_GS, base))
        __builtin_trap(); /* the base would be another cage's */
    now = base;
}

/* Called by thread_enter: from here on this host thread is this one. */
void thread_mount(struct thread *thread);
void thread_mount(struct thread *thread)
{
    set_base(thread->base);
    __asm__ volatile("movq %0, %%fs:%c1" : : "r"(thread), "i"(HOST_THREAD));
    show_pointer(thread);
    thread->cold = 0;
    if (thread->link)
        return;
    LOCKED(&lists_lock);
    thread->link = list_of(thread->base);
    thread->next = *thread->link;
    if (thread->next)
        thread->next->link = &thread->next;
    *thread->link = thread;
}

int thread_set_pointer(struct thread *thread, uint64_t pointer)
{
    if (pointer >= LIND_WINDOW_SIZE)
        return -EPERM;
    thread->pointer = pointer;
    if (current() == thread)
        show_pointer(thread);
    return 0;
}

void thread_forget(struct thread *thread)
{
    LOCKED(&lists_lock);
    if (!thread->link)
        return;
    *thread->link = thread->next;
    if (thread->next)
        thread->next->link = thread->link;
    thread->link = NULL;
}

int text_is_target(const struct text *text, uint64_t offset)
{
    if (!text || offset < text->start || offset >= text->end)
        return 0;
    uint64_t bit = offset - text->start;
    return text->targets[bit / 64] >> (bit % 64) & 1;
}

/* Called by gate.S through handler_cold: serves what is pending. Returns non-zero when the exit has
 * to look again. */
long gate_pending_call(struct thread *thread, const uint64_t args[6]);
long gate_pending_call(struct thread *thread, const uint64_t args[6])
{
    uint32_t bits = atomic_fetch_and(&thread->pending, ~(uint32_t)(PENDING_REGS | PENDING_VECTORS));
    if (!(bits & (PENDING_FAULT | PENDING_SIGNAL)))
        return 0;
    rt_upcalls.pending(thread);
    return 1;
}

static long unknown_call(struct thread *thread, const uint64_t args[6])
{
    return rt_upcalls.unknown(thread, args);
}

NO_SANITIZER long gate_unknown(struct thread *thread, const uint64_t args[6]);
long gate_unknown(struct thread *thread, const uint64_t args[6])
{
    return handler_cold(thread, args, (void *)(uintptr_t)unknown_call);
}

void thread_each_range(uint64_t base, void (*each)(uint64_t range, void *data), void *data)
{
    LOCKED(&lists_lock);
    for (struct thread *thread = *list_of(base); thread; thread = thread->next)
        for (size_t j = 0; thread->base == base && j < HOST_RANGES; j++)
            each(atomic_load(&thread->host_ranges[j]), data);
}
