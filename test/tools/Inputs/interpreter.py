"""interpreter.py FROM TO PATH: copies a program with another PT_INTERP.

The gate page is a page of zeros in the file, whose contents nobody uses: the new path is put there."""
import os
import struct
import sys

data = bytearray(open(sys.argv[1], "rb").read())
offset, = struct.unpack_from("<Q", data, 32)
size, count = struct.unpack_from("<HH", data, 54)
path = sys.argv[3].encode() + b"\0"
headers = [offset + i * size for i in range(count)]
kinds = [struct.unpack_from("<I", data, at)[0] for at in headers]
_, _, start, address, _, length, _, _ = struct.unpack_from("<IIQQQQQQ", data, headers[kinds.index(1)])
page = next(at for at in range(start, start + length, 4096) if data[at:at + 4096] == bytes(4096))
data[page:page + len(path)] = path
address += page - start
struct.pack_into("<IIQQQQQQ", data, headers[kinds.index(3)], 3, 4, page, address, address, len(path),
                 len(path), 1)
open(sys.argv[2], "wb").write(data)
os.chmod(sys.argv[2], 0o755)
