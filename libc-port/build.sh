#!/bin/sh
# Builds musl with lind-cc and installs it as the cages' libc.
#
#   build.sh PORT SOURCE WORK PREFIX [JOBS]
#
# PORT is this directory, SOURCE musl's unpacked source (left as it is), WORK a directory to build
# in, PREFIX the installation whose bin/lind-cc compiles and whose lib/lind/sysroot receives
# headers and libraries. musl's configure asks only what the compiler can do; we know, so
# config.mak is written here.
set -eu

[ $# -ge 4 ] || { echo "usage: build.sh PORT SOURCE WORK PREFIX [JOBS]" >&2; exit 2; }
port=$1 source=$2 work=$3 prefix=$4 jobs=${5:-2}
sysroot=$prefix/lib/lind/sysroot

# The compiler that stands there now builds all of it, even if it is replaced meanwhile.
rm -rf "$work"
tools=$work/tools
mkdir -p "$tools/bin" "$tools/lib/lind" "$sysroot/lib" "$sysroot/include"
cp "$prefix/bin/lind-cc" "$prefix/bin/lind-ar" "$prefix/bin/lind-ranlib" "$tools/bin"
cp "$prefix/lib/lind/lind-pass.so" "$prefix/lib/lind/assembly.c" "$tools/lib/lind"

cp -R "$source" "$work/musl"
cd "$work/musl"

for patch in "$port"/patches/*.patch; do
    [ -f "$patch" ] || continue
    patch -s -p1 --no-backup-if-mismatch < "$patch" ||
        { echo "libc-port: $patch does not apply" >&2; exit 1; }
done

# Assembly that musl itself has a C version of, where that is no loss: sections .init and .fini put
# together from pieces cannot keep bundles (and nobody uses them), memmove runs backwards with the
# direction flag set.
rm crt/x86_64/crti.s crt/x86_64/crtn.s
rm src/string/x86_64/memcpy.s src/string/x86_64/memmove.s src/string/x86_64/memset.s
# Ours, which take the place of musl's files of the same name.
cp "$port"/string/*.c "$port"/string/*.h src/string/x86_64/

cat > config.mak <<EOF
ARCH = x86_64
SUBARCH =
ASMSUBARCH =
srcdir = .
prefix = $sysroot
includedir = $sysroot/include
libdir = $sysroot/lib
CC = $tools/bin/lind-cc
AR = $tools/bin/lind-ar
RANLIB = $tools/bin/lind-ranlib
CFLAGS_C99FSE = -std=c99 -nostdinc -ffreestanding -frounding-math -fno-strict-aliasing
CFLAGS_AUTO = -O2 -g1 -fomit-frame-pointer -fasynchronous-unwind-tables \
  -ffunction-sections -fdata-sections -Wno-unused-command-line-argument -Wno-ignored-attributes \
  -Wno-pointer-to-int-cast -Wno-shift-op-parentheses -Wno-string-plus-int -Wno-dangling-else \
  -Wno-unknown-pragmas -Wno-bitwise-op-parentheses -Wno-logical-op-parentheses \
  -Wno-parentheses -Wno-ignored-pragmas -Wno-deprecated-non-prototype \
  -Wno-overriding-option -ffile-prefix-map=$work/musl=musl
CFLAGS_NOSSP = -fno-stack-protector
CFLAGS_MEMOPS = -fno-builtin
SHARED_LIBS =
TOOL_LIBS =
ALL_TOOLS =
EOF

make -s -j"$jobs" lib/libc.a lib/rcrt1.o lib/crt1.o lib/Scrt1.o lib/crti.o lib/crtn.o > make.log 2>&1 ||
    { cat make.log >&2; echo "libc-port: musl does not build" >&2; exit 1; }
make -s -j"$jobs" install > install.log 2>&1 ||
    { cat install.log >&2; echo "libc-port: musl does not install" >&2; exit 1; }

mkdir -p "$sysroot/lib/pkgconfig"

# Headers of the kernel's interface, which programs include beside libc's.
for name in linux asm-generic mtd sound video rdma drm misc xen; do
    [ ! -d "/usr/include/$name" ] || ln -sfn "/usr/include/$name" "$sysroot/include/$name"
done
ln -sfn /usr/include/x86_64-linux-gnu/asm "$sysroot/include/asm"
