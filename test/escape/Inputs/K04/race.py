"""race.py COMMAND... PROGRAM: runs the program again and again while another process flips its code in the file, between what verifies and a
bare system call. Prints how runs ended."""
import collections
import os
import signal
import subprocess
import sys

GOOD = bytes.fromhex("b83412ed5e bf44332211 6690")
EVIL = bytes.fromhex("b83c000000 bf4d000000 0f05")
program = sys.argv[-1]
with open(program, "rb") as file:
    content = file.read()
at = content.find(GOOD)
if at < 0 or content.find(GOOD, at + 1) >= 0:
    sys.exit("the marked bytes are not in the program once")
flipper = os.fork()
if not flipper:
    descriptor = os.open(program, os.O_RDWR)
    while True:
        os.pwrite(descriptor, EVIL, at)
        os.pwrite(descriptor, GOOD, at)
try:
    ends = collections.Counter(
        subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode for _ in range(400))
finally:
    os.kill(flipper, signal.SIGKILL)
    os.waitpid(flipper, 0)
print(", ".join(f"{count} with status {status}" for status, count in sorted(ends.items())))
if not ends[0] or not ends[126]:
    sys.exit("the race was never on: both contents must have been met")
if set(ends) != {0, 126}:
    sys.exit("code ran that was not verified, or lind-run failed")
