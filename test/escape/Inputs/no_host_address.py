"""Reads a program's output with a crash report. The program says `base N`, the upper half of its window's base, hexadecimal. Fails if any
number of the report lies in that window as a host address, or if files named as arguments hold one as an aligned word."""
import re
import struct
import sys

text = sys.stdin.read()
print(text)
base = int(re.search(r"^base ([0-9a-f]+)$", text, re.M).group(1), 16)
if base == 0:
    sys.exit("control failed: the program's own return address has no upper half")
if "killed by" not in text or "backtrace:" not in text:
    sys.exit("no report")
report = text[text.index("lind-run:"):]
for word in re.findall(r"[0-9a-fA-F]{5,}", report):
    for i in range(len(word) - 8):
        if int(word[:len(word) - 8 - i] or "0", 16) & 0xFFFFFFFF == base:
            sys.exit(f"host address in the report: {word}")
for name in sys.argv[1:]:
    data = open(name, "rb").read()
    start = data.index(b"\n\n") + 2
    words = [w for (w,) in struct.iter_unpack("<Q", data[start:len(data) - (len(data) - start) % 8])]
    if len(words) < 16:
        sys.exit("no stack in the description")
    if any(word >> 32 == base for word in words) or b"%x" % base in data[:start]:
        sys.exit("host address in the description")
print("no host address")
