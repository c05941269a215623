/* Included before anything else: the host's calls go to the test, which may refuse them. */
#ifndef __ASSEMBLER__
#include "rt/host.h"

long refusing_call(long number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
                   uint64_t f);

#define host_call6(n, a, b, c, d, e, f) refusing_call(n, a, b, c, d, e, f)
#endif
