// Does sigaltstack(2) do what it says, errors included?
// RUN: musl-gcc -static -O2 %s -o %t.native && %t.native
// RUN: %lind-cc -O2 %s -o %t && %lind-run -- %t
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../Inputs/check.h"

#define AUTODISARM (1U << 31)

static char area[32768] __attribute__((aligned(16)));
static volatile int inside, nested_inside, flags_inside, change_error, nested;

static int within(const void *pointer)
{
    return (const char *)pointer >= area && (const char *)pointer < area + sizeof area;
}

static void handler(int signal)
{
    stack_t now, other = {.ss_sp = area, .ss_size = 8192};
    char here;
    if (nested++) {
        nested_inside = within(&here);
        return;
    }
    inside = within(&here);
    syscall(SYS_sigaltstack, NULL, &now);
    flags_inside = now.ss_flags;
    change_error = syscall(SYS_sigaltstack, &other, NULL) ? errno : 0;
    raise(signal);
}

int main(void)
{
    stack_t now, stack = {.ss_sp = area, .ss_size = sizeof area};
    CHECK(!syscall(SYS_sigaltstack, NULL, &now) && now.ss_flags == SS_DISABLE);
    CHECK(!syscall(SYS_sigaltstack, &stack, NULL));
    CHECK(!syscall(SYS_sigaltstack, NULL, &now));
    CHECK(now.ss_sp == area && now.ss_size == sizeof area && now.ss_flags == 0);

    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK | SA_NODEFER};
    sigaction(SIGUSR1, &action, NULL);
    nested = 0;
    raise(SIGUSR1);
    CHECK(inside && nested_inside && flags_inside == SS_ONSTACK && change_error == EPERM);

    action.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &action, NULL);
    nested = 0;
    raise(SIGUSR1);
    CHECK(!inside && flags_inside == 0 && change_error == 0);

    /* The stack in the frame comes back at the handler's end. */
    CHECK(!syscall(SYS_sigaltstack, NULL, &now) && now.ss_size == sizeof area);

    stack.ss_flags = (int)(SS_ONSTACK | AUTODISARM);
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    sigaction(SIGUSR1, &action, NULL);
    CHECK(!syscall(SYS_sigaltstack, &stack, NULL));
    nested = 0;
    raise(SIGUSR1);
    CHECK(inside && flags_inside == SS_DISABLE && change_error == 0);
    CHECK(!syscall(SYS_sigaltstack, NULL, &now) && (unsigned)now.ss_flags == AUTODISARM);

    stack.ss_flags = 0;
    stack.ss_size = 1024;
    FAILS(syscall(SYS_sigaltstack, &stack, NULL), ENOMEM);
    stack.ss_flags = 12;
    FAILS(syscall(SYS_sigaltstack, &stack, NULL), EINVAL);
    stack.ss_flags = SS_DISABLE;
    CHECK(!syscall(SYS_sigaltstack, &stack, NULL));
    CHECK(!syscall(SYS_sigaltstack, NULL, &now) && now.ss_flags == SS_DISABLE);
    nested = 0;
    raise(SIGUSR1);
    CHECK(!inside);
    return check_end();
}
