/* System calls of the host, made directly: no errno, no vector registers, so hot calls may make
 * them. Each returns what the kernel returns: a value, or -errno. */
#ifndef LIND_HOST_H
#define LIND_HOST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static inline long host_call6(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                              uint64_t e, uint64_t f)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    register uint64_t r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#define HOST_ARG(x) ((uint64_t)(x))
#define host_call0(n) host_call6(n, 0, 0, 0, 0, 0, 0)
#define host_call1(n, a) host_call6(n, HOST_ARG(a), 0, 0, 0, 0, 0)
#define host_call2(n, a, b) host_call6(n, HOST_ARG(a), HOST_ARG(b), 0, 0, 0, 0)
#define host_call3(n, a, b, c) host_call6(n, HOST_ARG(a), HOST_ARG(b), HOST_ARG(c), 0, 0, 0)
#define host_call4(n, a, b, c, d)                                                                  \
    host_call6(n, HOST_ARG(a), HOST_ARG(b), HOST_ARG(c), HOST_ARG(d), 0, 0)
#define host_call5(n, a, b, c, d, e)                                                               \
    host_call6(n, HOST_ARG(a), HOST_ARG(b), HOST_ARG(c), HOST_ARG(d), HOST_ARG(e), 0)

/* Like host_call6 for calls that may block (rt/blocking.S): returns -EINTR at once, without making
 * the call, when *pending is not zero, and there is no moment between that check and the kernel's
 * sleep at which a signal that sets *pending could go unnoticed (the host's signal handler moves an
 * interrupted check to the -EINTR exit). */
long host_call_blocking(long number, const uint64_t args[6], const volatile uint32_t *pending);

/* The same with the call's arguments one by one; those that are left out are 0. */
#define host_blocking(pending, number, ...)                                                        \
    host_call_blocking(number, (const uint64_t[6]){__VA_ARGS__}, pending)

/* Fresh zeroed pages for the runtime's own tables, NULL when there is no memory; and their end.
 * size is in bytes. Sanitizers are told. */
static inline void *host_pages(uint64_t size)
{
#ifdef LIND_SANITIZED
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
#else
    long address = host_call6(SYS_mmap, 0, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, (uint64_t)-1, 0);
    return address < 0 && address > -4096 ? NULL : (void *)address;
#endif
}

static inline void host_pages_free(void *pages, uint64_t size)
{
#ifdef LIND_SANITIZED
    munmap(pages, size);
#else
    host_call2(SYS_munmap, pages, size);
#endif
}

#endif
