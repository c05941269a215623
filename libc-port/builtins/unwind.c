/* What compiled C refers to when it is built with -fexceptions (functions with
 * __attribute__((cleanup))). Nothing throws in C and musl cancels threads without unwinding, so
 * none of this is ever reached; if a program's own doing reaches it, it ends there. */
#include "builtins.h"

_Noreturn void abort(void);

_Noreturn BUILTIN void _Unwind_Resume(void *exception)
{
    (void)exception;
    abort();
}

_Noreturn BUILTIN void __gcc_personality_v0(void)
{
    abort();
}

/* Identifies the module to __cxa_atexit and its like. */
BUILTIN void *__dso_handle = &__dso_handle;
