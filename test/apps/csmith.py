"""Programs that csmith generates print the same checksum natively and in a cage.

Usage: csmith.py --build DIR --count N [--seed FIRST] [--settings -O0,-O2] [--jobs N] [--resume] [--least N]

What the native programs print is kept (DIR/results) as long as compiler, libc and csmith stay the same. --resume goes on with an interrupted
run of the same tools; only programs that agreed or were skipped are not tried again. --least: fewer that agree are a failure.
"""
import argparse
import concurrent.futures
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import results  # noqa: E402

SETTINGS = ["-O0", "-O1", "-O2", "-O3", "-Os", "-O2 -march=x86-64-v3"]
FINE = ("agrees", "skipped")
INCLUDE = "/usr/include/csmith"


def run(command, seconds, cwd):
    try:
        done = subprocess.run(command, cwd=cwd, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds)
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        return "timeout", b"", b""


def native_output(build, key, options, home, natives):
    """What the native program prints, in hexadecimal; None if it is not built, fails, or takes too long."""
    known = natives.get(key)
    if known is not None:
        return known or None
    built = run([os.path.join(build, "lib", "lind", "native", "native-cc")] + options + ["-o", "n"], 120, home)
    expected = run(["./n"], 5, home) if built[0] == 0 else built
    output = expected[1].hex() if expected[0] == 0 else ""
    if expected[0] != "timeout":
        natives.put(key, output)
    return output or None


def one(job):
    build, seed, setting, scratch, natives, finished = job
    key = "%d %s" % (seed, setting)
    done = finished.get(key)
    if done:
        return seed, setting, done, ""
    result, words = compare(build, seed, setting, scratch, natives, key)
    if result in FINE:
        finished.put(key, result)
    return seed, setting, result, words


def compare(build, seed, setting, scratch, natives, key):
    """One of FINE and "", or what went wrong and details."""
    home = os.path.join(scratch, str(seed))
    os.makedirs(home)
    try:
        source = os.path.join(home, "t.c")
        with open(source, "wb") as file:
            file.write(run(["csmith", "--seed", str(seed), "--quiet", "--no-packed-struct" if seed % 3 else "--packed-struct"], 60, home)[1])
        options = setting.split() + ["-w", "-I" + INCLUDE, "t.c"]
        expected = native_output(build, key, options, home, natives)
        if expected is None:
            return "skipped", ""
        caged = run([os.path.join(build, "bin", "lind-cc")] + options + ["-o", "c"], 120, home)
        if caged[0]:
            return "does not compile", caged[2].decode(errors="replace")[:500]
        got = run([os.path.join(build, "bin", "lind-run"), "./c"], 60, home)
        if got[0] != 0 or got[1].hex() != expected:
            return "differs", "native %s caged %s %s %s" % (bytes.fromhex(expected)[-60:], got[0], got[1][-60:], got[2][-300:])
        return "agrees", ""
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--least", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--jobs", type=int, default=int(os.environ.get("JOBS", os.cpu_count())))
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, results.stop)
    build = os.path.abspath(args.build)
    settings = args.settings.split(",")
    own = results.native_tools(build) + [shutil.which("csmith") or "", INCLUDE]
    natives = results.Results(os.path.join(build, "results", "csmith-native-" + results.fingerprint(own)))
    own += results.caged_tools(build)
    finished = results.Results(os.path.join(build, "results", "csmith-caged-" + results.fingerprint(own)), args.resume)
    scratch = tempfile.mkdtemp(prefix="csmith.")
    counts = {}
    jobs = [(build, seed, settings[seed % len(settings)], scratch, natives, finished) for seed in range(args.seed, args.seed + args.count)]
    pool = concurrent.futures.ThreadPoolExecutor(args.jobs)
    try:
        for seed, setting, result, words in pool.map(one, jobs):
            counts[result] = counts.get(result, 0) + 1
            if result not in FINE:
                print("seed %d %s: %s: %s" % (seed, setting, result, words), flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
        shutil.rmtree(scratch, ignore_errors=True)
        print("csmith: " + ", ".join("%d %s" % (count, result) for result, count in sorted(counts.items())))
    sys.exit(0 if counts.get("agrees", 0) >= args.least and set(counts) <= set(FINE) else 1)


if __name__ == "__main__":
    main()
