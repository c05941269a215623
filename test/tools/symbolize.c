// Does lind-symbolize name functions, inlined ones and lines, from arguments and standard input, and say what it cannot do?
// RUN: %lind-cc -g -O1 %s -o %t
// RUN: lind-nm %t | sed -n 's/^\([0-9a-f]*\) . \(first\|second\)$/\1/p' | sort >%t.addresses
// RUN: lind-symbolize %t $(cat %t.addresses) 0x1 | FileCheck %s
// RUN: lind-symbolize %t <%t.addresses | FileCheck %s
// RUN: lind-objdump -d --disassemble-symbols=second %t | sed -n 's/^ *\([0-9a-f]*\):.*imull.*/\1/p' >%t.inlined
// RUN: lind-symbolize %t <%t.inlined | FileCheck --check-prefix=INLINED %s
// RUN: lind-strip -o %t.stripped %t && lind-symbolize %t.stripped $(cat %t.addresses) | FileCheck --check-prefix=STRIPPED %s
// RUN: not lind-symbolize %t 12x 2>&1 | FileCheck --check-prefix=WORD %s
// RUN: not lind-symbolize %s 1 2>&1 | FileCheck --check-prefix=NOELF %s
// RUN: not lind-symbolize %t.none 1 2>&1 | FileCheck --check-prefix=NONE %s
// RUN: not lind-symbolize 2>&1 | FileCheck --check-prefix=USAGE %s
// RUN: not lind-symbolize --crash <%s 3<%t 2>&1 | FileCheck --check-prefix=CRASH %s
// RUN: lind-symbolize --help | FileCheck --check-prefix=HELP %s

// CHECK-DAG: 0x{{[0-9a-f]+}} first+0x0 ({{.*}}symbolize.c:[[#@LINE+3]])
__attribute__((noinline)) int first(int a)
{
    return a + 3;
}

static inline __attribute__((always_inline)) int product(int a, int b)
{
    return a * b; // INLINED: [[AT:0x[0-9a-f]+]] product ({{.*}}symbolize.c:[[#@LINE]]), inlined in
}

// CHECK-DAG: 0x{{[0-9a-f]+}} second+0x0 ({{.*}}symbolize.c:[[#@LINE+2]])
__attribute__((noinline)) int second(int a, int b)
{
    return product(a, b); // INLINED-NEXT: [[AT]] second+0x{{[0-9a-f]+}} ({{.*}}symbolize.c:[[#@LINE]])
}

int main(int count, char **words)
{
    return first(count) + second(count, count + 1);
}

// STRIPPED-COUNT-2: 0x{{[0-9a-f]+}} ?? (??)
// WORD: '12x' is no hexadecimal address
// NOELF: symbolize.c: not an ELF file for x86-64
// NONE: No such file or directory
// USAGE: no program named
// CRASH: no description of a crash
// HELP: Usage: lind-symbolize [OPTION...] PROGRAM [ADDRESS...]
