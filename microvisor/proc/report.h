/* The report on standard error about a program that a signal ended.
 *
 * Names of functions and lines come from the program's file, which is hostile: a helper process,
 * lind-symbolize, parses it, confined, and what it says is cleaned before it is printed. The report
 * holds no address of the host (attack row K13). */
#ifndef LIND_REPORT_H
#define LIND_REPORT_H

#include "microvisor/process.h"

/* Describes a fault that is about to end the process: what happened, where (symbol, function and
 * line where the program has them), registers, backtrace. Takes at most about two seconds. COLD. */
void fault_report(struct task *task, const struct fault *fault);

/* The description that the helper reads on descriptor 0: lines `NAME VALUE`, hexadecimal after 0x
 * where a number, then an empty line, then the bytes of the stack. The program's file is its
 * descriptor 3. Unknown names are ignored.
 *
 *   lind-crash 1      first line: version of this format
 *   name WORDS        the program's base name, for output
 *   start 0xN         window offset at which address 0 of the program's file is loaded
 *   rax 0xN … r15     registers; none holds a host address
 *   rsp 0xN, rip 0xN  window offsets; rip is that of the faulting instruction
 *   wild 0xN          1: rip is where an indirect jump led, no code
 *   stack 0xN 0xN     last line: window offset and size of the bytes that follow; 8-byte words that
 * were absolute addresses into the window are offsets
 *
 * It answers on descriptor 1 with lines of text: first the words that end the report's headline,
 * then the backtrace. */
#define REPORT_VERSION "lind-crash 1"
#define REPORT_PROGRAM_FD 3
#define REPORT_STACK_MAX 65536

#endif
