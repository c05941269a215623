"""leaks.py MAPPINGS KIB COMMAND...: runs a lind-run whose program says "ready", waits for a line,
does something many times, says "done" and waits again. Fails if the program fails, or if what
lind-run holds of the host grew in between: descriptors and threads at all, mappings and memory by
more than is said. (Windows that happen to lie side by side have fewer mappings; stacks of kept
threads and malloc's heap settle slowly.)

What is kept for the next process (docs/processes.md) is there at "ready" already; that the numbers
come to rest may take a moment: the first ones count when they have stayed the same for a second."""
import os
import subprocess
import sys
import time

PATIENCE = 10  # seconds
if "ASAN_OPTIONS" in os.environ:  # a sanitizer's allocator keeps what was freed
    sys.argv[1:3] = ["1000000", "1000000"]
SLACK = {"mappings": int(sys.argv[1]), "KiB": int(sys.argv[2])}


def holds(pid):
    status = open("/proc/%d/status" % pid).read()
    memory = int(status.split("VmRSS:")[1].split()[0]) + int(status.split("VmPTE:")[1].split()[0])
    return {
        "descriptors": len(os.listdir("/proc/%d/fd" % pid)),
        "threads": len(os.listdir("/proc/%d/task" % pid)),
        "mappings": len(open("/proc/%d/maps" % pid).readlines()),
        "KiB": memory,
    }


def at_rest(pid):
    numbers = holds(pid)
    same, end = time.monotonic(), time.monotonic() + PATIENCE
    while time.monotonic() < min(same + 1, end):
        time.sleep(0.1)
        now = holds(pid)
        if any(now[name] != numbers[name] for name in ("descriptors", "threads", "mappings")):
            same = time.monotonic()
        numbers = now
    return numbers


def expect(child, word):
    line = child.stdout.readline()
    while line and line.strip() != word:  # what the program finds wrong
        print(line, end="")
        line = child.stdout.readline()
    return bool(line)


def grown(before, after):
    return [name for name in before if after[name] > before[name] + SLACK.get(name, 0)]


child = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
before = after = {}
if expect(child, "ready"):
    before = at_rest(child.pid)
    child.stdin.write("\n")
    child.stdin.flush()
    if expect(child, "done"):
        end = time.monotonic() + PATIENCE
        after = holds(child.pid)
        while grown(before, after) and time.monotonic() < end:
            time.sleep(0.1)
            after = holds(child.pid)
child.stdin.close()
print(child.stdout.read(), end="")
status = child.wait()
for name in before:
    print("%s: %d, then %s" % (name, before[name], after.get(name)))
if status or not after or grown(before, after):
    more = grown(before, after) if after else ["unknown"]
    sys.exit("leaks.py: status %d, more than before: %s" % (status, " ".join(more)))
