"""The Open POSIX Test Suite, from Debian's source package: each program that passes natively (musl) must pass in a cage.

Usage: posixtestsuite.py --build DIR [--only TEXT] [--every N [--offset K]] [--jobs N] [--seconds N]

Programs run as a user without rights (some would set the host's clock or take a processor for good), each in a session of its
own with a time limit. Those that start programs in /bin find caged ones there (guest_tools.py). A file without main() is a test of a header: it must compile. The verdicts are the suite's: 0 pass, 1 fail,
2 unresolved, 4 unsupported, 5 untested; "signal N" and "timeout" are ours. Only programs that pass natively are run caged. A
difference is an error unless KNOWN gives the reason, or it is seen natively as well: the same verdict with the same words, alone, in one of
AGAIN native runs, or as an ending of one of the RACES. These are provoked natively in each run that has their test: built with an
option more, the test must fail. Prints counts for each directory of interfaces.
"""
import argparse
import collections
import concurrent.futures
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import guest_tools

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OPTIONS = ["-std=gnu99", "-O1", "-w", "-D_XOPEN_SOURCE=600", "-Wno-error=implicit-function-declaration",
           "-Wno-error=int-conversion", "-Wno-error=incompatible-function-pointer-types"]
NOBODY = 65534

# Test (a regular expression for its path) -> why it differs.
KNOWN = {
    r"interfaces/sem_unlink/4-1\.c": "unlinks a name that was never set: whatever is on the stack",
    r"interfaces/mmap/5-1\.c": "maps a file PROT_EXEC: only verified programs are executable",
}
# What chance decides, natively too: test -> (why, [options with which it fails natively as it may caged]). docs/programs.md
INPUTS = os.path.join(HERE, "Inputs", "posixtestsuite")
RACES = {
    r"interfaces/pthread_cancel/5-2\.c": (
        "cancels one thread for a second, and passes unless that are more signals than RLIMIT_SIGPENDING",
        [["-include", os.path.join(INPUTS, "few-signals.h")]]),
    # Threads 1, 2 and 3 wait for the lock, and are to get it in this order. Who comes first and next decides.
    r"interfaces/pthread_rwlock_unlock/3-1\.c": (
        "expects waiting threads to be served in the order of priorities that they may not have",
        [["-include", os.path.join(INPUTS, "winners.h"), '-DWINNERS="%s"' % winners] for winners in ("2", "3", "13")]),
}
AGAIN = 5
# Message queues are not there (docs/calls.md).
LEFT_OUT = re.compile("/mq_|/mqueues/")


def known(test, reasons=KNOWN):
    return next((reason for pattern, reason in reasons.items() if re.search(pattern, test)), None)


class Suite:
    def __init__(self, args):
        self.args = args
        self.build = os.path.abspath(args.build)
        self.source = os.path.join(ROOT, "build", "sources", "posixtestsuite")
        subprocess.run([os.path.join(ROOT, "tools", "fetch-source"), os.path.dirname(self.source), "posixtestsuite"], check=True)
        # Not beneath TMPDIR, which the user without rights may have no way to; nor may lind-run be.
        os.environ.pop("TMPDIR", None)
        self.scratch = tempfile.mkdtemp(prefix="posixtestsuite.", dir="/tmp")
        os.chmod(self.scratch, 0o755)
        self.options = []
        # A copy, as a user without rights may have no way to the build directory.
        self.lind_run = shutil.copy(os.path.join(self.build, "bin", "lind-run"), self.scratch)
        self.compilers = {"native": os.path.join(self.build, "lib", "lind", "native", "native-cc"),
                          "caged": os.path.join(self.build, "bin", "lind-cc")}

    def grant_tools(self, tests):
        """Gives the caged runs a /bin, if one of the tests starts something there."""
        sources = [os.path.join(self.source, test) for test in tests]
        if any(b'"/bin/' in open(source, "rb").read() for source in sources):
            tools = guest_tools.directory(self.build, os.path.dirname(self.source))
            self.options = ["--dir", shutil.copytree(tools, os.path.join(self.scratch, "bin"), symlinks=True) + ":/bin:ro"]

    def tests(self):
        found = [os.path.relpath(path, self.source) for part in ("conformance", "functional")
                 for path in glob.glob(os.path.join(self.source, part, "**", "*.c"), recursive=True)]
        found = [path for path in sorted(found) if re.search(self.args.only, path) and not LEFT_OUT.search(path)]
        return found[self.args.offset::self.args.every]

    def compile(self, test, kind, output, options):
        """None when TEST compiled, else what was said."""
        source = os.path.join(self.source, test)
        with open(source, errors="replace") as file:
            program = re.search(r"\bmain\s*\(", file.read())
        command = [self.compilers[kind]] + OPTIONS + options + ["-I", os.path.join(self.source, "include"), "-o", output, source]
        command += ["-lpthread", "-lrt", "-lm"] if program else ["-c"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        return done.stdout.decode(errors="replace") if done.returncode else None

    def attempt(self, test, kind, options=()):
        """Compiles and runs TEST: (verdict, words). Times in the words are masked."""
        directory = tempfile.mkdtemp(dir=self.scratch)
        os.chmod(directory, 0o777)
        program = os.path.join(directory, "test")
        try:
            words = self.compile(test, kind, program, list(options))
            if words is not None:
                return "does not compile", words
            if not os.access(program, os.X_OK):
                return 0, ""  # a header
            return self.execute(program, kind, directory)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def execute(self, program, kind, directory):
        prefix = [self.lind_run] + self.options + ["--"] if kind == "caged" else []
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        with open(os.path.join(directory, "output"), "wb+") as output:
            child = subprocess.Popen(prefix + [program], cwd=directory, stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=subprocess.STDOUT, start_new_session=True, **user)
            try:
                status = child.wait(self.args.seconds)
            except subprocess.TimeoutExpired:
                status = "timeout"
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
            output.seek(0)
            words = output.read(100000).decode(errors="replace")
        if status != "timeout" and (status < 0 or status > 128):
            status = "signal %d" % (-status if status < 0 else status - 128)
        return status, re.sub(r"\b\d\d:\d\d:\d\d\b", "TIME", words)

    def provoke(self, test):
        """How TEST ends natively when its race is provoked: [(verdict, words)]."""
        return [self.attempt(test, "native", options) for options in known(test, RACES)[1]]

    def seen_natively(self, test, caged):
        """Whether a native run of TEST, alone, ends like the caged one."""
        return any(self.attempt(test, "native") == caged for _ in range(AGAIN))

    def one(self, test):
        native, _ = self.attempt(test, "native")
        return (test, native) + (self.attempt(test, "caged") if native == 0 else (None, ""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=120)
    args = parser.parse_args()
    suite = Suite(args)
    counts = collections.defaultdict(collections.Counter)
    differences, explained, races = [], [], {}
    try:
        tests = suite.tests()
        suite.grant_tools(tests)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            results = []
            for result in pool.map(suite.one, tests):
                results.append(result)
                if result[1] == 0 and result[2] != 0:
                    print("first: %s: %s" % (result[0], result[2]), flush=True)
        for test, native, caged, words in results:
            if known(test, RACES):
                races[test] = suite.provoke(test)
                differences += [(test, "passes natively when its race is provoked", text) for verdict, text in races[test] if verdict == 0]
            count = counts["/".join(test.split("/")[:2])]
            count["tests"] += 1
            count["native"] += native == 0
            count["caged"] += native == 0 and caged == 0
            if native == 0 and caged != 0:
                if known(test):
                    explained.append((test, caged, known(test)))
                elif (caged, words) in races.get(test, ()):
                    explained.append((test, caged, "as natively when provoked: " + known(test, RACES)[0]))
                elif suite.seen_natively(test, (caged, words)):
                    explained.append((test, caged, "as natively in another run"))
                else:
                    differences.append((test, caged, words))
            elif native == 0 and known(test):
                differences.append((test, "passes, but is said to differ", ""))
    finally:
        shutil.rmtree(suite.scratch, ignore_errors=True)
    for test, verdict, reason in explained:
        print("known: %s: %s: %s" % (test, verdict, reason))
    for test, verdict, words in differences:
        print("--- %s: %s\n%s" % (test, verdict, words[-1000:]))
    for directory, count in sorted(counts.items()):
        print("%s: %d tests, %d pass natively, %d of these caged" % (directory, count["tests"], count["native"], count["caged"]))
    print("%d differ, %d of them known" % (len(differences) + len(explained), len(explained)))
    sys.exit(1 if differences or not any(count["native"] for count in counts.values()) else 0)


if __name__ == "__main__":
    main()
