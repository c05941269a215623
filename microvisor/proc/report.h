/* The report on standard error about a program that a signal ended. */
#ifndef LIND_REPORT_H
#define LIND_REPORT_H

#include "microvisor/process.h"

/* Describes a fault that is about to end the process: what happened, where (symbol, function and line where the program has them),
 * registers, backtrace. */
void fault_report(struct task *task, const struct fault *fault);

#endif
