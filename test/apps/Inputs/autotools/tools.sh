# usage: tools.sh : builds, with $CC, the programs that build.sh uses, from lind-needs; they go to lind-tools/bin, what tcc needs to lind-tools/tcc.
set -e
top=$PWD
bin=$top/lind-tools/bin
musl=/usr/lib/x86_64-linux-musl
mkdir -p "$bin" lind-tools/tcc
export FORCE_UNSAFE_CONFIGURE=1

# gnu PACKAGE CONFIGURE-OPTION... : configures and builds.
gnu() {
    cd "$top/lind-needs/$1"
    shift
    ./configure -q "$@" CFLAGS='-O2 -w -Wno-incompatible-pointer-types'
    make -s MAKEINFO=true
}

cd lind-needs/busybox
make -s defconfig HOSTCC=gcc
sed -i -e 's/^CONFIG_TC=y/# CONFIG_TC is not set/' .config
yes '' | make -s oldconfig HOSTCC=gcc >/dev/null
make -s CC="$CC" AR="$AR" HOSTCC=gcc SKIP_STRIP=y EXTRA_CFLAGS=-w busybox
cp busybox "$bin"
for name in cmp diff find hostname xargs; do
    ln -s busybox "$bin/$name"
done

gnu dash
cp src/dash "$bin/sh"
gnu mawk
cp mawk "$bin/awk"
cd "$top/lind-needs/make-dfsg"
autoreconf -fi >/dev/null 2>&1
gnu make-dfsg --disable-nls --without-guile
cp make "$bin"
gnu sed --disable-nls
cp sed/sed "$bin"
gnu grep --disable-nls
cp src/grep "$bin"
for letter in E F; do
    name=$(echo $letter | tr EF ef)grep
    printf '#!/bin/sh\nexec grep -%s "$@"\n' $letter >"$bin/$name"
    chmod +x "$bin/$name"
done
cd "$top/lind-needs/coreutils"
./configure -q --disable-nls --disable-libcap --disable-xattr --disable-acl --without-libgmp --without-openssl CFLAGS='-O2 -w'
make -s SUBDIRS=. MAKEINFO=true
for name in '[' basename cat chmod cksum cp cut date dirname echo env expr false head id ln ls mkdir mktemp mv od printf pwd readlink rm rmdir \
    sleep sort tail tee test touch tr true uname uniq wc; do
    cp "src/$name" "$bin"
done
cp src/ginstall "$bin/install"

cd "$top/lind-needs/tcc"
./configure --cc="$CC" --ar="$AR" --config-musl --extra-cflags='-O2 -w' --crtprefix=$musl --libpaths="{B}:$musl" \
    --sysincludepaths="{B}/include:/usr/include/x86_64-linux-musl" >/dev/null
make -s tcc tccdefs_.h 2>/dev/null || make -s tcc
cp tcc "$bin"
for name in libtcc1.c alloca86_64.S alloca86_64-bt.S va_list.c dsohandle.c; do
    ./tcc -B. -Iinclude -c lib/$name -o lib/${name%.*}.o
done
./tcc -ar rcs "$top/lind-tools/tcc/libtcc1.a" lib/libtcc1.o lib/alloca86_64.o lib/alloca86_64-bt.o lib/va_list.o lib/dsohandle.o
cp -r include "$top/lind-tools/tcc"
