"""Finds what hot calls of the microvisor reach that touches vector or x87 registers, which are the cage's own
while they run (docs/architecture.md): by the machine code of lind-run, along direct calls and jumps.

usage: hot.py ROOT BUILD [CALL...]     CALL: handlers that count as hot as well (a control)
"""
import glob
import os
import re
import subprocess
import sys

# These leave the hot state before they go on, or end the runtime.
BORDERS = {"handler_cold", "run_cold", "runtime_bug", "signal_entry", "signal_restorer"}
# The operations of files that are hot (microvisor/fs/file.h).
OPERATIONS = {"read", "write", "seek", "stat", "poll", "queue", "release"}


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()


def graph(binary):
    """function → functions that it calls or jumps to; function → its first use of such a register"""
    calls, local, name = {}, {}, None
    for line in output("objdump", "-d", "--no-show-raw-insn", binary):
        start = re.match(r"[0-9a-f]+ <([^>]+)>:$", line)
        if start:
            name = start.group(1)
            calls.setdefault(name, set())
        elif name:
            target = re.search(r"\t(?:call|j\w+)\s+[0-9a-f]+ <([^>+]+)(?:\+0x[0-9a-f]+)?>", line)
            if target and target.group(1) != name:
                calls[name].add(target.group(1))
            if re.search(r"%([xyz]?mm\d|st\b|k\d)|\t(f[a-z]+|emms|ldmxcsr|vzero\w+|xrstor\w*)\b", line):
                local.setdefault(name, line.strip())
    return calls, local


def hot_functions(root):
    found = set()
    with open(os.path.join(root, "microvisor", "calls.def")) as file:
        for line in file:
            call = re.match(r"CALL\(\s*\d+,\s*(\w+),\s*HOT\b", line)
            if call:
                found.add("call_" + call.group(1))
    for path in glob.glob(os.path.join(root, "microvisor", "**", "*.c"), recursive=True):
        with open(path) as file:
            for table in re.findall(r"struct file_operations \w+ = \{(.*?)\n\};", file.read(), re.S):
                found.update(function for field, function in re.findall(r"\.(\w+) = (\w+)", table) if field in OPERATIONS)
    return found


def reach(calls, start, border=BORDERS):
    """function reached → the one that reached it"""
    seen, todo = {}, [(name, None) for name in sorted(start)]
    while todo:
        name, caller = todo.pop()
        if name in seen or name in border:
            continue
        seen[name] = caller
        todo += [(other, name) for other in sorted(calls.get(name, ()))]
    return seen


def main():
    root, build = sys.argv[1:3]
    calls, local = graph(os.path.join(build, "bin", "lind-run"))
    hot = hot_functions(root)
    lost = sorted(name for name in hot if name not in calls)
    if lost:
        sys.exit("hot.py: not in lind-run: " + " ".join(lost))
    seen = reach(calls, hot | set(sys.argv[3:]))
    found = 0
    for name in sorted(seen):
        if name not in local:
            continue
        found += 1
        path = [name]
        while seen[path[-1]]:
            path.append(seen[path[-1]])
        print("touches %s: %s" % (local[name].split(None, 1)[1], " < ".join(path)))
    print("%d hot entries reach %d functions, %d touch vectors" % (len(hot), len(seen), found))


main()
