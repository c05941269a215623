/* Included before a test: as many signals can be queued as otherwise a longer time would queue. */
#include <sys/resource.h>

__attribute__((constructor)) static void few_signals(void)
{
    struct rlimit few = {100, 100};
    setrlimit(RLIMIT_SIGPENDING, &few);
}
