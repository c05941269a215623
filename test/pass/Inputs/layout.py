"""Checks the layout rules of docs/sfi.md 2 in object files, independently of plugin and verifier.

No instruction crosses a bundle's border; every indirect branch ends a whole group inside one bundle; what
follows a call up to the bundle's end is int3; direct branches hit instruction starts. Prints what it finds.
"""
import re
import subprocess
import sys

LINE = re.compile(r"\s*([0-9a-f]+): ((?:[0-9a-f]{2} ?)+)\s*\t(.*)")
GROUP = [
    re.compile(r"leal\t0x1f\(%\w+\), %r11d$"),
    re.compile(r"andl\t\$-0x20, %r11d$"),
    re.compile(r"addq\t(-?0x[0-9a-f]+)?\(%rip\), %r11$"),
]


def instructions(path):
    listing = subprocess.run(["llvm-objdump", "-d", path], capture_output=True, text=True, check=True).stdout
    section = []
    for line in listing.splitlines():
        if line.startswith("Disassembly of section"):
            if section:
                yield section
            section = []
        match = LINE.match(line)
        if match:
            text = match[3].split("#")[0].split("<")[0].strip()
            section.append((int(match[1], 16), len(match[2].split()), text))
    if section:
        yield section


def judge(section):
    starts = {address for address, _, _ in section}
    for i, (address, length, text) in enumerate(section):
        end = address + length
        if address // 32 != (end - 1) // 32:
            yield address, text, "crosses a bundle border"
        if text in ("jmpq\t*%r11", "callq\t*%r11"):
            before = section[max(0, i - 3) : i]
            if len(before) < 3 or any(not g.match(b[2]) for g, b in zip(GROUP, before)):
                yield address, text, "does not end a jump group"
            elif before[0][0] // 32 != address // 32:
                yield address, text, "its group crosses a bundle border"
        elif re.match(r"(jmp|call)q?\t\*", text) and not re.match(r"jmpq\t\*(0x[0-9a-f]+)?\(%rip\)", text):
            yield address, text, "is an indirect branch outside a group"
        if text.startswith("call"):
            for following, _, what in section[i + 1 : i + 32]:
                if following >= (end + 31) // 32 * 32:
                    break
                if what != "int3":
                    yield address, text, "is followed by '%s' in its bundle" % what
        branch = re.match(r"(j\w+|loop\w*)\t0x([0-9a-f]+)", text)
        if branch and length == 2 and int(branch[2], 16) not in starts:
            yield address, text, "does not hit an instruction"


faults = 0
count = 0
for path in sys.argv[1:]:
    for section in instructions(path):
        count += len(section)
        for address, text, what in judge(section):
            print("%s: %x: %s: %s" % (path, address, text.replace("\t", " "), what))
            faults += 1
print("%s in %d instructions" % ("%d faults" % faults if faults else "no faults", count))
sys.exit(faults != 0 or count == 0)
