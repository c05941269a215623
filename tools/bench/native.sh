#!/bin/sh
# Builds musl natively, from the same source (libc-port's string functions included) and with the same clang and optimisation as the cages'
# libc, and a compiler driver for it: what the caged programs are compared with.
#
#   native.sh SOURCE DIRECTORY [JOBS]     SOURCE: musl's unpacked source. DIRECTORY/native-cc is the driver.
set -eu
[ $# -ge 2 ] || { echo "usage: native.sh SOURCE DIRECTORY [JOBS]" >&2; exit 2; }
source=$1 jobs=${3:-2}
port=$(cd "$(dirname "$0")/../../libc-port" && pwd)
clang=${LIND_CLANG:-/usr/lib/llvm-22/bin/clang}
mkdir -p "$2"
directory=$(cd "$2" && pwd)
[ ! -f "$directory/complete" ] || exit 0

rm -rf "$directory/build"
cp -R "$source" "$directory/build"
cd "$directory/build"
# The same choice as in libc-port/build.sh, so that a ratio shows what confinement costs and not whose memcpy is better.
rm src/string/x86_64/memcpy.s src/string/x86_64/memmove.s src/string/x86_64/memset.s
cp "$port"/string/*.c "$port"/string/*.h src/string/x86_64/
CC="$clang --target=x86_64-linux-musl" CFLAGS="-O2 -fPIC -w -fcf-protection=none" AR=/usr/lib/llvm-22/bin/llvm-ar \
    RANLIB=/usr/lib/llvm-22/bin/llvm-ranlib ./configure --prefix="$directory" --disable-shared --enable-optimize >log 2>&1 ||
    { cat log >&2; exit 1; }
make -s -j"$jobs" install >log 2>&1 || { tail -n 30 log >&2; exit 1; }
cd "$directory"
rm -rf build
for name in linux asm-generic mtd; do
    [ ! -d "/usr/include/$name" ] || ln -sfn "/usr/include/$name" "$directory/include/$name"
done
ln -sfn /usr/include/x86_64-linux-gnu/asm "$directory/include/asm"
resources=$("$clang" -print-resource-dir)
runtime=$("$clang" --target=x86_64-linux-gnu -print-libgcc-file-name --rtlib=compiler-rt)

# Links a static PIE with lld, as lind-cc does.
cat >native-cc <<EOF
#!/bin/sh
link=1
for argument; do
    case \$argument in
    -c | -S | -E | -M | -MM | -fsyntax-only | -print-* | --version | -dumpmachine | -dumpversion | -r) link=0 ;;
    esac
done
flags="--target=x86_64-linux-musl -march=x86-64 -nostdinc -isystem $directory/include -isystem $resources/include -fPIE -fcf-protection=none"
if [ \$link = 0 ]; then
    exec $clang \$flags -Wno-unused-command-line-argument "\$@"
fi
exec $clang \$flags -Wno-unused-command-line-argument -nostdlib -static-pie -fuse-ld=lld -Wl,--no-dynamic-linker -Wl,-z,noexecstack \\
    $directory/lib/rcrt1.o $directory/lib/crti.o "\$@" -L$directory/lib -Wl,--start-group -lc $runtime -Wl,--end-group $directory/lib/crtn.o
EOF
chmod +x native-cc
touch complete
