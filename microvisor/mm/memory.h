/* The memory map of a cage's window: what is mapped where, and the calls that change it.
 *
 * A window is one PROT_NONE reservation of the host (rt/window.h). Mapping replaces pieces of it,
 * unmapping puts the reservation back, so nothing of the host's can ever come to lie inside. The
 * map knows each region; what it calls free is inaccessible. All addresses are window offsets,
 * page-aligned where regions begin and end. The guards at both ends are never mapped.
 *
 * Pinned regions (verified text, gate page) are the runtime's: calls of the program that would
 * change them fail with EPERM, as for memory sealed by mseal(2). Only verified text is executable:
 * PROT_EXEC is refused to programs.
 *
 * memory.lock guards the map and is held over the host calls that change mappings, never over ones
 * that sleep on files. It comes after the locks of descriptors and files. Functions take it
 * themselves and are callable from hot calls, unless said otherwise. */
#ifndef LIND_MEMORY_H
#define LIND_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "rt/abi.h"

struct file; /* fs/file.h */
struct memory;
struct place; /* fs/place.h */
struct task;

/* What programs may map: [MEMORY_START, MEMORY_END). MEMORY_END plays the part of Linux's
 * TASK_SIZE, MEMORY_START of mmap_min_addr. */
#define MEMORY_START LIND_GUARD_SIZE
#define MEMORY_END (LIND_WINDOW_SIZE - LIND_GUARD_SIZE)

/* Regions that one window may have (Linux: vm.max_map_count for a process). The host process has
 * one such limit, 65530 unless the administrator raised it, for all its cages; each region takes at
 * most two of its mappings. */
#define MEMORY_REGIONS_MAX 16384

/* Properties of regions. The lowest three bits are PROT_READ, PROT_WRITE, PROT_EXEC. */
#define REGION_PROTECTION 7u
#define REGION_SHARED 0x8u /* MAP_SHARED */
#define REGION_PINNED                                                                              \
    0x10u /* the program can neither unmap, replace, protect, move nor discard it */
#define REGION_READ_ONLY                                                                           \
    0x20u /* shared and its file is not open for writing: mprotect(PROT_WRITE) is refused */
#define REGION_LOCKED 0x40u       /* mlock */
#define REGION_STACK 0x80u        /* the main stack */
#define REGION_HUGE 0x100u        /* MADV_HUGEPAGE */
#define REGION_NO_HUGE 0x200u     /* MADV_NOHUGEPAGE */
#define REGION_NO_FORK 0x400u     /* MADV_DONTFORK */
#define REGION_WIPE 0x800u        /* MADV_WIPEONFORK */
#define REGION_NO_DUMP 0x1000u    /* MADV_DONTDUMP */
#define REGION_RANDOM 0x2000u     /* MADV_RANDOM */
#define REGION_SEQUENTIAL 0x4000u /* MADV_SEQUENTIAL */
#define REGION_ON_FAULT 0x8000u   /* with REGION_LOCKED: MLOCK_ONFAULT */

/* Makes an empty map for the window at host address base (freshly reserved). Returns NULL when out
 * of memory. Any temperature. */
struct memory *memory_create(uint64_t base);

/* Unmaps everything, pinned regions too: the window is again all reservation. When no task runs in
 * the window. Returns 0, or -ENOMEM when the host could not map the reservation: then everything is
 * inaccessible, but the window must not be used again. COLD. */
int memory_clear(struct memory *memory);

/* memory_clear, but where the map is simple the window may keep its mappings, without the content
 * of private memory, for a memory_copy from one that is alike, or to start the same image again: it
 * is warm then, and good for nothing else before memory_cool. gate: window offset of the gate page.
 * start: whether it may be started again; if not, it is kept only if memory_copy had filled it.
 * COLD.
 */
int memory_rest(struct memory *memory, uint64_t gate, int start);
int memory_is_warm(const struct memory *memory);

/* Starting an image in a window that may be warm with it: memory_start, then memory_map_fixed for
 * each piece, which finds mapped what is wanted again just so, then memory_started. Both return 0
 * or -ENOMEM. If one of them fails, memory_rest clears the window. COLD. */
int memory_start(struct memory *memory);
int memory_started(struct memory *memory);

/* Makes a warm window all reservation. Returns as memory_clear. COLD. */
int memory_cool(struct memory *memory);

/* memory_clear, then frees the map. The window itself is its owner's. Returns 0, or -ENOMEM when
 * the window is lost: then it must stay taken for ever. COLD. */
int memory_destroy(struct memory *memory);

/* The file that memory_map_fixed maps pages of: it cannot change, and stays open as long as the
 * map. */
void memory_set_image(struct memory *memory, int host_fd);

/* Maps a piece of a program at start, where nothing may be mapped yet: zero-filled private memory
 * for host_fd -1, otherwise a private mapping of the image's file at offset (page-aligned). length
 * is rounded up to pages. flags: PROT_READ, PROT_WRITE or PROT_EXEC, REGION_PINNED, REGION_STACK.
 * name: what /proc/self/maps shows, or NULL; it must stay valid as long as the region. Returns 0,
 * or 1 when the window was warm and had it; -EINVAL (outside or unaligned), -EEXIST, -ENOMEM. */
int memory_map_fixed(struct memory *memory, uint64_t start, uint64_t length, unsigned flags,
                     int host_fd, uint64_t offset, const char *name);

/* Sets the protection of mapped pages, pinned ones too: for the loader, which makes verified text
 * executable by it after taking PROT_WRITE away. PROT_WRITE together with PROT_EXEC is refused with
 * -EINVAL. Returns 0, -ENOMEM (something not mapped), -EINVAL. */
int memory_protect(struct memory *memory, uint64_t start, uint64_t length, int protection);

/* Where the heap starts (rounded up to a page) and, so far, ends. */
void memory_set_break(struct memory *memory, uint64_t start);

/* mmap without an address looks downwards from here for room (default: randomised, at least 64 MiB
 * below the window's end). The loader sets it to the lower end of the stack. */
void memory_set_top(struct memory *memory, uint64_t top);

/* RLIMIT_STACK has become `size` bytes: the main stack may grow to that, as far as there is room below
 * it and above what mmap chooses from. If `less` is set it may also grow no further; not while another
 * task may be growing it. What there is no room for is found out when the stack grows, as on Linux. */
void memory_limit_stack(struct memory *memory, uint64_t size, int less);

/* A region as /proc/self/maps shows it. */
struct memory_region {
    uint64_t start, end;
    unsigned flags;         /* REGION_… */
    uint64_t offset;        /* in the file, in bytes; 0 for anonymous memory */
    uint64_t device, inode; /* of the file, 0 for anonymous memory */
};

/* Finds the first region that ends above `from`, puts what it is in *region and its guest name (""
 * when it has none) in name (size bytes, cut if longer); names of files are paths in `place`.
 * Returns 1, or 0 when there is none. A loop that continues at region->end sees each region once,
 * and if other tasks change the map meanwhile a mixture of before and after, as on Linux. COLD. */
int memory_describe(struct memory *memory, struct place *place, uint64_t from,
                    struct memory_region *region, char *name, size_t size);

/* Sums over the map, in pages, and the heap. The main stack counts as far as it has grown, as on
 * Linux; of a region of it, memory_describe shows as much. */
struct memory_usage {
    uint64_t total, data, stack, text, shared, locked;
    uint64_t break_start, break_end;
};
void memory_usage(struct memory *memory, struct memory_usage *usage);

/* For fork: gives `to`, an empty map of another window, all regions of `from` with their protection
 * and content at the same offsets: shared ones are the same memory, private ones a copy; regions
 * with MADV_DONTFORK are left out, those with MADV_WIPEONFORK are empty, and nothing is locked. The
 * gate page (0: none) is empty and writable, and the caller fills and protects it; unless `to` was
 * warm and has it already, then 1 is returned.
 * Other tasks of `from` should stand still, or the copy mixes before and after. others: 0 there
 * are none, 1 there are of the same process, -1 of other processes. Unless -1, large private memory
 * may be copied later, when it is touched. Returns 0, 1, or -ENOMEM with `to` empty again. COLD. */
int memory_copy(struct memory *to, struct memory *from, uint64_t gate, int others);

/* A fault of the host at an address that may lie in a window: whether the access can now be done,
 * and is to be done again. In a signal handler. */
int share_fault(uint64_t address, int write);

/* Before the host's kernel accesses a range of the window at base. */
void share_for_host(uint64_t base, uint64_t start, uint64_t length, int write);

#endif
