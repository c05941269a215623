/* Threads: their memory, their place in the gate's chains, and the checks of CPU and kernel. */
#include "rt/thread.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "rt/fault.h"
#include "rt/host.h"
#include "rt/spare.h"

struct rt_upcalls rt_upcalls;

/* Chains of live threads by %fs base. The gate walks them without a lock; changes are made under
 * chain_lock, which is a leaf lock. A walker that a change leads astray ends at NULL or meets
 * threads of another chain, and starts again. */
static struct thread *chains[THREAD_HASH_SIZE];
static struct lock chain_lock;

/* Used by gate.S. */
struct thread **const thread_chains = chains;
uint32_t xsave_mask;
uint32_t thread_in_mask; /* 1: an opmask register of AVX-512 names the thread */
uint32_t vector_kind;    /* 1: the CPU has AVX2 and the kernel keeps its state */
void *xsave_initial;
uint32_t bases_by_call; /* 1: the bases of %fs and %gs are set by arch_prctl(2) */

static size_t xsave_bytes;

#define XCR0_USED 0xc7ULL /* x87, SSE, AVX, AVX-512 but for its masks */
#define XCR0_MASKS 0xe7ULL
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

static sigjmp_buf no_instruction;

static void on_illegal(int signal)
{
    siglongjmp(no_instruction, 1);
}

/* Whether the instructions work although the kernel does not speak of them: it keeps the bases over
 * a switch of tasks only if they were set by arch_prctl(2) then. Virtual machines may be so. */
static int has_base_instructions(void)
{
    struct sigaction old, action = {.sa_handler = on_illegal};
    volatile uint64_t read = 0;
    uint64_t base = 0;
    sigaction(SIGILL, &action, &old);
    if (!sigsetjmp(no_instruction, 1)) {
        uint64_t value;
        __asm__ volatile("rdfsbase %0" : "=r"(value));
        read = value;
    }
    sigaction(SIGILL, &old, NULL);
    return !host_call2(SYS_arch_prctl, ARCH_GET_FS, &base) && read == base;
}

int rt_start(const char **why)
{
    uint32_t eax, ebx, ecx, edx;

    bases_by_call = !(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE);
    if (bases_by_call && !has_base_instructions()) {
        *why = "this CPU or hypervisor has no FSGSBASE instructions (a CPU of 2012 or later has, "
               "with Linux 5.9 or later, not booted with nofsgsbase)";
        return -ENOSYS;
    }
    /* A CPU with FSGSBASE has the leaves 7 and 0xd. Each question costs microseconds in a virtual
     * machine. */
    __cpuid(1, eax, ebx, ecx, edx);
    if (!(ecx & bit_OSXSAVE) || !(ecx & bit_SSE4_2)) {
        *why = "this CPU lacks XSAVE or SSE4.2";
        return -ENOSYS;
    }
    const uint64_t xcr0 = read_xcr0();
    xsave_mask = (uint32_t)(xcr0 & XCR0_USED);
    if ((xsave_mask & 6) == 6) {
        __cpuid_count(7, 0, eax, ebx, ecx, edx);
        vector_kind = (ebx & bit_AVX2) != 0;
        thread_in_mask = (xcr0 & XCR0_MASKS) == XCR0_MASKS && ebx & bit_AVX512BW;
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

/* The gate's hash: CRC-32C of the %fs base, its low 16 bits. */
static struct thread **chain_of(uint64_t fs_base)
{
    uint64_t hash = 0;
    __asm__("crc32q %1, %0" : "+r"(hash) : "rm"(fs_base));
    return &chains[hash & (THREAD_HASH_SIZE - 1)];
}

static void chain_remove(struct thread *thread)
{
    struct thread **at = chain_of(thread->fs_base);
    while (*at && *at != thread)
        at = &(*at)->next;
    if (*at)
        __atomic_store_n(at, thread->next, __ATOMIC_RELEASE);
}

int thread_set_pointer(struct thread *thread, uint64_t pointer)
{
    if (pointer < LIND_GUARD_SIZE || pointer > LIND_WINDOW_SIZE - 2 * LIND_GUARD_SIZE)
        return -EPERM;
    uint64_t fs_base = thread->base + pointer;

    lock_acquire(&chain_lock);
    struct thread **head = chain_of(fs_base);
    for (struct thread *other = *head; other; other = other->next)
        if (other->fs_base == fs_base && other != thread) {
            lock_release(&chain_lock);
            return -EBUSY;
        }
    if (thread->fs_base)
        chain_remove(thread);
    thread->fs_base = fs_base;
    thread->next = *head;
    __atomic_store_n(head, thread, __ATOMIC_RELEASE);
    lock_release(&chain_lock);
    return 0;
}

void thread_forget(struct thread *thread)
{
    LOCKED(&chain_lock);
    if (thread->fs_base)
        chain_remove(thread);
    thread->fs_base = 0;
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
    LOCKED(&chain_lock);
    for (size_t i = 0; i < THREAD_HASH_SIZE; i++)
        for (struct thread *thread = chains[i]; thread; thread = thread->next)
            for (size_t j = 0; thread->base == base && j < HOST_RANGES; j++)
                each(atomic_load(&thread->host_ranges[j]), data);
}
