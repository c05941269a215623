"""Runs a crashing program many times with random bytes of its debug data changed. usage: flip_debug.py LIND-RUN PROGRAM COUNT FIRST-LINE
Each run must end with status 139, soon, and its report must begin with FIRST-LINE and be printable."""
import os
import random
import struct
import subprocess
import sys
import time

runner, program, count, first = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
original = open(program, "rb").read()


def sections(data):
    """Names, places and sizes of the sections."""
    table, = struct.unpack_from("<Q", data, 40)
    size, number, names = struct.unpack_from("<HHH", data, 58)
    headers = [struct.unpack_from("<IIQQQQ", data, table + i * size) for i in range(number)]
    strings = headers[names][4]
    for name, _, _, _, offset, length in headers:
        end = data.index(b"\0", strings + name)
        yield data[strings + name:end].decode(), offset, length


places = [(name, at, size) for name, at, size in sections(original)
          if size and (name.startswith(".debug_") or name in (".symtab", ".strtab", ".eh_frame"))]
if not any(name == ".debug_info" for name, _, _ in places):
    sys.exit("the program has no debug data")
changed = program + ".changed"
slowest, silent = 0, 0
for seed in range(count):
    generator = random.Random(seed)
    data = bytearray(original)
    for _ in range(generator.choice([1, 8, 64, 512])):
        name, at, size = generator.choice(places)
        data[at + generator.randrange(size)] = generator.choice([0, 0x7f, 0xff, generator.randrange(256)])
    with open(changed, "wb") as file:
        file.write(data)
    os.chmod(changed, 0o755)
    start = time.monotonic()
    run = subprocess.run([runner, changed], capture_output=True, timeout=60)
    slowest = max(slowest, time.monotonic() - start)
    lines = run.stderr.decode("ascii").splitlines()
    if run.returncode != 139 or not lines or first not in lines[0]:
        sys.exit(f"seed {seed}: status {run.returncode}: {run.stderr!r}")
    if not run.stderr.decode("ascii").replace("\n", "").isprintable():
        sys.exit(f"seed {seed}: not printable: {run.stderr!r}")
    silent += not any("#0" in line for line in lines)
if slowest > 15:  # the helper has 5 s, and the machine other work
    sys.exit(f"slowest run: {slowest:.1f} s")
print(f"{count} runs, slowest {slowest:.2f} s, {silent} without a backtrace")
