/* Programs that lie beside lind-run and do for it what has no business in its own process: they are
 * not trusted, and confine themselves before they look at what cages have a say in. COLD. */
#ifndef LIND_HELPER_H
#define LIND_HELPER_H

#include <sys/types.h>

/* Starts the program `name` with one argument, no environment and no other descriptors than 0 …
 * count - 1, which are copies of fds; -1 stands for /dev/null. Returns its process id, or -1. */
pid_t helper_start(const char *name, const char *argument, const int *fds, int count);

#endif
