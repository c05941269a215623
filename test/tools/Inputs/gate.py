"""Checks that the module note of a program points at the gate page: a page of zeros that a read-only
segment holds whole."""
import struct
import sys

data = open(sys.argv[1], "rb").read()
offset, = struct.unpack_from("<Q", data, 32)
size, count = struct.unpack_from("<HH", data, 54)
headers = [struct.unpack_from("<IIQQQQQQ", data, offset + i * size) for i in range(count)]
found = None
for kind, _, at, address, _, length, _, _ in headers:
    if kind == 4:
        name, desc, note = struct.unpack_from("<III", data, at)
        if data[at + 12:at + 12 + name] == b"Lind\0" and note == 1:
            words = at + 12 + (name + 3 & ~3)
            version, bundle, distance = struct.unpack_from("<IIi", data, words)
            found = address + (words + 8 - at) + distance
assert found is not None and found % 4096 == 0, found
for kind, flags, at, address, _, length, memory, _ in headers:
    if kind == 1 and address <= found and found + 4096 <= address + length:
        assert flags == 4, flags
        page = data[at + found - address:][:4096]
        assert page == bytes(4096)
        break
else:
    raise AssertionError("the gate page is in no segment")
