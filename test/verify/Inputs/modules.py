"""A small valid module, and changes to it as check_modules.py describes them: build(changes)."""
import struct

EHDR = "<16sHHIQQQIHHHHHH"
EHDR_FIELDS = (
    "ident type machine version entry phoff shoff flags ehsize phentsize phnum shentsize shnum "
    "shstrndx"
).split()
PHDR_FIELDS = "type flags offset vaddr paddr filesz memsz align".split()
PHDR = "<IIQQQQQQ"


def base():
    note_at, gate = 0x800, 0x1000
    elf = dict(
        ident=b"\x7fELF\x02\x01\x01".ljust(16, b"\0"),
        type=3,
        machine=62,
        version=1,
        entry=0x2000,
        phoff=64,
        shoff=0,
        flags=0,
        ehsize=64,
        phentsize=56,
        phnum=None,
        shentsize=64,
        shnum=0,
        shstrndx=0,
    )
    headers = {
        "load0": dict(
            type=1, flags=4, offset=0, vaddr=0, paddr=0, filesz=0x2000, memsz=0x2000, align=0x1000
        ),
        "load1": dict(
            type=1,
            flags=5,
            offset=0x2000,
            vaddr=0x2000,
            paddr=0x2000,
            filesz=64,
            memsz=64,
            align=0x1000,
        ),
        "load2": dict(
            type=1,
            flags=6,
            offset=0x3000,
            vaddr=0x3000,
            paddr=0x3000,
            filesz=0x10,
            memsz=0x1800,
            align=0x1000,
        ),
        "note": dict(
            type=4,
            flags=4,
            offset=note_at,
            vaddr=note_at,
            paddr=note_at,
            filesz=32,
            memsz=32,
            align=4,
        ),
        "stack": dict(
            type=0x6474E551, flags=6, offset=0, vaddr=0, paddr=0, filesz=0, memsz=0, align=16
        ),
    }
    lind = dict(
        namesz=5, descsz=12, type=1, abi=2, bundle=32, gate=gate - (note_at + 28), name=b"Lind\0"
    )
    return elf, headers, lind


def build(changes):
    elf, headers, lind = base()
    order = list(headers)
    text, size, notes = b"\xcc" * 64, None, 1
    for change in changes:
        name, _, value = change.partition("=")
        if name == "text":
            text = bytes.fromhex(value).ljust(64, b"\xcc")
        elif name == "size":
            size = int(value, 0)
        elif name == "notes":
            notes = int(value)
        elif name == "copy":
            copy = value + "copy"
            headers[copy] = dict(headers[value])
            order.insert(order.index(value) + 1, copy)
        elif name == "drop":
            order.remove(value)
        elif name == "swap":
            a, b = (order.index(n) for n in value.split(","))
            order[a], order[b] = order[b], order[a]
        elif name == "lind.name":
            lind["name"] = value.encode().ljust(5, b"\0")
        elif name == "elf.ident":
            at, byte = value.split(":")
            ident = bytearray(elf["ident"])
            ident[int(at)] = int(byte, 0)
            elf["ident"] = bytes(ident)
        else:
            target, field = name.split(".")
            table = elf if target == "elf" else lind if target == "lind" else headers[target]
            if field not in table:
                raise SystemExit("unknown field " + name)
            table[field] = int(value, 0)
    if elf["phnum"] is None:
        elf["phnum"] = len(order)
    image = bytearray(0x3010)
    note = (
        struct.pack("<III", lind["namesz"], lind["descsz"], lind["type"])
        + lind["name"].ljust(8, b"\0")
        + struct.pack("<IIi", lind["abi"], lind["bundle"], lind["gate"])
    )
    for n in range(notes):
        image[0x800 + 32 * n : 0x820 + 32 * n] = note
    image[0x2000 : 0x2000 + len(text)] = text
    image[0:64] = struct.pack(EHDR, *(elf[f] for f in EHDR_FIELDS))
    at = 64
    for name in order:
        image[at : at + 56] = struct.pack(
            PHDR, *(headers[name][f] & (2**64 - 1) for f in PHDR_FIELDS)
        )
        at += 56
    return bytes(image if size is None else image[:size])
