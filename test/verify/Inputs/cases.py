"""The cases of V*.test as other programs want them: read(paths), assemble(tokens)."""
import re

BUNDLE = 32


def read(paths):
    """The bytes of each case as lists of tokens."""
    result = []
    for path in paths:
        for line in open(path, encoding="utf-8"):
            match = re.match(r"(?:accept|reject)[^:]*:([^#]*)", line)
            if match:
                result.append(match[1].split())
    return result


def assemble(tokens):
    """The bytes of tokens as verify-bytes takes them, without the last bundle's padding."""
    data = bytearray()
    for token in tokens:
        target = re.fullmatch(r"(BASE|ENTRY|GATE|IMAGE)([+-].*)?", token)
        if target:
            where = {"BASE": 0x4000, "ENTRY": 0x4008, "GATE": 0x4000, "IMAGE": 0x40000}[
                target[1]
            ] + int(target[2] or "0", 0)
            data += ((where - (0x10000 + len(data) + 4)) & 0xFFFFFFFF).to_bytes(4, "little")
        elif token == "END":
            end = (len(data) + BUNDLE) & -BUNDLE
            data += ((end - len(data) - 4) & 0xFFFFFFFF).to_bytes(4, "little")
        elif token == "|":
            data += b"\xcc" * (-len(data) % BUNDLE)
        elif token.startswith("*"):
            data += data[-1:] * (int(token[1:], 0) - 1)
        elif re.fullmatch("[0-9a-f]{2}", token):
            data.append(int(token, 16))
    return data
