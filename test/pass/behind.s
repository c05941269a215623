# Is a label that data behind it names, and that may be in the middle of a bundle, a warning?
# RUN: %assemble -o %t.o 2>&1 | FileCheck %s --implicit-check-not=warning:
        .text
        .type f, @function
f:      movl %edi, %eax
        jmp *table(,%rdi,8)
.Laligned:
        incl %eax
.Lpassed:
        incl %eax
        .p2align 5
.Lbundle:
        ret
        .section .data.rel.ro, "aw"
table:  .quad .Laligned
# CHECK: behind.s:[[@LINE+1]]:{{[0-9]+}}: warning: '.Lpassed' does not begin a bundle; {{.*}}.p2align 5
        .quad .Lpassed
        .quad .Lbundle
# What tools read is no table of jumps.
        .section .note.tools, "", @note
        .quad .Lpassed
