"""What a loader that believes an ELF file would do with it: harms(bytes) gives a set of words.

Written from docs/sfi.md R8 and the psABI, not from the runtime's code: every sum has room, every field is looked at by itself.

    format      it is no ELF file of the only kind that can be loaded
    file        something is said to lie outside of the file
    smash       more comes from the file than there is room for in memory
    window      memory outside of what an image may take, or before its first segment
    pages       its pages cannot be those of the file
    overlap     a page belongs to two segments, and has the content and protection of either
    unverified  code that is not in the one verified text can be reached
    writable    code can be changed, or data run
    access      memory that the program and its loader could not read, or with a protection that nobody knows
    abi         not exactly one note that says what the code was built for
    gate        the gate page is not a page by itself that nobody writes
    text        the text itself breaks a rule
"""
import struct

PAGE, LIMIT, SEGMENTS, BUNDLE = 4096, 1 << 30, 16, 32
LOAD, NOTE, STACK = 1, 4, 0x6474E551
R, W, X = 4, 2, 1


def notes_of(image, header, found, harms):
    end = header["offset"] + header["filesz"]
    if end > len(image):
        harms.add("file")
        return
    step = 8 if header["align"] == 8 else 4
    at = 0
    while header["filesz"] - at >= 12:
        names, descriptions, kind = struct.unpack_from("<III", image, header["offset"] + at)
        description = -(-(at + 12 + names) // step) * step
        if description + descriptions > header["filesz"]:
            harms.add("file")
            return
        name = image[header["offset"] + at + 12 :][:names]
        if name == b"Lind\0" and kind == 1:
            start = header["offset"] + description
            found.append((image[start : start + descriptions], header["vaddr"] + description))
        at = -(-(description + descriptions) // step) * step


def harms_of_segments(loads, image, harms):
    pages = {}
    last = -1
    for load in loads:
        if load["offset"] + load["filesz"] > len(image):
            harms.add("file")
        if load["filesz"] > load["memsz"]:
            harms.add("smash")
        if (load["vaddr"] - load["offset"]) % PAGE:
            harms.add("pages")
        if load["flags"] & ~(R | W | X) or not load["flags"] & R:
            harms.add("access")
        if load["flags"] & W and load["flags"] & X:
            harms.add("writable")
        if load["vaddr"] + load["memsz"] > LIMIT:
            harms.add("window")
            continue
        first, end = load["vaddr"] // PAGE, -(-(load["vaddr"] + load["memsz"]) // PAGE)
        if first < last:
            harms.add("window")  # who takes the first segment's address for the image's start
        last = first
        for page in (first, end - 1):
            if any(a <= page < b for a, b in pages.items()):
                harms.add("overlap")
        if any(first <= a < end for a in pages):
            harms.add("overlap")
        pages[first] = max(end, pages.get(first, 0))
    if len(loads) > SEGMENTS:
        harms.add("window")


def harms(image):
    result = set()
    if len(image) < 64:
        return {"format"}
    ident, kind, machine, version, entry, phoff, _, _, _, phentsize, phnum = struct.unpack_from("<16sHHIQQQIHHH", image)
    if ident[:7] != b"\x7fELF\x02\x01\x01" or (kind, machine, version) != (3, 62, 1):
        result.add("format")
    if phentsize != 56 or phnum in (0, 0xFFFF):
        return result | {"format"}
    if phoff + phnum * 56 > len(image):
        return result | {"file"}
    fields = ("type", "flags", "offset", "vaddr", "paddr", "filesz", "memsz", "align")
    headers = [dict(zip(fields, struct.unpack_from("<IIQQQQQQ", image, phoff + 56 * i))) for i in range(phnum)]
    loads = [h for h in headers if h["type"] == LOAD and (h["memsz"] or h["filesz"])]
    harms_of_segments(loads, image, result)
    found = []
    for header in headers:
        if header["type"] == NOTE:
            if header["vaddr"] >= LIMIT:
                result.add("file")
            notes_of(image, header, found, result)
        if header["type"] == STACK and header["flags"] & X:
            result.add("writable")
    texts = [h for h in loads if h["flags"] & X]
    for text in texts:
        if text["vaddr"] % PAGE or text["memsz"] != text["filesz"]:
            result.add("unverified")
        if not text["vaddr"] <= entry < text["vaddr"] + text["filesz"] or entry % BUNDLE:
            result.add("unverified")
        code = image[text["offset"] :][: text["filesz"]]
        if code.strip(b"\xcc\x90") or code.endswith(b"\x90"):  # all that modules.py writes otherwise
            result.add("text")
    if len(texts) != 1:
        result.add("unverified")
    if len(found) != 1 or len(found[0][0]) != 12 or struct.unpack_from("<II", found[0][0]) != (2, BUNDLE):
        return result | {"abi"}
    gate = found[0][1] + 8 + struct.unpack_from("<i", found[0][0], 8)[0]
    if gate % PAGE or not any(h["vaddr"] <= gate and gate + PAGE <= h["vaddr"] + h["memsz"] and h["flags"] == R for h in loads):
        result.add("gate")
    return result
