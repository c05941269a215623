/* What large forks put off: private memory that a child has, but has not got from its parent yet.
 *
 * By chunks of the window. A chunk that a child BORROWS is inaccessible in its window; its content
 * is that of the same chunk of the nearest memory along `source` that does not borrow it, where it
 * is KEPT: not writable. Whoever touches what it may not gets a fault of the host, and share_fault
 * brings or gives copies, and opens the chunk. Copies are written through /proc/self/mem into pages
 * that are still inaccessible, so no other thread sees them half done. What only the map's calls or
 * the host's kernel would touch is opened before (share_settle, share_for_host).
 *
 * One lock guards all of it; it comes after memory.lock. No cage's memory is accessed under it but
 * by the host's kernel. HOT, but for the beginning and the end. */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "microvisor/mm/share.h"
#include "rt/copy.h"
#include "rt/host.h"
#include "rt/window.h"

#define MADV_POPULATE_READ_HOST 22 /* Linux 5.14; not in all headers */
#define MADV_POPULATE_WRITE_HOST 23

/* LOST: borrowed, but there was no memory for a copy. Inaccessible, and nothing to copy from. */
enum { PRIVATE, KEPT, BORROWED, LOST };

/* A fault opens one chunk; once FEW were opened, and the host has that many mappings more, GROUP
 * chunks. */
enum { FEW = 256, GROUP = 8 };

static struct lock lock;
static struct shares *all;              /* that are used */
static int map_fd = -1; /* of this address space; kept once opened */
static _Atomic int memory_fd = -1; /* likewise */

static uint8_t busy[SHARE_CHUNKS];
static int barrier_able; /* whether all threads can be made to pass a barrier */

static uint64_t address(const struct shares *shares, uint32_t chunk)
{
    return shares->base + (uint64_t)chunk * SHARE_BYTES;
}

static long protect(const struct shares *shares, uint32_t first, uint32_t end, int protection)
{
    return host_call3(SYS_mprotect, address(shares, first),
                      address(shares, end) - address(shares, first), protection);
}

/* Where the run of chunks with the state of the one at `first` ends, at most `end`. */
static uint32_t run(const struct shares *shares, uint32_t first, uint32_t end)
{
    uint32_t at = first;
    while (at < end && shares->state[at] == shares->state[first])
        at++;
    return at;
}

static void set(struct shares *shares, uint32_t first, uint32_t end, uint8_t state)
{
    for (; first < end; first++)
        *(volatile uint8_t *)&shares->state[first] = state;
}

/* Makes [*first, *end) the whole run, whose borders the host has as borders of mappings already. */
static void widen(const struct shares *shares, uint32_t *first, uint32_t *end)
{
    while (*first && shares->state[*first - 1] == shares->state[*first])
        --*first;
    *end = run(shares, *first, SHARE_CHUNKS);
}

/* Writes the content of a borrowed chunk into its inaccessible pages. */
static int copy_chunk(const struct shares *shares, uint32_t chunk)
{
    const struct shares *from = shares->source;
    while (from && from->state[chunk] == BORROWED)
        from = from->source;
    if (!from || from->state[chunk] == LOST)
        return -EFAULT;
    uint64_t at = address(from, chunk), end = at + SHARE_BYTES;
    struct page_range ranges[SHARE_PAGES];
    while (at < end) {
        long found = pages_scan(map_fd, ranges, SHARE_PAGES, 0, &at, end);
        if (found < 0)
            return -ENOMEM;
        for (long i = 0; i < found; i++) {
            uint64_t to = ranges[i].start - from->base + shares->base;
            uint64_t size = ranges[i].end - ranges[i].start;
            if (host_call4(SYS_pwrite64, memory_fd, ranges[i].start, size, to) != (long)size)
                return -ENOMEM;
        }
    }
    return 0;
}

uint32_t share_first_page(const struct shares *shares, uint32_t start, uint32_t end)
{
    LOCKED(&lock);
    while (start < end) {
        const struct shares *from = shares;
        uint32_t chunk = start / SHARE_PAGES, next = run(shares, chunk, SHARE_CHUNKS);
        while (from->state[chunk] == BORROWED && from->source)
            from = from->source;
        if (from != shares)
            next = chunk + 1;
        next = next * SHARE_PAGES < end ? next * SHARE_PAGES : end;
        uint64_t first = pages_first(from->base + ((uint64_t)start << PAGE_SHIFT),
                                     from->base + ((uint64_t)next << PAGE_SHIFT));
        start = (uint32_t)((first - from->base) >> PAGE_SHIFT);
        if (start < next)
            break;
    }
    return start;
}

/* Gives a memory the borrowed chunks [first, end) of its own. */
static int bring(struct shares *shares, uint32_t first, uint32_t end)
{
    int kept = shares->borrowers != NULL;
    for (int wide = 0; wide < 2; wide++) {
        for (uint32_t chunk = first; chunk < end; chunk++) {
            int error = copy_chunk(shares, chunk);
            if (error)
                return error;
        }
        if (!protect(shares, first, end, kept ? PROT_READ : PROT_READ | PROT_WRITE)) {
            set(shares, first, end, kept ? KEPT : PRIVATE);
            shares->opened++;
            return 0;
        }
        widen(shares, &first, &end);
    }
    return -ENOMEM;
}

/* Gives those who borrow any of [first, end) from this memory copies of their own. */
static int give(struct shares *shares, uint32_t first, uint32_t end)
{
    int error = 0;
    for (struct shares *one = shares->borrowers; !error && one; one = one->next_borrower)
        for (uint32_t at = first, next; !error && at < end; at = next) {
            next = run(one, at, end);
            if (one->state[at] == BORROWED)
                error = bring(one, at, next);
        }
    return error;
}

/* Makes the kept chunks [first, end) writable. */
static int release(struct shares *shares, uint32_t first, uint32_t end)
{
    for (int wide = 0; wide < 2; wide++) {
        int error = give(shares, first, end);
        if (error)
            return error;
        if (!protect(shares, first, end, PROT_READ | PROT_WRITE)) {
            set(shares, first, end, PRIVATE);
            shares->opened++;
            return 0;
        }
        widen(shares, &first, &end);
    }
    return -ENOMEM;
}

/* Without memory for what is borrowed: it stays inaccessible, as it does for those who borrow it on
 * from here. */
static void lose(struct shares *shares, uint32_t first, uint32_t end)
{
    for (; first < end; first++)
        if (shares->state[first] == BORROWED)
            shares->state[first] = LOST;
}

/* Makes the chunks [first, end) of one state accessible, for writing too if `write`. */
static int open_run(struct shares *shares, uint32_t first, uint32_t end, int write)
{
    int error = 0;
    if (shares->state[first] == BORROWED)
        error = bring(shares, first, end);
    else if (shares->state[first] == LOST)
        error = -ENOMEM;
    if (!error && write && shares->state[first] == KEPT)
        error = release(shares, first, end);
    return error;
}

/* The same for chunks of any state. The lock is held, but given up between groups. */
static int open_range(struct shares *shares, uint64_t start, uint64_t length, int write)
{
    int error = 0;
    if (!length)
        return 0;
    uint32_t at = (uint32_t)(start / SHARE_BYTES), next;
    uint32_t end = (uint32_t)((start + length - 1) / SHARE_BYTES) + 1;
    for (; !error && at < end; at = next) {
        next = run(shares, at, end);
        if (shares->state[at] == PRIVATE || (!write && shares->state[at] == KEPT))
            continue;
        if (shares->state[at] == KEPT && !shares->borrowers)
            widen(shares, &at, &next);
        else if (next > at + GROUP)
            next = at + GROUP;
        error = open_run(shares, at, next, write);
        lock_release(&lock);
        lock_acquire(&lock);
    }
    return error;
}

static struct shares *find(uint64_t base)
{
    struct shares *shares = all;
    while (shares && shares->base != base)
        shares = shares->next;
    return shares;
}

/* Opens a chunk that somebody touched, with what is near it once there were many. */
static int open_for(struct shares *shares, uint32_t chunk, int write)
{
    uint8_t state = shares->state[chunk];
    uint32_t first = chunk, end = chunk + 1;
    if (state == KEPT && !shares->borrowers) {
        widen(shares, &first, &end);
    } else if (shares->opened >= FEW) {
        uint32_t low = chunk / GROUP * GROUP, high = low + GROUP;
        while (first > low && shares->state[first - 1] == state)
            first--;
        end = run(shares, first, high);
    }
    return open_run(shares, first, end, write);
}

int share_fault(uint64_t at, int write)
{
    int mine;
    LOCKED(&lock);
    struct shares *shares = find(at & ~(LIND_WINDOW_SIZE - 1));
    uint32_t chunk = (uint32_t)(at % LIND_WINDOW_SIZE / SHARE_BYTES);
    uint8_t state = shares ? shares->state[chunk] : PRIVATE;
    if (state == BORROWED || (state == KEPT && write))
        mine = !open_for(shares, chunk, write);
    else /* Another thread may have been quicker, or the last borrower has ended since the access:
            then the host allows it by now. The lock keeps the next fork from changing that. */
        mine = !host_call3(SYS_madvise, at & ~PAGE_MASK, PAGE_BYTES,
                           write ? MADV_POPULATE_WRITE_HOST : MADV_POPULATE_READ_HOST);
    return mine;
}

void share_for_host(uint64_t base, uint64_t start, uint64_t length, int write)
{
    LOCKED(&lock);
    struct shares *shares = find(base);
    /* Where it fails, so does the host. */
    if (shares)
        open_range(shares, start, length, write);
}

void share_settle(struct shares *shares, uint64_t start, uint64_t length)
{
    if (!length || !atomic_load(&shares->used))
        return;
    uint32_t first = (uint32_t)(start / SHARE_BYTES);
    uint32_t end = (uint32_t)((start + length - 1) / SHARE_BYTES) + 1;
    LOCKED(&lock);
    /* What is lost may have other content from now on, which its borrowers must not get. */
    for (uint32_t at = first; at < end; at++)
        if (shares->state[at] == LOST) {
            for (struct shares *one = shares->borrowers; one; one = one->next_borrower)
                lose(one, at, at + 1);
            set(shares, at, at + 1, PRIVATE);
        }
    if (open_range(shares, start, length, 1)) {
        for (struct shares *one = shares->borrowers; one; one = one->next_borrower)
            lose(one, first, end);
        set(shares, first, end, PRIVATE);
    }
}

int share_read(struct shares *shares, uint64_t start, uint64_t length)
{
    if (!atomic_load(&shares->used))
        return 0;
    LOCKED(&lock);
    int error = open_range(shares, start, length, 0);
    return error ? -ENOMEM : 0;
}

static void memory_open(void)
{
    int fd, none = -1;
    if (atomic_load(&memory_fd) >= 0)
        return;
    fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    if (fd >= 0 && !atomic_compare_exchange_strong(&memory_fd, &none, fd))
        close(fd);
}

void share_open_host(void)
{
    page_map_open();
    memory_open();
}

/* What the host must be able to do: tell which pages exist, and write to inaccessible ones. */
static int able(void)
{
    static int known; /* 1 yes, -1 no */
    if (known)
        return known > 0;
    known = -1;
    uint64_t *pages = host_pages(2 * PAGE_BYTES), word = 1, start = (uint64_t)pages;
    struct page_range range;
    if (!pages)
        return 0;
    *pages = 2;
    map_fd = page_map_open();
    memory_open();
    uint64_t to = start + PAGE_BYTES;
    if (map_fd >= 0 && memory_fd >= 0 && pages_scan(map_fd, &range, 1, 0, &start, to) == 1 &&
        !host_call3(SYS_mprotect, to, PAGE_BYTES, PROT_NONE) &&
        host_call4(SYS_pwrite64, memory_fd, pages, sizeof word, to) == sizeof word &&
        !host_call3(SYS_mprotect, to, PAGE_BYTES, PROT_READ) && *(uint64_t *)to == 2 &&
        !host_call3(SYS_madvise, to, PAGE_BYTES, MADV_POPULATE_READ_HOST))
        known = 1;
    host_pages_free(pages, 2 * PAGE_BYTES);
    barrier_able = host_call2(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) == 0;
    return known > 0;
}

/* Whether a region is worth it: enough of it exists. */
static int large(const struct shares *from, uint32_t first, uint32_t end)
{
    for (uint32_t chunk = first; chunk < end; chunk++)
        if (from->state[chunk] != PRIVATE)
            return 1;
    struct page_range ranges[64];
    uint64_t at = address(from, first), last = address(from, end), pages = 0;
    while (at < last && pages < SHARE_PAGES_LEAST) {
        long found = pages_scan(map_fd, ranges, 64, SHARE_PAGES_LEAST, &at, last);
        if (found < 0)
            return 0;
        for (long i = 0; i < found; i++)
            pages += (ranges[i].end - ranges[i].start) >> PAGE_SHIFT;
    }
    return pages >= SHARE_PAGES_LEAST;
}

static void link_borrower(struct shares *shares, struct shares *source)
{
    if (shares->source == source)
        return;
    shares->source = source;
    shares->next_borrower = source->borrowers;
    source->borrowers = shares;
    shares->given = 0;
}

static void begin(struct shares *shares)
{
    if (atomic_exchange(&shares->used, 1))
        return;
    shares->next = all;
    all = shares;
    atomic_fetch_add(&windows_borrowing, 1);
}

static void note_busy(uint64_t range, void *unused)
{
    uint64_t first = (range >> 32) / SHARE_PAGES;
    uint64_t end = ((uint32_t)range + SHARE_PAGES - 1) / SHARE_PAGES;
    while (first < end && first < SHARE_CHUNKS)
        *(volatile uint8_t *)&busy[first++] = 1;
}

/* Finds the chunks that the host's kernel may be writing to for other tasks, who may not have seen
 * yet that windows_borrowing is not zero: these stay as they are. */
static void find_busy(const struct shares *from, int others)
{
    memset(busy, 0, sizeof busy);
    if (!others)
        return;
    host_call2(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
    thread_each_range(from->base, note_busy, NULL);
}

int share_region(struct shares *to, struct shares *from, uint32_t first, uint32_t end, int others)
{
    int error = -EAGAIN;
    lock_acquire(&lock);
    if (!able() || (others && !barrier_able) || !large(from, first, end))
        goto out;
    begin(to);
    begin(from);
    find_busy(from, others);
    error = -ENOMEM;
    /* A stack's end may have been kept (warm.c). */
    if (host_call3(SYS_madvise, address(to, first), (end - first) * SHARE_BYTES, MADV_DONTNEED))
        goto out;
    /* The first page makes the host join the pieces again that this range will be cut into. */
    if (host_call3(SYS_madvise, address(to, first), PAGE_BYTES, MADV_POPULATE_WRITE_HOST) ||
        protect(to, first, end, PROT_NONE))
        goto out;
    link_borrower(to, from);
    set(to, first, end, BORROWED);
    for (uint32_t at = first, next; at < end; at = next) {
        next = at + 1;
        while (next < end && from->state[next] == from->state[at] && busy[next] == busy[at])
            next++;
        if (from->state[at] != PRIVATE)
            continue;
        if (busy[at]) {
            if (bring(to, at, next))
                goto out;
            continue;
        }
        if (protect(from, at, next, PROT_READ)) {
            protect(from, at, next, PROT_READ | PROT_WRITE);
            goto out;
        }
        set(from, at, next, KEPT);
    }
    error = 0;
out:
    lock_release(&lock);
    return error;
}

static void unlink_borrower(struct shares *shares)
{
    struct shares **at = &shares->source->borrowers;
    while (*at != shares)
        at = &(*at)->next_borrower;
    *at = shares->next_borrower;
    shares->source = shares->next_borrower = NULL;
}

/* The first chunk from `at` on that `to` borrows from this memory itself. */
static uint32_t next_lent(const struct shares *shares, const struct shares *to, uint32_t at)
{
    while (at < SHARE_CHUNKS && (to->state[at] != BORROWED || shares->state[at] == BORROWED))
        at++;
    return at;
}

/* Gives the next group of chunks to a borrower that the memory is about to be gone for. Once it has
 * all, it borrows the rest from where this memory does. */
static void part_with(struct shares *shares, struct shares *to)
{
    uint32_t at = next_lent(shares, to, to->given);
    /* What this memory was given meanwhile may lie before. */
    if (at == SHARE_CHUNKS)
        at = next_lent(shares, to, 0);
    uint32_t end = at;
    while (end < SHARE_CHUNKS && end < at + GROUP && next_lent(shares, to, end) == end)
        end++;
    to->given = end;
    if (at < SHARE_CHUNKS) {
        if (bring(to, at, end))
            lose(to, at, end);
        return;
    }
    struct shares *source = shares->source;
    unlink_borrower(to);
    if (source)
        link_borrower(to, source);
}

void share_leave(struct shares *shares)
{
    if (!atomic_load(&shares->used))
        return;
    lock_acquire(&lock);
    while (shares->borrowers) {
        part_with(shares, shares->borrowers);
        lock_release(&lock);
        lock_acquire(&lock);
    }
    if (shares->source)
        unlink_borrower(shares);
    struct shares **link = &all;
    while (*link != shares)
        link = &(*link)->next;
    *link = shares->next;
    set(shares, 0, SHARE_CHUNKS, PRIVATE);
    shares->opened = 0;
    atomic_store(&shares->used, 0);
    atomic_fetch_sub(&windows_borrowing, 1);
    lock_release(&lock);
}
