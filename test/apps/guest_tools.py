"""A shell and tools that run in a cage, for suites whose programs start some: busybox and ed, built by lind-cc once per build.

directory(build, sources, helpers) returns the directory to grant as /bin and /usr/bin; helpers are the names of more programs (HELPERS) in it.
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

# Programs that some suites start: the package, how it is built, and the file that becomes the program.
HELPERS = {
    "bash": ("bash", "bash_cv_func_strtoimax=no ./configure -q --without-bash-malloc --disable-nls CC=lind-cc AR=lind-ar"
                     " RANLIB=lind-ranlib CFLAGS='-O2 -w -Wno-implicit-function-declaration' && make -s", "bash"),
    "bzip2": ("bzip2", "make -s CC=lind-cc AR=lind-ar RANLIB=lind-ranlib bzip2", "bzip2"),
    "gzip": ("gzip", "./configure -q CC=lind-cc CFLAGS='-O2 -w' && make -s", "gzip"),
    # Without modules: the suites' scripts need the language alone. libc=none: Configure is not to look for names in the host's libc.
    "perl": ("perl", "sh Configure -des -Dcc=lind-cc -Dar=lind-ar -Dnm=lind-nm -Dranlib=lind-ranlib -Uusedl -Dusenm=n -Doptimize=-O2"
                     " -Accflags='-w -D_GNU_SOURCE' -Dlibs=-lm -Dlibc=none && make -s miniperl", "miniperl"),
    "xz": ("xz-utils", "./configure -q CC=lind-cc --disable-shared --disable-nls --disable-threads --disable-doc CFLAGS=-O2 && make -s",
           "src/xz/xz"),
    "zstd": ("libzstd", "make -s -C programs zstd CC=lind-cc AR=lind-ar CFLAGS=-O2 HAVE_THREAD=0 HAVE_ZLIB=0 HAVE_LZMA=0 HAVE_LZ4=0"
                        " ZSTD_LEGACY_SUPPORT=0", "programs/zstd"),
}


def run(build, command, directory):
    environment = dict(os.environ, LC_ALL="C", PATH=os.path.join(build, "bin") + os.pathsep + os.environ["PATH"])
    done = subprocess.run(["/bin/sh", "-c", command], cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        raise SystemExit("%s does not build: %s" % (directory, done.stdout.decode(errors="replace")[-3000:]))


def compile_all(build, sources, directory):
    subprocess.run([FETCH, sources, "busybox", "ed"], check=True)
    for name in ("busybox", "ed"):
        shutil.copytree(os.path.join(sources, name), os.path.join(directory, name), symlinks=True)

    run(build, "make -s allnoconfig", os.path.join(directory, "busybox"))
    config = os.path.join(directory, "busybox", ".config")
    with open(config) as file:
        text = file.read()
    for option in OPTIONS:
        text = text.replace("# CONFIG_%s is not set\n" % option, "CONFIG_%s=y\n" % option)
    with open(config, "w") as file:
        file.write(text)
    run(build, "yes '' | make -s oldconfig && make -s -j2 CC=lind-cc AR=lind-ar HOSTCC=gcc SKIP_STRIP=y EXTRA_CFLAGS=-w busybox",
        os.path.join(directory, "busybox"))
    run(build, "./configure CC=lind-cc CFLAGS=-O2 && make -s", os.path.join(directory, "ed"))
    os.mkdir(os.path.join(directory, "bin"))
    for name in ("busybox", "ed"):
        shutil.copy(os.path.join(directory, name, name), os.path.join(directory, "bin"))
    for name in ["sh", "["] + APPLETS:
        os.symlink("busybox", os.path.join(directory, "bin", name))


def compile_helper(build, sources, directory, name):
    package, command, binary = HELPERS[name]
    subprocess.run([FETCH, sources, package], check=True)
    tree = os.path.join(directory, "tree")
    shutil.copytree(os.path.join(sources, package), tree, symlinks=True)
    run(build, command, tree)
    os.mkdir(os.path.join(directory, "bin"))
    shutil.copy(os.path.join(tree, binary), os.path.join(directory, "bin", name))


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


def directory(build, sources, helpers=()):
    apps = os.path.join(build, "apps")
    base = made_once(build, os.path.join(apps, "guest-tools"), "sh", lambda home: compile_all(build, sources, home))
    if not helpers:
        return base
    found = [made_once(build, os.path.join(apps, "guest-" + name), name, lambda home: compile_helper(build, sources, home, name))
             for name in sorted(helpers)]

    def gather(home):
        shutil.copytree(base, os.path.join(home, "bin"), symlinks=True)
        for name, place in zip(sorted(helpers), found):
            shutil.copy(os.path.join(place, name), os.path.join(home, "bin"))
    return made_once(build, os.path.join(apps, "guest-with-" + "-".join(sorted(helpers))), "sh", gather)
