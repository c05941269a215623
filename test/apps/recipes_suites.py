"""Larger suites, each with a form of results of its own. As in recipes_posix.py, drivers run in the host's shell and programs under test in cages."""
import re

from recipes_posix import NO_VALGRIND

OK = (0, b"")
SKIPPED = (77, b"")
FAILED = (1, b"")


def by_words(pattern, passed, skipped=()):
    """A splitter: each match of the pattern names a test (group `name`) and its result (group `word`). What is in neither set failed."""
    form = re.compile(pattern, re.M)

    def split(name, status, text):
        found = {}
        for match in form.finditer(text):
            word, test = match["word"], match["name"].decode(errors="replace").strip()
            verdict = OK if word in passed else SKIPPED if word in skipped else FAILED
            number = 2
            while test in found:
                test, number = "%s (%d)" % (match["name"].decode(errors="replace").strip(), number), number + 1
            found[test] = verdict
        return [("%s: %s" % (name, test), verdict) for test, verdict in found.items()] or [(name, (status or 1, text))]
    return split


def listed_failures(test, failure, skip=rb"(?!)"):
    """A splitter: each match of `test` names a test (group 1), which failed or was skipped if a match of `failure` or `skip` names it too."""
    def names(pattern, text):
        return {name.decode(errors="replace") for name in re.findall(pattern, text, re.M)}

    def split(name, status, text):
        failed, skipped = names(failure, text), names(skip, text)
        found = names(test, text) | failed | skipped
        return [("%s: %s" % (name, item), FAILED if item in failed else SKIPPED if item in skipped else OK) for item in sorted(found)] or \
            [(name, (status or 1, text))]
    return split


autotest = by_words(rb"^ *\d+: (?P<name>.*?) +(?P<word>ok|skipped|expected failure|unexpected pass|FAILED)\b", (b"ok", b"expected failure"),
                    (b"skipped",))
busybox_lines = by_words(rb"^(?P<word>PASS|FAIL|SKIPPED|UNTESTED): (?P<name>.*)$", (b"PASS",), (b"SKIPPED", b"UNTESTED"))
make_lines = by_words(rb"^(?P<name>\w+/\S+) \.+ +(?P<word>ok|FAILED|N/A)\b", (b"ok",), (b"N/A",))
util_linux_lines = by_words(rb"^ *:? *(?P<name>[a-z][a-z: ]*?) +\.\.\. (?P<word>OK|FAILED|KNOWN FAILED|SKIPPED)\b", (b"OK", b"KNOWN FAILED"),
                            (b"SKIPPED",))
tap = by_words(rb"^(?P<word>ok|not ok) \d+ - (?P<name>.*?)$", (b"ok",))

# Tests of OpenSSL's without a network: arithmetic, ciphers, digests, keys, certificates, threads, TLS between two ends in one program.
OPENSSL_TESTS = """test_internal_* test_sha test_evp test_bn test_rsa test_ec test_ecdsa test_dsa test_aes test_enc test_x509 test_verify test_gendh
test_genrsa test_threads test_cms test_pkcs12 test_ct test_bio* test_sslapi test_asn1* test_rand test_store test_ca test_req""".split()

# Scripts of git's that need neither a network nor another program than the shell's.
GIT_SCRIPTS = """t0000-basic t0001-init t0003-attributes t0005-signals t0007-git-var t0008-ignores t1000-read-tree-m-3way t1300-config
t1400-update-ref t2000-conflict-when-checking-files-out t3200-branch t3600-rm t3700-add t4000-diff-format t5300-pack-object
t6300-for-each-ref t7300-clean t7600-merge""".split()

# Tests of coreutils that pass natively only (caged they are skipped), by what they want that a cage does not have.
COREUTILS_KNOWN = {
    "a file system on a device": "df/df-symlink.sh",
    "a relative symbolic link in /, where a cage has its grants alone": "ls/root-rel-symlink-color.sh",
}

# They look for the lowest limit of memory with which a program runs, and are skipped when that is lower than what the shell's own subshell
# needs, which depends on how full its heap is: natively, too, they pass in one run and are skipped in the next.
COREUTILS_UNSTEADY = """cp/link-heap.sh dd/no-allocate.sh misc/csplit-heap.sh misc/cut-huge-range.sh misc/head-c.sh misc/printf-surprise.sh
rm/many-dir-entries-vs-OOM.sh split/line-bytes.sh"""


def recipes(automake, jobs):
    configure = "FORCE_UNSAFE_CONFIGURE=1 ./configure -q --disable-nls CFLAGS='-O2 -w' "

    def suite(package, steps, binaries, **more):
        return dict({"package": package, "steps": steps, "tools": True, "binaries": binaries}, **more)

    def built(package, flags, test, split, binaries, seconds=3000, make="make -s %s MAKEINFO=true" % jobs, **more):
        return suite(package, [
            {"run": configure + flags, "seconds": 1200},
            {"run": make, "seconds": 1800},
            {"run": NO_VALGRIND},
            {"run": "export PATH=$PWD/lind-path:$PATH; " + test, "test": "check", "split": split, "seconds": seconds},
        ], binaries, **more)

    def busybox(directory):
        """Steps that build busybox there, and its applets as links in lind-bin."""
        return [
            {"run": "cd %s && make -s defconfig HOSTCC=gcc && sed -i -e 's/^CONFIG_TC=y/# CONFIG_TC is not set/' .config" % directory},
            {"run": "cd %s && yes '' | make -s oldconfig HOSTCC=gcc >/dev/null && make -s %s CC=\"$CC\" AR=$AR HOSTCC=gcc SKIP_STRIP=y"
                    " EXTRA_CFLAGS=-w busybox" % (directory, jobs), "seconds": 1800},
            {"run": "cd %s && mkdir lind-bin && for name in $(./busybox --list); do ln -s $PWD/busybox lind-bin/$name; done" % directory},
        ]

    return {
        "diffutils": built("diffutils", "", "make -s check -C tests MAKEINFO=true", automake, ["src/diff", "src/cmp", "src/diff3", "src/sdiff"]),
        "findutils": built("findutils", "", "make -s check SUBDIRS=. MAKEINFO=true; make -s check -C find; make -s check -C xargs", automake,
                           ["find/find", "xargs/xargs"]),
        "make": suite("make-dfsg", [
            {"run": "autoreconf -fi >/dev/null 2>&1 && ./configure -q --disable-nls --without-guile"
                    " CFLAGS='-O2 -w -Wno-incompatible-pointer-types'", "seconds": 900},
            {"run": "make -s %s MAKEINFO=true" % jobs, "seconds": 900},
            # The driver empties the environment, but for some variables.
            {"run": "sed -i \"s/'LD_LIBRARY_PATH',/'LD_LIBRARY_PATH', 'LIND_RUN_OPTS',/\" tests/test_driver.pl"},
            {"run": "SHELL=/bin/sh make -s check-regression", "test": "check", "split": make_lines, "seconds": 1800},
        ], ["make"], grant=["/usr/include::ro"], helpers=["perl"], known={"check: features/archives": "starts lind-ar"}),
        # Its assembly for x86-64 has tables in text and AVX-512, which lind-cc refuses.
        "openssl": suite("openssl", [
            {"run": "./Configure linux-x86_64 no-asm no-shared no-dso no-engine no-module no-async", "seconds": 300},
            {"run": "make -s %s build_sw" % jobs, "seconds": 1800},
            {"run": "mkdir lind-tmp && export TMPDIR=$PWD/lind-tmp && make -s TESTS='%s' HARNESS_VERBOSE=yes test 2>&1" % " ".join(OPENSSL_TESTS), "test": "check", "split": tap, "seconds": 1800},
        ], ["apps/openssl"]),
        "m4": built("m4", "", "make -s check -C checks", listed_failures(rb"^Checking \./(\S+)$", rb"\./(\d\S*?):(?:status|out|err)\b"),
                    ["src/m4"]),
        "gawk": built("gawk", "--without-readline --disable-mpfr --disable-extensions --disable-pma", "make -s -k check -C test",
                      listed_failures(rb"^([a-z]\w*)$", rb"^=+ _(\S+) =+$"), ["gawk"],
                      make="make -s %s -C support && make -s %s gawk" % (jobs, jobs), known={
                          "check: nonfatal3": "no network, so no resolver",
                          "check: pid": "compares process ids with those of the host's shell that became lind-run",
                      }),
        "tar": built("tar", "", "make -s check -C tests", autotest, ["src/tar"], helpers=["bzip2", "gzip", "xz", "zstd"], known={
            "check: " + test: reason for test, reason in [
                ("scarce file descriptors", "ulimit -n 10 is too little for lind-run itself"),
            ]}),
        # The whole suite in one lind-run: make, shell, perl and all tools are cages. The native run has the same tools, built natively, so
        # both lack what $TOOLS lacks: python, gdb, strace, valgrind, gcc, mount and setfacl.
        "coreutils": dict(suite("coreutils", [
            {"run": configure + "--disable-dependency-tracking --disable-libcap --disable-xattr --disable-acl --without-libgmp"
                    " --without-openssl", "seconds": 1200},
            {"run": "make -s %s SUBDIRS=. MAKEINFO=true" % jobs, "seconds": 1800},
            {"run": "sh lind-inputs/check.sh " + jobs, "test": "check", "split": automake, "seconds": 7200},
        ], ["src/ls", "src/sort", "src/cp"], helpers=["bash", "gzip", "make", "perl-modules", "xz"], inputs="coreutils",
            grant=["/dev/shm", "/sys/kernel::ro", "/usr/share/zoneinfo::ro"],
            known={"check tests/" + test: reason for reason, tests in COREUTILS_KNOWN.items() for test in tests.split()},
            unsteady={"check tests/" + test: "skipped: ulimit -v below what the shell needs" for test in COREUTILS_UNSTEADY.split()}),
            tools="both"),
        # The whole suite in one lind-run, its scripts run by busybox's shell (also natively: dash's echo and `.` differ), all tools being
        # busybox's. Its tests of wget need a network, those of mount change the machine.
        "busybox": suite("busybox", busybox(".") + [
            {"run": "cd testsuite && rm -rf wget wget.tests mount.tests && sed -i \"1s,^#!/bin/sh,#!$(readlink -f ../busybox) sh,\" runtest *.tests"},
            {"run": "mkdir lind-sh && ln -s $PWD/busybox lind-sh/sh"},
            {"run": "cd testsuite && export SHELL=/bin/sh PATH=$PWD/../lind-sh:$PATH && "
                    "${INSIDE:+$INSIDE --dir .. --dir ../lind-bin:/bin:ro --dir ../lind-bin:/usr/bin:ro --env PATH=/bin -- $PWD/../busybox sh} "
                    "./runtest", "test": "testsuite", "split": busybox_lines, "seconds": 1800},
        ], ["busybox"], known={"testsuite: " + test: reason for test, reason in {
            "hostname-d-works": "no resolver",
            "makedevs -d ../makedevs.device_table.txt .": "no device can be made in a cage",
            "start-stop-daemon with both -x and -a": "/bin/false is busybox itself",
            "unzip (subdir only)": "starts zip",
        }.items()}),
        # bash's own tests in one lind-run, with busybox's tools in both runs. bash runs their scripts, which start it again and again.
        "bash-suite": suite("bash", busybox("lind-needs/busybox") + [
            {"run": "bash_cv_func_strtoimax=no ./configure -q --without-bash-malloc --disable-nls"
                    " CFLAGS='-O2 -w -Wno-implicit-function-declaration'", "seconds": 1200},
            {"run": "make -s %s && make -s recho zecho printenv xcase && cp recho zecho printenv xcase tests" % jobs, "seconds": 1800},
            {"run": "cd tests && B=$PWD/../lind-needs/busybox && export PATH=$B/lind-bin && ${INSIDE:+$INSIDE --dir .. --dir $B/lind-bin:/bin:ro"
                    " --dir /usr::ro --dir $B/lind-bin:/usr/bin:ro --dir /etc::ro --dir /root::ro --env PATH=/bin --}"
                    " $B/busybox sh ../lind-inputs/suite.sh", "test": "tests", "split": busybox_lines, "seconds": 1800},
        ], ["bash"], needs=["busybox"], inputs="bash", races={"tests: run-nameref": {
            "why": "prints a variable of a coprocess, which the shell removes when it has seen the coprocess end",
            "show": "sed 's/bash-output[.][0-9]*/bash-output/' tests/lind-run-nameref.log",
            # The shell waits, before it prints the variable, until it has seen that.
            "provoke": "cd tests && sed -i 's/coproc RO { :; };/& while declare -p RO_PID >lind-null 2>\\&1; do :; done;/' nameref11.sub"
                       " && grep -q lind-null nameref11.sub && B=$PWD/../lind-needs/busybox && export PATH=$B/lind-bin"
                       " && $B/busybox sh ../lind-inputs/suite.sh run-nameref >lind-null; cd ..; sed 's/bash-output[.][0-9]*/bash-output/' tests/lind-run-nameref.log",
        }}),
        # A whole build in one lind-run: shell, make, compiler and all tools are cages. What configure found and what tcc made are compared.
        "autotools": suite("hello", [
            {"run": "cp -R lind-needs/sed lind-sed && sh lind-inputs/tools.sh", "seconds": 3600},
            {"run": "sh lind-inputs/inside.sh configure lind-sed >/dev/null 2>&1 && cksum < lind-sed/config.h", "test": "configure of sed",
             "seconds": 300},
            {"run": "sh lind-inputs/inside.sh configure >/dev/null 2>&1 && cksum < config.h", "test": "configure", "seconds": 300},
            {"run": "sh lind-inputs/inside.sh make >/dev/null && cksum < src/hello.o && cksum < hello", "test": "make", "seconds": 300},
            {"run": "make -s clean >/dev/null && make -s CC=\"$CC\" AR=$AR RANLIB=$RANLIB MAKEINFO=true HELP2MAN=true"},
            {"run": "sh lind-inputs/inside.sh check", "test": "check", "split": automake, "seconds": 300},
        ], ["hello"], needs=["busybox", "dash", "mawk", "make-dfsg", "sed", "grep", "coreutils", "tcc"], inputs="autotools",
            grant=["/usr/include::ro", "/usr/lib/x86_64-linux-musl::ro"],
            # hello's configure has a `sleep 1` in the background and waits for it at the end, which would be all that is timed.
            bench={"configure of " + package: {
                "part": "shell", "command": "cp lind-tools/bin/true lind-tools/bin/sleep && sh lind-inputs/inside.sh configure %s >/dev/null 2>&1" % directory
            } for package, directory in (("hello", ""), ("sed", "lind-sed"))}),
        # Its own suite needs dejagnu and looks at the machine's processes. A shell of the tree is the parent of what ps is to see; another one
        # is between, because ps shows children of process 1 as orphans.
        "procps": suite("procps", [
            {"run": "cd lind-needs/dash && ./configure -q CFLAGS=-O2 && make -s", "seconds": 300},
            {"run": configure + "--without-ncurses --disable-shared --disable-modern-top && make -s src/ps/pscommand", "seconds": 900},
            {"run": "S=lind-needs/dash/src/dash; $S -c \"$S lind-inputs/ps.sh src/ps/pscommand; exit \\$?\"", "test": "ps.sh"},
        ], ["src/ps/pscommand"], needs=["dash"], inputs="ps"),
        # util-linux' script and scriptreplay: what a user at a terminal does (both runs record dash), and its own tests.
        "script": suite("util-linux", [
            {"run": "cd lind-needs/dash && ./configure -q CFLAGS=-O2 && make -s", "seconds": 300},
            {"run": configure + "--disable-all-programs --enable-scriptutils --disable-shared", "seconds": 900},
            {"run": "make -s %s script scriptreplay scriptlive test_script" % jobs, "seconds": 600},
            {"run": "$CC -O2 -o facts lind-inputs/facts.c && cp lind-needs/dash/src/dash dash"},
            {"run": "SHELL=$PWD/dash ./script -e -c './facts; exit 3' file </dev/null; echo $?; sed 's/ on .*+00:00//' file",
             "test": "without a terminal"},
            {"run": "python3 lind-inputs/session.py $PWD/dash", "test": "session"},
            {"run": "sed -e 's/ on .*+00:00//' -e 's,pts/[0-9]*,console,' -e 1q out; sed -n 's/^S [0-9.]* SIG/SIG/p' timing; tail -n 1 out"
                    " | sed 's/.*+00:00//'", "test": "session's logs"},
            {"run": "./scriptreplay -d 10000 -T timing -O out >replayed && sed '1d;$d' out | cmp - replayed"
                    " && ./scriptreplay -d 10000 -T timing -I in"
                    " && ./scriptreplay -T timing --summary | grep -v -e TIME -e DURATION -e SHELL -e 'TTY: '", "test": "replay"},
        ] + [
            {"run": "SHELL=/bin/sh bash tests/ts/script/%s --srcdir=$PWD --builddir=$PWD" % name, "test": "suite", "split": util_linux_lines,
             "seconds": 1800}
            for name in ("options", "replay", "buffering-race", "race")
        ], ["script", "scriptreplay", "scriptlive"], needs=["dash"], inputs="script terminal"),
        # A shell, its screens and all that runs in them are one lind-run. ncurses is for its termcap functions, with the terminal built in.
        "screen": suite("screen", [
            {"run": "cd lind-needs/dash && ./configure -q CFLAGS=-O2 && make -s", "seconds": 300},
            {"run": "cd lind-needs/ncurses && ./configure -q --without-cxx --without-cxx-binding --without-ada --without-progs --without-tests"
                    " --without-manpages --without-debug --with-fallbacks=vt100,screen --disable-database --disable-db-install CFLAGS='-O2 -w'"
                    " >/dev/null 2>&1 && make -s %s libs >/dev/null" % jobs, "seconds": 1800},
            {"run": "sh autogen.sh >/dev/null 2>&1; ./configure --disable-socket-dir --disable-pam"
                    " CFLAGS=\"-O2 -w -std=gnu89 -I$PWD/lind-needs/ncurses/include\" LDFLAGS=-L$PWD/lind-needs/ncurses/lib >/dev/null", "seconds": 900},
            {"run": "make -s screen", "seconds": 600},
            {"run": "$CC -O2 -o facts lind-inputs/facts.c && cp lind-needs/dash/src/dash sh"},
            {"run": "python3 lind-inputs/session.py", "test": "session"},
        ], ["screen"], needs=["dash", "ncurses"], inputs="screen terminal"),
        "git": suite("git", [
            {"run": "cd lind-needs/zlib && ./configure --static && make -s libz.a", "seconds": 300},
            {"run": "printf '%%s\\n' NO_OPENSSL=1 NO_CURL=1 NO_EXPAT=1 NO_GETTEXT=1 NO_TCLTK=1 NO_PYTHON=1 NO_PERL=1 NO_ICONV=1 NO_REGEX=1"
                    " NO_INSTALL_HARDLINKS=1 \"CC=$CC\" \"AR=$AR\" 'CFLAGS=-O2 -w -I$(CURDIR)/lind-needs/zlib'"
                    " 'LDFLAGS=-L$(CURDIR)/lind-needs/zlib' >config.mak && make -s %s all" % jobs, "seconds": 3600},
            # The host's gpg, where there is one, is not built by lind-cc: git's tests find none, in both runs.
            {"run": "mkdir lind-bin && printf '#!/bin/sh\\nexit 127\\n' >lind-bin/gpg && chmod +x lind-bin/gpg"},
        ] + [
            {"run": "cd t && PATH=$PWD/../lind-bin:$PATH ./%s.sh" % script, "test": script, "split": tap, "seconds": 900}
            for script in GIT_SCRIPTS
        ], ["git"], needs=["zlib"], known={"t7600-merge: " + test: "starts gpg, which is not built by lind-cc" for test in (
            "merge --ff-only tag", "merge --no-edit tag should skip editor")}),
    }
