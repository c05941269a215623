// Is inlined what pays off in a cage, where a call and its return cost more than natively, and only there?
// RUN: %compile -O2 -Rpass=inline -Rpass-missed=inline -c %s -o %t.o 2>&1 | FileCheck %s --check-prefix=CAGE
// RUN: %clang -O2 -Rpass=inline -Rpass-missed=inline -c %s -o %t.o 2>&1 | FileCheck %s --check-prefix=NATIVE
// RUN: %compile -O2 -mllvm -inlinedefault-threshold=225 -Rpass=inline -Rpass-missed=inline -c %s -o %t.o 2>&1 | FileCheck %s --check-prefix=ASKED
// RUN: %compile -Os -Rpass=inline -Rpass-missed=inline -c %s -o %t.o 2>&1 | FileCheck %s --check-prefix=SMALL
volatile int v;
void leaf(void);
#define STEP v += a; a = a * 3 + 1;
#define STEPS STEP STEP STEP STEP STEP STEP STEP STEP STEP STEP

/* Between the two thresholds. */
int work(int a) { if (a < 0) v = 1; STEPS STEP STEP return a; }
int one(int a) { return work(a) + 1; }
// CAGE: 'work' inlined into 'one'
// NATIVE: 'work' not inlined into 'one'
// ASKED: 'work' not inlined into 'one'
// SMALL: 'work' not inlined into 'one'

/* Calls much itself: its code in a cage is the larger. */
int calls(int a) { if (a < 0) v = 1; leaf(); leaf(); leaf(); leaf(); leaf(); leaf(); leaf(); return a; }
int two(int a) { return calls(a) + 1; }
// CAGE: 'calls' not inlined into 'two'
// NATIVE: 'calls' inlined into 'two'
