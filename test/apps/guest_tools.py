"""A shell and tools that run in a cage, for suites whose programs start some: busybox and ed, built by lind-cc once per build.

directory(build, sources, helpers) returns the directory to grant as /bin and /usr/bin; helpers are the names of more programs (HELPERS) in it.
With kind "native" it returns the same programs built natively, for the native run of a suite that runs in one lind-run.
"""
import fcntl
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.realpath(__file__))
FETCH = os.path.join(os.path.dirname(os.path.dirname(HERE)), "tools", "fetch-source")
APPLETS = """awk basename cat chmod cksum cmp comm cp cut date dd diff dirname echo egrep env expr false fgrep find fold grep head hostname id
install kill ln ls mkdir mkfifo mktemp mv nice nl od paste printf pwd readlink realpath rev rm rmdir sed seq sleep sort split stat tac tail tee
test touch tr true tty uname uniq wc which xargs yes""".split()
OPTIONS = """SH_IS_ASH ASH ASH_ALIAS ASH_CMDCMD ASH_ECHO ASH_GETOPTS ASH_JOB_CONTROL ASH_PRINTF ASH_TEST BUSYBOX FEATURE_ALLOW_EXEC
FEATURE_AWK_GNU_EXTENSIONS FEATURE_AWK_LIBM FEATURE_DIFF_LONG_OPTIONS FEATURE_FANCY_HEAD FEATURE_FANCY_SLEEP FEATURE_FANCY_TAIL FEATURE_FIND_EXEC
FEATURE_FIND_PRINT0 FEATURE_FIND_TYPE
FEATURE_INSTALL_LONG_OPTIONS FEATURE_SH_MATH FEATURE_SH_MATH_64 FEATURE_SORT_BIG FEATURE_STAT_FORMAT FEATURE_TOUCH_SUSV3
FEATURE_VERBOSE_USAGE FLOAT_DURATION INCLUDE_SUSv2 LONG_OPTS SHOW_USAGE TEST1""".split() + [applet.upper() for applet in APPLETS]

# Programs that some suites start: the package, how it is built with $CC, $AR, $RANLIB and $NM, and the file that becomes the program.
HELPERS = {
    "bash": ("bash", "bash_cv_func_strtoimax=no ./configure -q --without-bash-malloc --disable-nls"
             " CFLAGS='-O2 -w -Wno-implicit-function-declaration' && make -s", "bash"),
    "bzip2": ("bzip2", "make -s CC=$CC AR=$AR RANLIB=$RANLIB bzip2", "bzip2"),
    "gzip": ("gzip", "./configure -q CFLAGS='-O2 -w' && make -s", "gzip"),
    "make": ("make-dfsg", "autoreconf -fi >/dev/null 2>&1 && ./configure -q --disable-nls --without-guile"
                          " CFLAGS='-O2 -w -Wno-incompatible-pointer-types' && make -s MAKEINFO=true", "make"),
    # Without modules: the suites' scripts need the language alone. libc=none: Configure is not to look for names in the host's libc.
    "perl": ("perl", "sh Configure -des -Dcc=$CC -Dar=$AR -Dnm=$NM -Dranlib=$RANLIB -Uusedl -Dusenm=n -Doptimize=-O2"
                     " -Accflags='-w -D_GNU_SOURCE' -Dlibs=-lm -Dlibc=none && make -s miniperl", "miniperl"),
    # perl with modules that need no other library than the C library, linked statically; its lib becomes bin/perl-modules.lib. The miniperl
    # that builds modules starts make and the compiler, so it must be a native one.
    "perl-modules": ("perl", "sh Configure -des -Dcc=$CC -Dar=$AR -Dnm=$NM -Dranlib=$RANLIB -Uusedl -Dusenm=n -Doptimize=-O2"
                             " -Accflags='-w -D_GNU_SOURCE' -Dlibs=-lm -Dlibc=none -Donlyextensions='Cwd Data/Dumper Fcntl File/Glob IO List/Util POSIX'"
                             " && make -s miniperl && if [ -n \"$MINIPERL\" ]; then cp \"$MINIPERL\" miniperl; fi && make -s perl", "perl"),
    "xz": ("xz-utils", "./configure -q --disable-shared --disable-nls --disable-threads --disable-doc CFLAGS=-O2 && make -s",
           "src/xz/xz"),
    "zstd": ("libzstd", "make -s -C programs zstd CC=$CC AR=$AR CFLAGS=-O2 HAVE_THREAD=0 HAVE_ZLIB=0 HAVE_LZMA=0 HAVE_LZ4=0"
                        " ZSTD_LEGACY_SUPPORT=0", "programs/zstd"),
}


def toolchain(build, kind):
    """The compiler and its tools: variables of the environment."""
    if kind == "caged":
        return {"CC": "lind-cc", "AR": "lind-ar", "RANLIB": "lind-ranlib", "NM": "lind-nm",
                "PATH": os.path.join(build, "bin") + os.pathsep + os.environ["PATH"]}
    llvm = "/usr/lib/llvm-22/bin/llvm-"
    return {"CC": os.path.join(build, "lib", "lind", "native", "native-cc"), "AR": llvm + "ar", "RANLIB": llvm + "ranlib", "NM": llvm + "nm"}


def run(build, kind, command, directory, **variables):
    # What is built is run as well, by configure scripts and by makefiles: in its tree.
    environment = dict(os.environ, LC_ALL="C", LIND_RUN_OPTS="--inherit-fds --dir %s --dir /etc::ro" % directory, **toolchain(build, kind),
                       **variables)
    done = subprocess.run(["/bin/sh", "-c", command], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit("%s does not build: %s" % (directory, done.stdout.decode(errors="replace")[-3000:]))


def compile_all(build, kind, sources, directory):
    subprocess.run([FETCH, sources, "busybox", "ed"], check=True)
    for name in ("busybox", "ed"):
        shutil.copytree(os.path.join(sources, name), os.path.join(directory, name), symlinks=True)

    run(build, kind, "make -s allnoconfig", os.path.join(directory, "busybox"))
    config = os.path.join(directory, "busybox", ".config")
    with open(config) as file:
        text = file.read()
    for option in OPTIONS:
        text = text.replace("# CONFIG_%s is not set\n" % option, "CONFIG_%s=y\n" % option)
    with open(config, "w") as file:
        file.write(text)
    run(build, kind, "yes '' | make -s oldconfig && make -s -j2 CC=$CC AR=$AR HOSTCC=gcc SKIP_STRIP=y EXTRA_CFLAGS=-w busybox",
        os.path.join(directory, "busybox"))
    run(build, kind, "./configure CC=$CC CFLAGS=-O2 && make -s", os.path.join(directory, "ed"))
    os.mkdir(os.path.join(directory, "bin"))
    for name in ("busybox", "ed"):
        shutil.copy(os.path.join(directory, name, name), os.path.join(directory, "bin"))
    for name in ["sh", "["] + APPLETS:
        os.symlink("busybox", os.path.join(directory, "bin", name))


def compile_helper(build, kind, sources, directory, name):
    package, command, binary = HELPERS[name]
    subprocess.run([FETCH, sources, package], check=True)
    variables = {}
    if name == "perl-modules" and kind == "caged":
        variables["MINIPERL"] = os.path.join(os.path.dirname(helper(build, "native", sources, name)), "tree", "miniperl")
    tree = os.path.join(directory, "tree")
    shutil.copytree(os.path.join(sources, package), tree, symlinks=True)
    run(build, kind, command, tree, **variables)
    os.mkdir(os.path.join(directory, "bin"))
    shutil.copy(os.path.join(tree, binary), os.path.join(directory, "bin", name))
    if name == "perl-modules":
        shutil.copytree(os.path.join(tree, "lib"), os.path.join(directory, "bin", "perl-modules.lib"))


def made_once(build, home, program, make):
    """Has make(home) fill the directory `home`, unless `program` is there and not older than the libc or this file. One process at a time."""
    os.makedirs(os.path.dirname(home), exist_ok=True)
    oldest = max(os.path.getmtime(path) for path in (os.path.join(build, "lib", "lind", "sysroot", "lib", "libc.a"), __file__))
    with open(home + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = os.path.join(home, "bin", program)
        if not os.path.exists(done) or os.path.getmtime(done) < oldest:
            shutil.rmtree(home, ignore_errors=True)
            os.makedirs(home)
            make(home)
    return os.path.join(home, "bin")


def prefix(build, kind):
    return os.path.join(build, "apps", "guest-" if kind == "caged" else "guest-native-")


def helper(build, kind, sources, name):
    return made_once(build, prefix(build, kind) + name, name, lambda home: compile_helper(build, kind, sources, home, name))


def directory(build, sources, helpers=(), kind="caged"):
    base = made_once(build, prefix(build, kind) + "tools", "sh", lambda home: compile_all(build, kind, sources, home))
    if not helpers:
        return base
    found = [helper(build, kind, sources, name) for name in sorted(helpers)]

    def gather(home):
        shutil.copytree(base, os.path.join(home, "bin"), symlinks=True)
        for place in found:
            shutil.copytree(place, os.path.join(home, "bin"), symlinks=True, dirs_exist_ok=True)
        if "perl-modules" in helpers:
            os.symlink("perl-modules", os.path.join(home, "bin", "perl"))
    return made_once(build, prefix(build, kind) + "with-" + "-".join(sorted(helpers)), "sh", gather)
