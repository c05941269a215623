"""A shell and tools that run in a cage, for suites whose programs start some: busybox and ed, built by lind-cc once per build.

directory(build, sources) returns the directory to grant as /bin and /usr/bin.
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
FEATURE_AWK_GNU_EXTENSIONS FEATURE_AWK_LIBM FEATURE_DIFF_LONG_OPTIONS FEATURE_FANCY_HEAD FEATURE_FANCY_TAIL FEATURE_FIND_EXEC FEATURE_FIND_PRINT0 FEATURE_FIND_TYPE
FEATURE_INSTALL_LONG_OPTIONS FEATURE_SH_MATH FEATURE_SH_MATH_64 FEATURE_SORT_BIG FEATURE_STAT_FORMAT FEATURE_TOUCH_SUSV3
FEATURE_VERBOSE_USAGE INCLUDE_SUSv2 LONG_OPTS SHOW_USAGE TEST1""".split() + [applet.upper() for applet in APPLETS]


def compile_all(build, sources, directory):
    subprocess.run([FETCH, sources, "busybox", "ed"], check=True)
    environment = dict(os.environ, LC_ALL="C", PATH=os.path.join(build, "bin") + os.pathsep + os.environ["PATH"])
    for name in ("busybox", "ed"):
        shutil.copytree(os.path.join(sources, name), os.path.join(directory, name), symlinks=True)

    def run(command, name):
        done = subprocess.run(["/bin/sh", "-c", command], cwd=os.path.join(directory, name), env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise SystemExit("%s does not build: %s" % (name, done.stdout.decode(errors="replace")[-3000:]))

    run("make -s allnoconfig", "busybox")
    config = os.path.join(directory, "busybox", ".config")
    with open(config) as file:
        text = file.read()
    for option in OPTIONS:
        text = text.replace("# CONFIG_%s is not set\n" % option, "CONFIG_%s=y\n" % option)
    with open(config, "w") as file:
        file.write(text)
    run("yes '' | make -s oldconfig && make -s -j2 CC=lind-cc AR=lind-ar HOSTCC=gcc SKIP_STRIP=y EXTRA_CFLAGS=-w busybox", "busybox")
    run("./configure CC=lind-cc CFLAGS=-O2 && make -s", "ed")
    os.mkdir(os.path.join(directory, "bin"))
    for name in ("busybox", "ed"):
        shutil.copy(os.path.join(directory, name, name), os.path.join(directory, "bin"))
    for name in ["sh", "["] + APPLETS:
        os.symlink("busybox", os.path.join(directory, "bin", name))


def directory(build, sources):
    home = os.path.join(build, "apps", "guest-tools")
    os.makedirs(os.path.dirname(home), exist_ok=True)
    libc = os.path.join(build, "lib", "lind", "sysroot", "lib", "libc.a")
    with open(home + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = os.path.join(home, "bin", "sh")
        if not os.path.exists(done) or os.path.getmtime(done) < os.path.getmtime(libc):
            shutil.rmtree(home, ignore_errors=True)
            os.makedirs(home)
            compile_all(build, sources, home)
    return os.path.join(home, "bin")
