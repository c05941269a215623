"""Which functions use which words at %fs, by the machine code.

usage: thread_words.py PROGRAM
"""
import re
import subprocess
import sys

users, name = {8: set(), 32: set(), 0: set()}, None
dump = subprocess.run(["objdump", "-d", "--no-show-raw-insn", sys.argv[1]], stdout=subprocess.PIPE, check=True)
for line in dump.stdout.decode().splitlines():
    start = re.match(r"[0-9a-f]+ <([^>]+)>:$", line)
    if start:
        name = start.group(1)
    operand = re.search(r"%fs:(0x[0-9a-f]+|\()", line)
    if operand and operand.group(1) != "(" and int(operand.group(1), 16) in users:
        users[int(operand.group(1), 16)].add(name)
for at in users:
    print("%%fs:%#x: %s" % (at, " ".join(sorted(users[at]))))
