#!/usr/bin/python3
# Takes the place of lind-trace: asks for what it must not have, and says what it got.
import os
import struct

os.read(0, 1000)
for offset, length, string in [(1 << 40, 8, 0), ((1 << 32) - 4, 8, 0), (0, 8, 0), (1 << 63, 8, 1), (0, 4097, 0)]:
    os.write(0, struct.pack("QII", offset, length, string))
    answer = os.read(0, 5000)
    print("offset", offset, "answer", struct.unpack("q", answer[:8])[0] if answer else "none", len(answer), file=os.fdopen(os.dup(2), "w"))
