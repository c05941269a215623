// Does a report stay whole when the helper that parses debug data is missing, mad or slow?
// RUN: %lind-cc -g -O1 %s -o %t
// RUN: rm -rf %t.dir && mkdir %t.dir && cp %lind-run %t.dir/lind-run
// RUN: sh -c '%t.dir/lind-run %t; echo "status $?"' 2>&1 | FileCheck --check-prefixes=CHECK,MISSING %s
// What is not printable text is replaced, and no line looks like one of lind-run's own:
// RUN: printf '#!/bin/sh\nprintf " in \\033[31m\\nlind-run: forged\\n\\233no end"' >%t.dir/lind-symbolize && chmod +x %t.dir/lind-symbolize
// RUN: sh -c '%t.dir/lind-run %t; echo "status $?"' 2>&1 | FileCheck --check-prefixes=CHECK,MAD %s
// Too much:
// RUN: printf '#!/bin/sh\nyes' >%t.dir/lind-symbolize
// RUN: sh -c '%t.dir/lind-run %t; echo "status $?"' >%t.out 2>&1; FileCheck --check-prefixes=CHECK,ENDLESS %s <%t.out
// RUN: %python -c 'import os,sys; sys.exit(os.path.getsize(sys.argv[1]) > 65536)' %t.out
// Too long:
// RUN: printf '#!/bin/sh\necho " in time"\nexec sleep 60' >%t.dir/lind-symbolize
// RUN: sh -c 'timeout 40 %t.dir/lind-run %t; echo "status $?"' 2>&1 | FileCheck --check-prefixes=CHECK,SLOW %s

int main(void)
{
    volatile int *null = 0;
    return *null;
}

// MISSING: killed by SIGSEGV: read of 0x0 (null pointer){{$}}
// MAD: killed by SIGSEGV: read of 0x0 (null pointer) in ?[31m{{$}}
// ENDLESS: killed by SIGSEGV: read of 0x0 (null pointer)y{{$}}
// SLOW: killed by SIGSEGV: read of 0x0 (null pointer) in time{{$}}
// CHECK: rip 0x{{[0-9a-f]+}} (fault-helper{{.*}}+0x
// CHECK: r15
// MAD: backtrace:
// MAD-NEXT: {{^}}    lind-run: forged{{$}}
// MAD-NOT: no end
// CHECK: status 139
