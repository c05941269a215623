"""How each program is built and tested. $CC, $AR and $RANLIB are set for the tree; ./programs run in a cage when lind-cc made them."""
import os
import re

import recipes_posix
import recipes_suites


def whole(name, status, text):
    """The step is one test: the same status and output."""
    return [(name, (status, text))]


def status_only(name, status, text):
    """The step is one test whose output holds times or addresses: the same status."""
    return [(name, (status, b""))]


def automake(name, status, text):
    """The lines "PASS: test" of automake's and similar test drivers."""
    found = re.findall(rb"^(PASS|FAIL|XFAIL|SKIP|ERROR): (\S+)", text, re.M)
    return [("%s %s" % (name, test.decode()), (0 if word in (b"PASS", b"XFAIL") else 77 if word == b"SKIP" else 1, b""))
            for word, test in found] or [(name, (status or 1, text))]


def output_lines(pattern):
    """Each line that matches is a test that passed."""
    def split(name, status, text):
        return [("%s: %s" % (name, line.decode(errors="replace").strip()), (0, b"")) for line in re.findall(pattern, text, re.M)] + \
            [(name + " exit status", (status, b""))]
    return split


JOBS = "-j" + os.environ.get("JOBS", "2")

RECIPES = {
    "zlib": {
        "package": "zlib",
        "steps": [
            {"run": "./configure --static && make -s %s" % JOBS},
            {"run": "./minigzip -9 < ChangeLog > c.gz && ./minigzip -d < c.gz | cmp - ChangeLog && cksum < c.gz", "test": "minigzip round trip"},
            {"run": "make -s teststatic", "test": "make test"},
            {"run": "for i in $(seq 18); do cat *.c; done > lind-big; ./minigzip < lind-big > lind-big.gz; "
                    "for i in $(seq 20); do cat lind-big.gz; done > lind-many.gz"},
        ],
        "binaries": ["example", "minigzip"],
        "bench": {
            "zlib": {"binary": "minigzip", "arguments": ["-9", "-c", "@TREE@/lind-big"]},
            "zlib -d": {"binary": "minigzip", "arguments": ["-d", "-c", "@TREE@/lind-many.gz"]},
        },
    },
    "bzip2": {
        "package": "bzip2",
        "steps": [
            {"run": "make -s CC=$CC AR=$AR RANLIB=$RANLIB bzip2 bzip2recover libbz2.a"},
        ] + [
            {"run": "./bzip2 -%d < sample%d.ref | cmp sample%d.bz2 -" % (n, n, n), "test": "compress sample%d" % n} for n in (1, 2, 3)
        ] + [
            {"run": "./bzip2 -d%s < sample%d.bz2 | cmp sample%d.ref -" % ("s" if n == 3 else "", n, n), "test": "decompress sample%d" % n}
            for n in (1, 2, 3)
        ] + [
            {"run": "cat *.c *.html > big; ./bzip2 -kf big && ./bzip2 -tvv big.bz2 && cksum < big.bz2", "test": "large file, tested"},
            {"run": "./bzip2 -d < words0 2>&1", "test": "not a bzip2 file"},
            {"run": "cp big.bz2 bad.bz2; printf XXXX | dd of=bad.bz2 bs=1 seek=5000 conv=notrunc 2>/dev/null; ./bzip2 -tv bad.bz2", "test": "damaged file"},
            {"run": "./bzip2recover bad.bz2 && cksum rec*", "test": "bzip2recover"},
            {"run": "for i in 1 2 3 4 5 6; do cat big; done > lind-big"},
        ],
        "binaries": ["bzip2", "bzip2recover"],
        "bench": {
            "bzip2": {"binary": "bzip2", "arguments": ["-kc"] + ["@TREE@/lind-big"] * 4},
            "bzip2 -d": {"binary": "bzip2", "arguments": ["-dc"] + ["@TREE@/big.bz2"] * 60},
        },
    },
    "xz": {
        "package": "xz-utils",
        "steps": [
            {"run": "./configure -q --disable-shared --disable-nls --disable-threads --disable-doc CFLAGS=-O2", "seconds": 300},
            {"run": "make -s %s" % JOBS},
            {"run": "make -s check", "test": "make check", "split": automake},
            {"run": "cat src/liblzma/*/*.c > big; src/xz/xz -k6 big && src/xz/xz -t big.xz && cksum < big.xz", "test": "round trip"},
            {"run": "src/xz/xz -lvv big.xz | grep -v big", "test": "list"},
        ],
        "binaries": ["src/xz/xz"],
        "bench": {
            "xz": {"binary": "src/xz/xz", "arguments": ["-6kc"] + ["@TREE@/big"] * 4},
        },
    },
    "zstd": {
        "package": "libzstd",
        "steps": [
            {"run": "make -s %s -C programs zstd CC=\"$CC\" AR=$AR CFLAGS=-O2 HAVE_THREAD=0 HAVE_ZLIB=0 HAVE_LZMA=0 HAVE_LZ4=0 "
                    "ZSTD_LEGACY_SUPPORT=0" % JOBS},
            {"run": "make -s %s -C tests fullbench fuzzer zstreamtest CC=\"$CC\" AR=$AR CFLAGS=-O2 ZSTD_LEGACY_SUPPORT=0" % JOBS,
             "long": True, "seconds": 3000},
            {"run": "cat lib/*/*.c > big"},
            {"run": "for l in 1 3 9 19; do programs/zstd -q -$l -c big | tee o.zst | cksum; programs/zstd -dqc o.zst | cmp - big || exit 1; done",
             "test": "levels"},
            {"run": "cat big big big big | programs/zstd -q -3 > lind-big.zst"},
            {"run": "programs/zstd -tq o.zst && programs/zstd -lv o.zst | grep -v -i filename", "test": "test and list"},
            {"run": "printf XX | dd of=o.zst bs=1 seek=9000 conv=notrunc 2>/dev/null; programs/zstd -tq o.zst", "test": "damaged file"},
            {"run": "tests/fuzzer -s7 -i300 >fuzzer.log 2>&1 || { tail -n 5 fuzzer.log; exit 1; }", "test": "fuzzer, long", "long": True, "seconds": 3000},
            {"run": "tests/zstreamtest -s7 -i300 >zstream.log 2>&1 || { tail -n 5 zstream.log; exit 1; }", "test": "zstreamtest, long", "long": True, "seconds": 3000},
            {"run": "tests/fullbench -i1 -P50 -B100000 >fullbench.log 2>&1 || { tail -n 5 fullbench.log; exit 1; }", "test": "fullbench", "long": True, "seconds": 3000},
        ],
        "binaries": ["programs/zstd"],
        "bench": {
            "zstd": {"binary": "programs/zstd", "arguments": ["-q12c"] + ["@TREE@/big"] * 8},
            "zstd -d": {"binary": "programs/zstd", "arguments": ["-dqc"] + ["@TREE@/lind-big.zst"] * 32},
        },
    },
    "lua": {
        "package": "lua5.4",
        "inputs": "lua",
        "steps": [
            {"run": "make -s %s -C src CC=$CC AR=\"$AR rcu\" RANLIB=$RANLIB posix" % JOBS},
            {"run": "src/lua lind-inputs/language.lua", "test": "language.lua"},
            {"run": "src/lua lind-inputs/library.lua", "test": "library.lua"},
            {"run": "src/lua lind-inputs/programs.lua", "test": "programs.lua"},
            {"run": "src/lua -e 'error({code=2})'; echo $?", "test": "error exit"},
            {"run": "src/luac -o o.luac lind-inputs/programs.lua && cksum < o.luac && src/lua o.luac", "test": "luac"},
            {"run": "echo 'print(1+1) return 3' | src/lua -", "test": "standard input"},
        ],
        "binaries": ["src/lua", "src/luac"],
        "bench": {
            "lua": {"binary": "src/lua", "arguments": ["@TREE@/lind-inputs/bench.lua"]},
        },
    },
    "sqlite": {
        "package": "sqlite3",
        "inputs": "sqlite",
        "steps": [
            {"run": "./configure -q --disable-tcl --disable-readline --disable-threadsafe --disable-load-extension --disable-shared "
                    "CFLAGS='-O2 -DSQLITE_OMIT_LOAD_EXTENSION' && make -s sqlite3.c shell.c", "seconds": 600},
            {"run": "$CC -O2 -DSQLITE_THREADSAFE=0 -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_ENABLE_FTS5 -DSQLITE_ENABLE_RTREE "
                    "-DHAVE_USLEEP=1 -DHAVE_FDATASYNC=1 shell.c sqlite3.c -o sql -lm", "seconds": 900},
            {"run": "./sql db < lind-inputs/workload.sql && cksum < db", "test": "workload"},
            {"run": "./sql db 'pragma integrity_check; pragma foreign_key_check;'", "test": "integrity"},
            {"run": "./sql db .dump | cksum && ./sql db .dump | ./sql copy.db && ./sql copy.db .dump | cksum", "test": "dump and restore"},
            {"run": "./sql :memory: 'select * from nothing'", "test": "error"},
            {"run": "./sql db 'pragma journal_mode=wal; begin; update item set price=price+1; commit; select sum(price) from item; pragma wal_checkpoint(truncate); pragma integrity_check;'", "test": "write-ahead log"},
        ],
        "binaries": ["sql"],
        "bench": {
            "sqlite": {"binary": "sql", "arguments": [":memory:", ".read @TREE@/lind-inputs/bench.sql"]},
        },
    },
    "mawk": {
        "package": "mawk",
        "inputs": "awk",
        "steps": [
            {"run": "./configure -q CFLAGS=-O2 && make -s %s" % JOBS, "seconds": 300},
            {"run": "make -s mawk_test", "test": "mawktest"},
            {"run": "make -s fpe_test", "test": "fpe_test"},
            {"run": "for f in lind-inputs/*.awk; do echo == $f; ./mawk -f $f lind-inputs/data.txt; done", "test": "scripts"},
            {"run": "i=0; while [ $i -lt 400 ]; do cat lind-inputs/data.txt; i=$((i+1)); done > lind-big"},
        ],
        "binaries": ["mawk"],
        "bench": {
            "mawk": {"binary": "mawk", "arguments": ["-f", "@TREE@/lind-inputs/words.awk", "@TREE@/lind-big"]},
        },
    },
    "bc": {
        "package": "bc",
        "steps": [
            {"run": "./configure -q MAKEINFO=true CFLAGS=-O2 && make -s MAKEINFO=true", "seconds": 300},
            {"run": "cd Test; for f in array.b arrayp.b aryprm.b atan.b checklib.b div.b exp.b fact.b jn.b ln.b mul.b raise.b signum sine.b sqrt.b sqrt1.b sqrt2.b testfn.b; "
                    "do echo == $f; echo | ../bc/bc -l $f < /dev/null || exit 1; done", "test": "Test directory"},
            {"run": "echo 'scale=1000; 4*a(1)' | bc/bc -l | cksum", "test": "pi"},
            {"run": "echo '2 100 ^ p 16 o p' | dc/dc", "test": "dc"},
        ],
        "binaries": ["bc/bc", "dc/dc"],
    },
    "tcc": {
        "package": "tcc",
        "grant": ["/usr/include::ro"],
        "inputs": "tcc",
        "steps": [
            {"run": "./configure --cc=$CC --ar=$AR --config-musl --extra-cflags='-O2 -w' && make -s tcc tccdefs_.h 2>/dev/null || make -s tcc", "seconds": 300},
            {"run": "for f in lind-inputs/*.c tcc.c; do ./tcc -B. -Iinclude -I. -I/usr/include/x86_64-linux-musl -nostdinc -DTCC_TARGET_X86_64=1 -DONE_SOURCE=0 "
                    "-c $f -o out.o || exit 1; cksum < out.o; done", "test": "object files are the same"},
            {"run": "./tcc -E -B. -nostdinc lind-inputs/preprocess.c", "test": "preprocessor"},
            {"run": "./tcc -c -nostdinc lind-inputs/errors.txt", "test": "errors"},
        ],
        "binaries": ["tcc"],
        "bench": {
            "tcc": {"binary": "tcc", "arguments": ["-B@TREE@", "-I@TREE@/include", "-I@TREE@", "-I/usr/include/x86_64-linux-musl", "-nostdinc",
                                            "-DTCC_TARGET_X86_64=1", "-c"] + ["@TREE@/tcc.c"] * 16,
                    "grant": ["/usr/include::ro"]},
        },
    },
}

RECIPES.update(recipes_posix.recipes(automake, JOBS))
RECIPES.update(recipes_suites.recipes(automake, JOBS))
