"""GCC's C torture execute tests: each one that stock clang compiles and that passes natively must pass in a cage, at every setting.

Usage: torture.py --build DIR [--settings -O0,-O2,…] [--every N [--offset K]] [--only PART-OF-NAME] [--jobs N] [--resume]

Native results are kept (DIR/results) as long as compiler, libc and tests stay the same. --resume goes on with an interrupted run of the same
tools; only what has passed caged is not tried again.

The tests come from Debian's gcc-12-source package, which is downloaded and unpacked into build/sources, not installed.
Prints a line for each setting: tests, native passes, caged passes; and each test that passes natively only.
"""
import argparse
import concurrent.futures
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import results  # noqa: E402

SETTINGS = ["-O0", "-O1", "-O2", "-O3", "-Os", "-O2 -flto"]
COMMON = ["-std=gnu89", "-w", "-fno-strict-aliasing", "-fwrapv"]


def fetch():
    directory = os.path.join(ROOT, "build", "sources", "gcc-torture")
    if os.path.isdir(directory):
        return directory
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(directory)) as scratch:
        subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=", "gcc-12-source"], cwd=scratch, check=True)
        package = glob.glob(os.path.join(scratch, "*.deb"))[0]
        subprocess.run(["dpkg-deb", "-x", package, os.path.join(scratch, "root")], check=True)
        archive = glob.glob(os.path.join(scratch, "root", "usr", "src", "gcc-12", "gcc-*.tar.*"))[0]
        subprocess.run(["tar", "-xf", archive, "-C", scratch, "--wildcards", "*/gcc/testsuite/gcc.c-torture/execute/*"], check=True)
        found = glob.glob(os.path.join(scratch, "gcc-*", "gcc", "testsuite", "gcc.c-torture", "execute"))[0]
        os.rename(found, directory)
    return directory


def attempt(compiler, options, source, output, run):
    """'pass', or where it failed."""
    try:
        done = subprocess.run(compiler + options + [source, "-o", output, "-lm"], start_new_session=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
        if done.returncode:
            return "compile", done.stderr.decode(errors="replace")[:800]
        with tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run(run + [output], cwd=scratch, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=60)
        return ("pass", "") if done.returncode == 0 else ("exit status %d" % done.returncode, done.stderr.decode(errors="replace")[:800])
    except subprocess.TimeoutExpired:
        return "timeout", ""
    finally:
        if os.path.exists(output):
            os.remove(output)


def one(job):
    build, source, setting, scratch, natives, caged_passes = job
    options = COMMON + setting.split()
    output = os.path.join(scratch, "%s%s" % (os.path.basename(source), setting.replace(" ", "")))
    key = os.path.basename(os.path.dirname(source)) + "/" + os.path.basename(source) + " " + setting
    native = natives.get(key)
    if native is None:
        native, _ = attempt([os.path.join(build, "lib", "lind", "native", "native-cc")], options, source, output + ".n", [])
        if native != "timeout":
            natives.put(key, native)
    if native != "pass":
        return source, setting, native, None, ""
    if caged_passes.get(key):
        return source, setting, native, "pass", ""
    caged, words = attempt([os.path.join(build, "bin", "lind-cc")], options, source, output + ".c",
                           [os.path.join(build, "bin", "lind-run"), "--"])
    if caged == "pass":
        caged_passes.put(key, True)
    return source, setting, native, caged, words


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("JOBS", os.cpu_count())))
    parser.add_argument("--only")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, results.stop)
    build = os.path.abspath(args.build)
    directory = fetch()
    sources = sorted(glob.glob(os.path.join(directory, "*.c")) + glob.glob(os.path.join(directory, "ieee", "*.c")))
    sources = sources[args.offset::args.every]
    if args.only:
        sources = [s for s in sources if args.only in s]
    own = results.native_tools(build) + [directory]
    natives = results.Results(os.path.join(build, "results", "torture-native-" + results.fingerprint(own)))
    own += results.caged_tools(build)
    caged_passes = results.Results(os.path.join(build, "results", "torture-caged-" + results.fingerprint(own)), args.resume)
    scratch = tempfile.mkdtemp(prefix="torture.")
    failures = []
    counts = {}
    jobs = [(build, source, setting, scratch, natives, caged_passes) for setting in args.settings.split(",") for source in sources]
    pool = concurrent.futures.ThreadPoolExecutor(args.jobs)
    try:
        for source, setting, native, caged, words in pool.map(one, jobs):
            count = counts.setdefault(setting, [0, 0, 0])
            count[0] += 1
            count[1] += native == "pass"
            count[2] += caged == "pass"
            if native == "pass" and caged != "pass":
                failures.append((source, setting, caged))
                print("%s %s: %s: %s" % (os.path.relpath(source, directory), setting, caged, words), flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(scratch, ignore_errors=True)
        for setting, (tests, native, caged) in counts.items():
            print("torture %-10s %5d tests, %5d pass natively, %5d of these caged" % (setting, tests, native, caged))
    sys.exit(1 if failures or not any(count[1] for count in counts.values()) else 0)


if __name__ == "__main__":
    main()
