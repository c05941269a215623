"""Programs that csmith generates print the same checksum natively and in a cage.

Usage: csmith.py --build DIR --count N [--seed FIRST] [--settings -O0,-O2]
"""
import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile

SETTINGS = ["-O0", "-O1", "-O2", "-O3", "-Os", "-O2 -march=x86-64-v3"]


def run(command, seconds, cwd):
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=seconds)
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        return "timeout", b"", b""


def one(job):
    build, seed, setting, scratch = job
    home = os.path.join(scratch, str(seed))
    os.makedirs(home)
    try:
        source = os.path.join(home, "t.c")
        with open(source, "wb") as file:
            file.write(run(["csmith", "--seed", str(seed), "--quiet", "--no-packed-struct" if seed % 3 else "--packed-struct"], 60, home)[1])
        options = setting.split() + ["-w", "-I/usr/include/csmith", "t.c"]
        native = run([os.path.join(build, "lib", "lind", "native", "native-cc")] + options + ["-o", "n"], 120, home)
        if native[0]:
            return seed, setting, "skipped", ""
        expected = run(["./n"], 5, home)
        if expected[0] != 0:
            return seed, setting, "skipped", ""
        caged = run([os.path.join(build, "bin", "lind-cc")] + options + ["-o", "c"], 120, home)
        if caged[0]:
            return seed, setting, "does not compile", caged[2].decode(errors="replace")[:500]
        got = run([os.path.join(build, "bin", "lind-run"), "./c"], 60, home)
        if got[:2] != expected[:2]:
            return seed, setting, "differs", "native %s %s caged %s %s %s" % (expected[0], expected[1][-60:], got[0], got[1][-60:], got[2][-300:])
        return seed, setting, "agrees", ""
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    args = parser.parse_args()
    settings = args.settings.split(",")
    scratch = tempfile.mkdtemp(prefix="csmith.")
    counts = {}
    try:
        jobs = [(os.path.abspath(args.build), seed, settings[seed % len(settings)], scratch) for seed in range(args.seed, args.seed + args.count)]
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for seed, setting, result, words in pool.map(one, jobs):
                counts[result] = counts.get(result, 0) + 1
                if result not in ("agrees", "skipped"):
                    print("seed %d %s: %s: %s" % (seed, setting, result, words))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print("csmith: " + ", ".join("%d %s" % (count, result) for result, count in sorted(counts.items())))
    sys.exit(0 if counts.get("agrees", 0) and set(counts) <= {"agrees", "skipped"} else 1)


if __name__ == "__main__":
    main()
