// Does a program go on whatever lind-trace does, and does that have nothing but what it needs?
// RUN: %lind-cc -O1 %s -o %t && rm -rf %t.dir && mkdir %t.dir && cp %lind-run %t.dir/lind-run
// RUN: sh -c '%t.dir/lind-run --trace %t </dev/null; echo "status $?"' 2>&1 | FileCheck --check-prefix=MISSING %s
// RUN: sh -c '%t.dir/lind-run --stats %t </dev/null; echo "status $?"' 2>&1 | FileCheck --check-prefix=UNCOUNTED %s
// One that ends at once:
// RUN: printf '#!/bin/sh\n' >%t.dir/lind-trace && chmod +x %t.dir/lind-trace
// RUN: sh -c '%t.dir/lind-run --trace %t </dev/null; echo "status $?"' 2>&1 | FileCheck --check-prefix=ENDED %s
// One that asks for memory outside of the window, and for more than there is room for:
// RUN: cp %S/Inputs/mad-trace.py %t.dir/lind-trace
// RUN: sh -c '%t.dir/lind-run --trace %t </dev/null; echo "status $?"' 2>&1 | FileCheck --check-prefix=MAD %s
// The true one, with no rights and no descriptor but its three:
// RUN: %python %S/Inputs/trace_helper.py %lind-run %t | FileCheck --check-prefix=CONFINED %s
#include <unistd.h>

int main(void)
{
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    return write(1, "done\n", 5) != 5;
}

// MISSING: lind-run: --trace: cannot start lind-trace
// MISSING-NEXT: status 125
// UNCOUNTED: done
// UNCOUNTED: lind-run: --stats: cannot start lind-trace
// UNCOUNTED: status 0
// ENDED: lind-run: --trace: lind-trace has ended
// ENDED-NOT: lind-trace has ended
// ENDED: done
// ENDED-NEXT: status 0
// MAD: offset 1099511627776 answer -14 8
// MAD-NEXT: offset 4294967292 answer -14 8
// MAD-NEXT: offset 0 answer -14 8
// MAD-NEXT: offset 9223372036854775808 answer -14 8
// MAD: lind-run: --trace: lind-trace has ended
// MAD: done
// MAD: status 0
// CONFINED-DAG: done
// CONFINED-DAG: lind-trace seccomp 1 0 1 2{{$}}
