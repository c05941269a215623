# usage: build.sh configure|make|check [DIRECTORY] : a step of building the package here, or in DIRECTORY, with tcc. What tcc makes is not verified code, so no cage can run it:
# configure is told that it compiles for another machine (--host), and check tests the program that the caller has put in place.
tcc=$PWD/lind-tools/tcc
cd "${2:-.}"
case $1 in
configure)
    exec ./configure -q --build=x86_64-pc-linux-gnu --host=x86_64-pc-linux-musl --disable-nls --disable-dependency-tracking LD=tcc \
        CC="tcc -static -B$tcc" CFLAGS=-O2 AR='tcc -ar' RANLIB=true CONFIG_SHELL=/bin/sh SHELL=/bin/sh
    ;;
make) exec make -s MAKEINFO=true HELP2MAN=true ;;
check) exec make check MAKEINFO=true HELP2MAN=true ;;
esac
