"""The verifier's rules in another form: docs/sfi.md 5, over the text of LLVM's disassembler.

It shares neither tables nor decoder with rt/verify, and is slow. It does not look for redundant
encodings (a REX or SIB byte without effect and the like): the verifier may refuse more for R2,
never less.

A bundle is checked by itself: check_bundle tells its faults, instruction starts, branches, and how
%rsp has drifted at its end.
"""
import re
from collections import namedtuple

from llvm import disassemble
from mnemonics import (
    BRANCHES,
    COMPARE,
    INTEGER,
    LOCKABLE,
    NOPS,
    NOT_ALWAYS,
    READ_ONLY,
    SHIFTS,
    STACK,
    STRINGS,
    TRAPS,
    VECTOR,
    X87,
)

BUNDLE = 32
REACH = 32768
WIDTH_MOST = 128
THREAD_POINTER = 0x20
PAGE = 4096

Module = namedtuple("Module", "text_address text_size image_start image_end gate")
# faults: [(offset, rule)]; starts: offsets that may be branched to; branches: [(offset, target)];
# all relative to the bundle.
Result = namedtuple("Result", "faults starts branches drift falls_through")


BAD_REGISTER = re.compile(
    r"%([c-gs]s(?!:)|[cd]r\d+|k\d|tmm\d|zmm\d+|bnd\d|"
    r"[xy]mm(1[6-9]|[23]\d)|r(1[6-9]|[23]\d)[bwd]?)\b"
)
RSP_NAMES = {"%rsp", "%esp", "%sp", "%spl"}
MEMORY = re.compile(r"^\*?(?:%([a-z]s):)?(-?\d+)?(?:\(([^()]*)\))?$")

Operand = namedtuple("Operand", "segment displacement base index")


class Insn:
    """One decoded instruction: text without, words with what LLVM prints before the mnemonic."""

    WORDS = {
        "lock",
        "rep",
        "repne",
        "addr32",
        "data16",
        "xacquire",
        "xrelease",
        "notrack",
        "rex64",
        "cs",
        "ds",
        "es",
        "fs",
        "gs",
        "ss",
        "bnd",
        "{vex}",
        "{evex}",
    }

    def __init__(self, offset, data, length, text):
        self.offset, self.length, self.data = offset, length, data[:length]
        words = text.split("#")[0].split(None)
        self.words = []
        while words and words[0] in self.WORDS:
            self.words.append(words.pop(0))
        self.mnemonic = words[0] if words else ""
        rest = " ".join(words[1:])
        self.text = (self.mnemonic + " " + rest).strip()
        self.operands = [o.strip() for o in re.split(r",(?![^(]*\))", rest)] if rest else []
        self.branch = self.mnemonic in BRANCHES
        self.memory, self.memory_text = None, None
        for operand in self.operands:
            if operand.startswith("$") or self.branch:
                continue
            if operand.startswith("%") and not re.match(r"%[a-z]s:", operand):
                continue
            match = MEMORY.match(operand)
            if match:
                registers = [r.strip() for r in (match[3] or "").split(",")]
                self.memory = Operand(
                    match[1],
                    int(match[2] or 0),
                    registers[0] or None,
                    registers[1] if len(registers) > 1 else None,
                )
                self.memory_text = operand
        body = 0
        while body < length and data[body] in b"\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3":
            body += 1
        self.legacy = data[:body]
        self.is_vex = body < length and data[body] in (0xC4, 0xC5)
        self.is_evex = body < length and data[body] == 0x62

    def rip_target(self, address):
        return address + self.offset + self.length + self.memory.displacement

    def written(self):
        """Names of registers that the operands make it write."""
        if not self.operands or self.branch:
            return set()
        result = set()
        if self.mnemonic not in READ_ONLY and not (
            self.mnemonic.startswith("imul") and len(self.operands) == 1
        ):
            result.add(self.operands[-1])
        if self.mnemonic.startswith(("xchg", "xadd")):
            result.add(self.operands[0])
        if self.mnemonic.startswith("mulx"):
            result.add(self.operands[-2])
        return {name for name in result if name.startswith("%") and ":" not in name}


def access_width(insn):
    """Bytes that a memory operand covers, or a few more."""
    name = insn.mnemonic
    if name.startswith("f"):
        return {
            "fldenv": 28,
            "fnstenv": 28,
            "fnsave": 108,
            "frstor": 108,
            "fldcw": 2,
            "fnstcw": 2,
            "fnstsw": 2,
            "fbld": 10,
            "fbstp": 10,
        }.get(name) or (
            10
            if name.endswith("t") and name in ("fldt", "fstpt")
            else 8
            if name.endswith("ll") or (name.endswith("l") and not name.startswith("fi"))
            else 2
            if name.startswith("fi") and name.endswith("s")
            else 4
        )
    if name in INTEGER or name in STACK:
        if name == "cmpxchg16b":
            return 16
        if name == "cmpxchg8b" or name in STACK:
            return 8
        if name in ("ldmxcsr", "stmxcsr") or name == "movslq":
            return 4
        if name.startswith(("prefetch", "clflush", "set")):
            return 1
        if re.match(r"mov[sz][bw][wlq]$", name):
            return {"b": 1, "w": 2}[name[4]]
        if name.startswith("movnti") or name[-1] in "bwlq":
            return {"b": 1, "w": 2, "l": 4, "q": 8}[name[-1]]
        return 8
    vex = name.startswith("v")
    name = name[1:] if vex else name
    wide = 32 if any("ymm" in o for o in insn.operands) else 16
    extend = re.match(r"pmov[sz]x([bwd])([wdq])$", name)
    if extend:
        return wide * "bwdq".index(extend[1]).__rpow__(2) // 2 ** "bwdq".index(extend[2])
    if name in ("ldmxcsr", "stmxcsr"):
        return 4
    fixed = re.match(r"(pinsr|pextr|pbroadcast)([bwdq])$", name)
    if fixed:
        return {"b": 1, "w": 2, "d": 4, "q": 8}[fixed[2]]
    if name in ("cvtps2pd", "cvtdq2pd", "cvtph2ps", "cvtps2ph"):
        return wide // 2
    if name in ("movddup",) and wide == 16:
        return 8
    if re.match(r"(insert|extract|broadcast)[fi]128", name):
        return 16
    if vex and re.match(r"ps(rl|ra|ll)[wdq]$", name):
        return 16
    if (
        name in ("extractps", "insertps", "broadcastss", "movd")
        or re.search(r"ss$|ss2si$|ss2sd$", name)
        and name != "packss"
    ):
        return 4
    if name in (
        "movlps",
        "movlpd",
        "movhps",
        "movhpd",
        "movq",
        "broadcastsd",
        "cvtpi2ps",
        "cvtpi2pd",
    ) or re.search(r"sd$|sd2si$|sd2ss$", name):
        return 8
    if name in ("cvtsi2ssl", "cvtsi2sdl"):
        return 4
    if name in ("cvtsi2ssq", "cvtsi2sdq", "cvttps2pi", "cvtps2pi"):
        return 8
    if name in ("cvttpd2pi", "cvtpd2pi"):
        return 16
    if any(re.match(r"%mm\d", o) for o in insn.operands):
        return 4 if name.startswith("punpckl") else 8
    return wide


class BundleCheck:
    def __init__(self, module, address, drift):
        self.module, self.address, self.drift = module, address, drift
        self.faults, self.starts, self.branches = [], set(), []
        self.falls_through = True

    def fault(self, insn, rule):
        self.faults.append((insn.offset, rule))

    # R2
    def allowed(self, insn):
        name, legacy = insn.mnemonic, insn.legacy
        if insn.data in NOPS:
            return True
        known = (
            name in INTEGER
            or name in STACK
            or name in BRANCHES
            or name in TRAPS
            or name in X87
            or name in VECTOR
            or bool(COMPARE.match(name))
            or name in STRINGS
            or name in ("jmpq",)
        )
        string = name in STRINGS and self.is_string(insn)
        if not known or insn.is_evex or (not string and BAD_REGISTER.search(insn.text)):
            return False
        if re.match("vaes|vpclmul", name) and "%ymm" in insn.text:  # VAES, VPCLMULQDQ
            return False
        if re.search("%[er]iz", insn.text):  # a SIB byte that is not needed
            return False
        # REX twice, or before another prefix: it has no effect there
        if re.match(
            rb"[\x40-\x4f][\x26\x2e\x36\x3e\x40-\x4f\x64-\x67\xf0\xf2\xf3]",
            bytes(insn.data[len(legacy) :]),
        ):
            return False
        if name == "nop" or name.startswith("nop"):
            return False
        order = rb"[\xf2\xf3]?\x66?$" if string else rb"[\x64\x65]?\x67?\x66?[\xf0\xf2\xf3]?$"
        if not re.match(order, bytes(legacy)):
            return False
        if insn.is_vex and re.search(rb"[\x66\xf0\xf2\xf3]", bytes(legacy)):
            return False
        if any(word not in ("lock", "rep", "repne", "addr32", "{vex}") for word in insn.words):
            return False
        if ("rep" in insn.words or "repne" in insn.words) and not string:
            return False
        if "repne" in insn.words and not name.startswith(("scas", "cmps")):
            return False
        if (insn.branch or name in STACK or name == "jmpq") and re.search(
            rb"[\x66\xf0\xf2\xf3]", bytes(legacy)
        ):
            return False
        if re.search(rb"[\x64\x65\x67]", bytes(legacy)) and (insn.memory is None or string):
            return False
        if re.search(rb"[\x64\x65]", bytes(legacy)) and name.startswith("lea"):
            return False
        if "lock" in insn.words or 0xF0 in legacy:
            if name not in LOCKABLE or insn.memory is None:
                return False
            if insn.operands[-1] != insn.memory_text and not name.startswith("xchg"):
                return False
        if name in (
            "btw",
            "btl",
            "btq",
            "btsw",
            "btsl",
            "btsq",
            "btrw",
            "btrl",
            "btrq",
            "btcw",
            "btcl",
            "btcq",
        ):
            if insn.memory is not None and insn.operands[0].startswith("%"):
                return False
        return True

    @staticmethod
    def is_string(insn):
        return any("%es:(" in o for o in insn.operands) or (insn.mnemonic.startswith("lods"))

    # R4, R7. Returns the rule broken, or 0.
    def memory_rule(self, insn):
        memory = insn.memory
        if insn.mnemonic.startswith("lea"):
            return 4 if memory.base == "%eip" else 0
        small = 0x67 in insn.legacy
        registers = [r for r in (memory.base, memory.index) if r]
        if memory.segment == "gs":
            return 0 if small and "%eip" not in registers else 4
        if small:
            return 4
        if memory.segment == "fs":
            pointer = not registers and memory.displacement == THREAD_POINTER
            loads = insn.mnemonic == "movq" and re.match(r"%r\w+$", insn.operands[1])
            return 0 if pointer and loads else 4
        if memory.segment is not None:
            return 4
        if registers == ["%rsp"] and memory.base:
            return 0 if -REACH <= memory.displacement <= REACH - WIDTH_MOST else 4
        if registers == ["%rip"]:
            target, width = insn.rip_target(self.address), access_width(insn)
            if target < self.module.image_start or target + width > self.module.image_end:
                return 4
            if target < self.module.gate + PAGE and target + width > self.module.gate:
                return 7
            return 0
        return 4

    def names_slot(self, insn, slot):
        return (
            insn.memory is not None
            and insn.memory.base == "%rip"
            and insn.rip_target(self.address) == self.module.gate + slot
        )

    # Groups. Each returns how many instructions from i on are one, 0 if none are.
    def jump_group(self, insns, i):
        group = insns[i : i + 4]
        if len(group) < 4:
            return 0
        lea, mask, add, jump = group
        match = re.fullmatch(r"leal 31\((%[a-z0-9]+)\), %r11d", lea.text)
        if (
            not match
            or match[1] in ("%rsp", "%rip")
            or match[1].startswith("%e")
            or lea.length not in (4, 5)
        ):
            return 0
        if re.search("%r[0-9]+d", match[1]) or (lea.length == 5) != (match[1] == "%r12"):
            return 0
        if mask.text != "andl $-32, %r11d" or mask.length != 4:
            return 0
        if (
            not re.fullmatch(r"addq (-?\d+)?\(%rip\), %r11", add.text)
            or add.data[:3] != b"\x4c\x03\x1d"
            or not self.names_slot(add, 0)
        ):
            return 0
        if jump.data not in (b"\x41\xff\xe3", b"\x41\xff\xd3"):
            return 0
        return 4

    def gate_group(self, insns, i):
        if len(insns) < i + 2:
            return 0
        lea, jump = insns[i : i + 2]
        if (
            not re.fullmatch(r"leaq (-?\d+)?\(%rip\), %r11", lea.text)
            or lea.length != 7
            or 0x67 in lea.legacy
        ):
            return 0
        if lea.rip_target(self.address) != self.address + BUNDLE:
            return 0
        if not re.fullmatch(r"jmpq \*(-?\d+)?\(%rip\)", jump.text) or jump.length != 6:
            return 0
        match = re.search(r"(-?\d+)?\(", jump.text)
        target = self.address + jump.offset + jump.length + int(match[1] or 0)
        return 2 if target == self.module.gate + 8 else 0

    def rebase(self, insns, i):
        return (
            i < len(insns)
            and bool(re.fullmatch(r"addq (-?\d+)?\(%rip\), %rsp", insns[i].text))
            and insns[i].data[:3] == b"\x48\x03\x25"
            and self.names_slot(insns[i], 0)
        )

    def load_base(self, insn):
        return (
            bool(re.fullmatch(r"movq (-?\d+)?\(%rip\), %r11", insn.text))
            and insn.data[:3] == b"\x4c\x8b\x1d"
            and self.names_slot(insn, 0)
        )

    def stack_group_b(self, insns, i):
        if len(insns) < i + 3 or not self.load_base(insns[i]):
            return 0
        lea, last = insns[i + 1 : i + 3]
        if not lea.text.startswith("leal ") or lea.operands[-1] != "%esp" or lea.legacy:
            return 0
        rex = lea.data[0] if lea.data[0] >> 4 == 4 else 0
        if rex == 0x40 or rex & 2 and not lea.memory.index or rex & 1 and not lea.memory.base:
            return 0  # REX without effect
        if lea.memory.base in ("%rip", "%r11") or lea.memory.index == "%r11":
            return 0
        if last.text != "leaq (%rsp,%r11), %rsp" or last.data != b"\x4a\x8d\x24\x1c":
            return 0
        return 3

    def string_group(self, insns, i):
        if not self.load_base(insns[i]):
            return 0
        n, uses = i + 1, []
        for name in ("di", "si"):
            if (
                len(insns) > n + 1
                and insns[n].text == "movl %%e%s, %%e%s" % (name, name)
                and insns[n].data[0] == 0x89
                and insns[n].length == 2
                and insns[n + 1].text == "leaq (%%r%s,%%r11), %%r%s" % (name, name)
                and insns[n + 1].length == 4
            ):
                uses.append(name)
                n += 2
        if n >= len(insns):
            return 0
        wanted = {
            "movs": ["di", "si"],
            "cmps": ["di", "si"],
            "stos": ["di"],
            "scas": ["di"],
            "lods": ["si"],
        }
        operation = insns[n]
        if not re.fullmatch(
            rb"[\xf2\xf3]?([\xa4\xa6\xaa\xac\xae]|[\x66\x48]?[\xa5\xa7\xab\xad\xaf])",
            bytes(operation.data),
            re.DOTALL,
        ):
            return 0
        if not self.is_string(operation) or wanted.get(operation.mnemonic[:4]) != uses or not uses:
            return 0
        return n + 1 - i

    def stack_write(self, insns, i):
        """R5. Returns how many instructions it took, 0 if it is wrong."""
        insn = insns[i]
        last = insn.operands[-1]
        if last == "%esp":
            name = insn.mnemonic
            immediate = insn.operands[0].startswith("$")
            to_rm = insn.data[-2] in (0x01, 0x21, 0x29) if insn.length >= 2 else False
            plain = (
                (name == "movl" and not immediate)
                or name == "leal"
                or (name in ("addl", "subl", "andl") and (immediate or to_rm))
            )
            if not plain or "%esp" not in insn.written() or not self.rebase(insns, i + 1):
                return 0
            self.drift = 0
            return 2
        amount = None
        if (
            last == "%rsp"
            and insn.mnemonic == "leaq"
            and insn.memory.base == "%rsp"
            and not insn.memory.index
            and not insn.legacy
        ):
            amount = abs(insn.memory.displacement)
        elif (
            last == "%rsp"
            and insn.mnemonic in ("addq", "subq")
            and insn.operands[0].startswith("$")
        ):
            amount = abs(int(insn.operands[0][1:]))
        if amount is None or self.drift + amount > REACH:
            return 0
        self.drift += amount
        return 1

    def transfer(self, insn, is_call):
        if self.drift and not is_call:
            self.fault(insn, 5)
        self.drift = 0
        self.falls_through = False

    def run(self, insns):
        i = 0
        while i < len(insns):
            insn = insns[i]
            self.starts.add(insn.offset)
            self.falls_through = True
            i += self.one(insns, i)

    def one(self, insns, i):
        insn = insns[i]
        if insn.data in NOPS:
            return 1
        for group in (self.jump_group, self.gate_group):
            count = group(insns, i)
            if count:
                self.transfer(insn, insns[i + count - 1].mnemonic == "callq")
                return count
        if self.load_base(insn):
            count = self.stack_group_b(insns, i)
            if count:
                self.drift = 0
                return count
            count = self.string_group(insns, i)
            if count:
                return count
        if insn.mnemonic in ("jmpq", "callq") and "*" in insn.text:
            self.fault(insn, 6)
            self.falls_through = False
            return 1
        if self.is_string(insn):
            self.fault(insn, 4)
            return 1
        if insn.memory is not None:
            rule = self.memory_rule(insn)
            if rule:
                self.fault(insn, rule)
                return 1
            if (
                insn.memory.base == "%rsp"
                and insn.memory.segment is None
                and insn.mnemonic not in NOT_ALWAYS
                and not insn.mnemonic.startswith("f")  # x87
                and not (insn.mnemonic in SHIFTS and not self.shifts_by_one(insn))
            ):
                self.drift = 0
        if insn.written() & RSP_NAMES:
            if insn.mnemonic == "popq":
                self.fault(insn, 5)
                return 1
            count = self.stack_write(insns, i)
            if not count:
                self.fault(insn, 5)
            return count or 1
        if insn.branch:
            target = insn.offset + insn.length + int(insn.operands[0])
            self.branches.append((insn.offset, target))
            call = insn.mnemonic == "callq"
            self.transfer(insn, call)
            self.falls_through = not call and insn.mnemonic != "jmp"
        elif insn.mnemonic in STACK:
            self.drift = 0
        elif insn.mnemonic in TRAPS:
            self.falls_through = False
        return 1

    @staticmethod
    def shifts_by_one(insn):
        return len(insn.operands) == 1


def check_bundle(module, address, data, follow, drift):
    """Checks the bundle `data` at `address`, up to the text's end; `follow` are bytes behind it."""
    check = BundleCheck(module, address, drift)
    insns, at = [], 0
    broken = None
    while at < len(data):
        window = (data[at:] + follow)[:15]
        length, text = disassemble(bytes(window))
        if length == 0:
            broken = (at, 2)
            break
        if length == 1 and text.strip() in ("lock", "rep", "repne", "addr32", "data16"):
            # LLVM takes some prefixes for instructions of their own.
            rest, more = disassemble(bytes(window[1:]))
            if rest == 0:
                broken = (at, 2)
                break
            length, text = 1 + rest, text.strip() + " " + more.strip()
        insn = Insn(at, bytes(window), length, text)
        if not check.allowed(insn):
            broken = (at, 2)
            break
        if at + length > len(data):
            broken = (at, 1)
            break
        insns.append(insn)
        at += length
    check.run(insns)
    if broken:
        check.faults.append(broken)
    return Result(check.faults, check.starts, check.branches, check.drift, check.falls_through)


def check_text(module, text):
    """All of a text: list of (offset, rule)."""
    faults, starts, branches, drift = [], set(), [], 0
    falls_through = True
    for at in range(0, len(text), BUNDLE):
        result = check_bundle(
            module,
            module.text_address + at,
            text[at : at + BUNDLE],
            text[at + BUNDLE : at + BUNDLE + 15],
            drift,
        )
        faults += [(at + offset, rule) for offset, rule in result.faults]
        starts |= {at + offset for offset in result.starts}
        branches += [(at + offset, at + target) for offset, target in result.branches]
        drift, falls_through = result.drift, result.falls_through
    if falls_through:
        faults.append((len(text) - 1, 1))
    faults += [(offset, 6) for offset, target in branches if target not in starts]
    return sorted(faults)
