#!/usr/bin/env python3
"""Makes the verifier's tables from insns.tbl: gen_tables.py insns.tbl OUT.h

OUT.h holds what decode.h and quick.h look up: forms, opcode tables, splits by ModRM, the nops. See
insns.tbl for the input's language.
"""
import re
import sys

import gen_quick
from gen_quick import COLUMNS, REX_B, REX_R, REX_W, REX_X, column

REGISTERS = ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"]
MAPS = {"0f": 1, "0f38": 2, "0f3a": 3}
PREFIXES = {"np": 0, "66": 1, "f3": 2, "f2": 3}
# Classes that nothing but a write of %rsp makes special come first.
CLASSES = ["plain", "mov", "add", "sub", "and", "lea", "branch", "jump", "call", "push", "pop",
           "trap", "indirect", "string"]
# REGISTER and MEMORY have the same bits as in modrm_table.
FLAGS = ["MODRM", "NO_ACCESS", "NEEDS_B", "VVVV", "IS4", "REGISTER", "MEMORY", "MAYBE", "LOCK",
         "WRITES_REG", "WRITES_RM", "WRITES_VVVV", "WRITES_OPCODE", "BYTE_REG", "BYTE_RM",
         "BYTE_OPCODE", "USES_DI", "USES_SI"]
WIDTH_CODES = {size: "WIDTH_" + size.upper() for size in "ypxhqed"}

class TableError(Exception):
    pass


def split_braces(text):
    """The alternatives of a text's braces; one alternative if it has none."""
    parts = re.split(r"\{([^{}]*)\}", text)
    counts = {len(p.split(",")) for p in parts[1::2]}
    if not counts:
        return [text]
    if len(counts) > 1:
        raise TableError("braces of different length")
    count = counts.pop()
    return ["".join(p if i % 2 == 0 else p.split(",")[n].strip() for i, p in enumerate(parts))
            for n in range(count)]


class Form:
    """One line of the table, braces expanded."""

    def __init__(self, encoding, operands, attributes):
        self.vex = None
        self.map = 0
        self.prefix = None
        self.need_w = False
        self.opcodes = None
        self.digit = None       # /digit
        self.modrm = None       # exact ModRM bytes
        self.has_modrm = False
        self.opcode_register = False
        self.parse_encoding(encoding.split())
        self.parse_attributes(attributes.split())
        self.operands = [self.parse_operand(o) for o in operands.split()]

    def parse_encoding(self, tokens):
        for token in tokens:
            if token.startswith("vex."):
                _, length, prefix, opcode_map, width = token.split(".")
                self.vex = (length, PREFIXES[prefix], width)
                self.map = MAPS[opcode_map]
            elif not self.map and self.opcodes is None and token in ("66", "f2", "f3"):
                self.prefix = token
            elif not self.map and self.opcodes is None and token in MAPS:
                self.map = MAPS[token]
            elif token == "w1":
                self.need_w = True
            elif token == "/r":
                self.has_modrm = True
            elif re.fullmatch(r"/[0-7]", token):
                self.has_modrm, self.digit = True, int(token[1])
            elif re.fullmatch(r"=[0-9a-f]{2}", token):
                self.has_modrm, self.modrm = True, [int(token[1:], 16)]
            elif re.fullmatch(r"[0-9a-f]{2}\+i", token) and self.opcodes is not None:
                first = int(token[:2], 16)
                self.has_modrm, self.modrm = True, list(range(first, first + 8))
            elif re.fullmatch(r"[0-9a-f]{2}\+r", token):
                first = int(token[:2], 16)
                self.opcodes, self.opcode_register = list(range(first, first + 8)), True
            elif re.fullmatch(r"[0-9a-f]{2}-[0-9a-f]{2}", token):
                first, last = (int(t, 16) for t in token.split("-"))
                self.opcodes = list(range(first, last + 1))
            elif re.fullmatch(r"[0-9a-f]{2}", token) and self.opcodes is None:
                self.opcodes = [int(token, 16)]
            else:
                raise TableError("encoding token %r" % token)
        if self.opcodes is None:
            raise TableError("no opcode")

    def parse_attributes(self, tokens):
        self.kind, self.writes, self.repeats = "plain", 0, []
        self.lock = self.opsize = self.maybe = self.needs_b = False
        self.uses = []
        for token in tokens:
            name, _, value = token.partition("=")
            if name == "class":
                if value not in CLASSES:
                    raise TableError("class %r" % value)
                self.kind = value
            elif name == "writes":
                for register in value.split(","):
                    self.writes |= 1 << REGISTERS.index(register)
            elif name == "rep":
                self.repeats = value.split(",")
            elif name == "uses":
                self.uses = value.split(",")
            elif token in ("lock", "opsize", "maybe"):
                setattr(self, token, True)
            elif token == "rexb":
                self.needs_b = True
            else:
                raise TableError("attribute %r" % token)

    @staticmethod
    def parse_operand(text):
        match = re.fullmatch(r"([A-Z])([0-9a-z]*)(?:/([0-9]+))?(?::(w|rw))?", text)
        if not match or match[1] not in "ERMGZBWUVHLQNPIJF":
            raise TableError("operand %r" % text)
        return match[1], match[2], match[3] or match[2], match[4] or "r"

    def sized(self, letters):
        return any(size in letters for _, size, _, _ in self.operands if size)

    def variants(self):
        """(column, operand16) for each column of the opcode tables that the form occupies."""
        by_prefix = (self.sized("v") or self.opsize) and not self.vex
        if self.vex:
            return [(None, False)]
        result = []
        for repeat in [self.prefix if self.prefix != "66" else None] + self.repeats:
            if self.prefix == "66":
                result.append((column(1, None), True))
            else:
                result.append((column(0, repeat), False))
                if by_prefix:
                    reverse = repeat is not None and self.kind == "string"
                    result.append((column(1, repeat, reverse), True))
        return result

    def describe(self, operand16):
        """The C initialiser of the form, as a tuple."""
        flags, immediate, width = set(), "0", "0"
        by_prefix = self.sized("v") or self.opsize
        w_allowed = (not self.vex and
                     (self.sized("yp") or (by_prefix and not operand16) or self.need_w))
        rex_register = rex_memory = REX_W if w_allowed or self.vex else 0
        if self.has_modrm:
            flags.add("MODRM")
        has_rm = False
        for kind, size, memory_size, access in self.operands:
            written = access != "r"
            if kind in "ERMWUQN":
                has_rm = True
                if kind in "EMWQ":
                    flags.add("MEMORY")
                    if memory_size == "0":
                        flags.add("NO_ACCESS")
                    else:
                        width = self.width(memory_size, operand16)
                if kind in "ERWUQN":
                    flags.add("REGISTER")
                if kind in "ERWU":
                    rex_register |= REX_B
                if kind in "ER":
                    if size == "1":
                        flags.add("BYTE_RM")
                    if written:
                        flags.add("WRITES_RM")
            elif kind in "GVP":
                if kind in "GV":
                    rex_register |= REX_R
                    rex_memory |= REX_R
                if kind == "G":
                    if size == "1":
                        flags.add("BYTE_REG")
                    if written:
                        flags.add("WRITES_REG")
            elif kind == "Z":
                rex_register |= REX_B
                if size == "1":
                    flags.add("BYTE_OPCODE")
                if written:
                    flags.add("WRITES_OPCODE")
            elif kind in "BH":
                flags.add("VVVV")
                if kind == "B" and written:
                    flags.add("WRITES_VVVV")
            elif kind == "L":
                flags.add("IS4")
                immediate = "1"
            elif kind in "IJ":
                immediate = {"1": "1", "2": "2", "4": "4", "z": "2" if operand16 else "4",
                             "v": "2" if operand16 else "IMMEDIATE_V"}[size]
        if self.has_modrm and not has_rm:
            flags.add("REGISTER")  # =hh and hh+i: register forms only
        if self.has_modrm and self.digit is None and self.modrm is None and not has_rm:
            raise TableError("/r without an operand in ModRM.rm")
        if self.lock:
            flags.add("LOCK")
        if self.maybe:
            flags.add("MAYBE")
        if self.needs_b:
            flags.add("NEEDS_B")
        for pointer in self.uses:
            flags.add("USES_" + pointer.upper())
        return (tuple(f for f in FLAGS if f in flags), self.kind, immediate, width,
                self.length_and_w(), rex_register, rex_memory, REX_W if self.need_w else 0,
                self.writes)

    @staticmethod
    def width(size, operand16):
        if size == "v":
            return "2" if operand16 else "WIDTH_Y"
        return WIDTH_CODES.get(size, size)

    def length_and_w(self):
        """Which of VEX (L, W) = (0,0) (0,1) (1,0) (1,1) are allowed: bits 0 to 3."""
        if not self.vex:
            return 0
        length, _, width = self.vex
        bits = 0
        for l in {"128": [0], "256": [1], "x": [0, 1]}[length]:
            for w in {"w0": [0], "w1": [1], "y": [0, 1]}[width]:
                bits |= 1 << (2 * l + w)
        return bits

    def slots(self):
        """Slots of a split that the form fills: 0-7 memory by ModRM.reg, 8-71 ModRM c0-ff."""
        kinds = {kind for kind, _, _, _ in self.operands}
        memory = bool(kinds & set("EMWQ"))
        register = bool(kinds & set("ERWUQN"))
        if self.modrm is not None:
            return [8 + m - 0xC0 for m in self.modrm]
        digits = range(8) if self.digit is None else [self.digit]
        slots = list(digits) if memory else []
        if register:
            slots += [8 + 8 * d + rm for d in digits for rm in range(8)]
        return slots


class Tables:
    def __init__(self):
        self.forms = {}                    # description -> index
        # 0: no instruction, 1: a nop
        self.form_list = [None, ((), "plain", "0", "0", 0, 0, 0, 0, 0)]
        # (table, row, opcode) -> list of (slots or None, form index, line)
        self.cells = {}
        self.nops = {}

    def form_index(self, description):
        if description not in self.forms:
            self.forms[description] = len(self.form_list)
            self.form_list.append(description)
        return self.forms[description]

    def add(self, form, line):
        for col, operand16 in form.variants():
            index = self.form_index(form.describe(operand16))
            if form.vex:
                table, row = "vex", (form.map - 1) * 4 + form.vex[1]
            else:
                table, row = "legacy", form.map * COLUMNS + col
            for opcode in form.opcodes:
                slots = form.slots() if form.has_modrm else None
                self.cells.setdefault((table, row, opcode), []).append((slots, index, line))

    def add_nop(self, data, line):
        if len(data) in self.nops:
            raise TableError("two nops of one length")
        self.nops[len(data)] = data

    def cell_values(self):
        """Opcode tables and splits."""
        tables = {"legacy": [[0] * 256 for _ in range(4 * COLUMNS)],
                  "vex": [[0] * 256 for _ in range(12)]}
        splits = []
        for (table, row, opcode), entries in self.cells.items():
            if len(entries) == 1:
                slots, index, line = entries[0]
                if slots is None or len([s for s in slots if s < 8]) == 8 or len(slots) == 64:
                    tables[table][row][opcode] = index
                    continue
            split = [0] * 72
            for slots, index, line in entries:
                if slots is None:
                    raise TableError("line %d: the opcode is already taken" % line)
                for slot in slots:
                    if split[slot]:
                        raise TableError("line %d: the encoding is already taken" % line)
                    split[slot] = index
            if split not in splits:
                splits.append(split)
            tables[table][row][opcode] = 0x8000 | splits.index(split)
        return tables, splits


def read_table(path):
    tables = Tables()
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            try:
                exact = re.fullmatch(r"\w+\s+exact\s+([0-9a-f ]+)", line)
                if exact:
                    tables.add_nop(bytes.fromhex(exact[1]), number)
                    continue
                head, operands, attributes = (part.strip() for part in line.split("|"))
                encoding = head.split(None, 1)[1]
                columns = [split_braces(text) for text in (encoding, operands, attributes)]
                count = max(len(c) for c in columns)
                if any(len(c) not in (1, count) for c in columns):
                    raise TableError("braces of different length")
                for n in range(count):
                    tables.add(Form(*(c[n % len(c)] for c in columns)), number)
            except (TableError, ValueError, KeyError) as error:
                raise SystemExit("%s:%d: %s" % (path, number, error))
    return tables


def write_list(out, kind, name, values):
    out.append("static const %s %s[%d] = {" % (kind, name, len(values)))
    for i in range(0, len(values), 16):
        out.append("    " + " ".join("%#x," % v for v in values[i:i + 16]))
    out.append("};")


def write_rows(out, kind, name, rows, per_line=16):
    out.append("static const %s %s[%d][%d] = {" % (kind, name, len(rows), len(rows[0])))
    for row in rows:
        if not any(row):
            out.append("    {0},")
            continue
        out.append("    {")
        for i in range(0, len(row), per_line):
            out.append("        " + " ".join("%#x," % v for v in row[i:i + per_line]))
        out.append("    },")
    out.append("};")


def modrm_bytes():
    """For each ModRM byte: displacement's size, | 8 SIB follows, | 16 relative to %rip,
    | 32 register, | 64 memory."""
    values = []
    for byte in range(256):
        mod, rm = byte >> 6, byte & 7
        value = {0: 0, 1: 1, 2: 4, 3: 32}[mod]
        if mod != 3:
            value |= 64
        if mod != 3 and rm == 4:
            value |= 8
        if mod == 0 and rm == 5:
            value |= 4 | 16
        values.append(value)
    return values


def write_header(tables, path):
    cells, splits = tables.cell_values()
    out = ["/* Made by gen_tables.py from insns.tbl: do not edit. */", ""]
    out += ["enum {"] + ["    FORM_%s = 1 << %d," % (f, i) for i, f in enumerate(FLAGS)] + ["};"]
    out += ["enum form_class {"] + ["    CLASS_%s," % c.upper() for c in CLASSES] + ["};"]
    out.append("enum { FORM_INDEX_NONE, FORM_INDEX_NOP };")
    out += ["static const struct form forms[%d] = {" % len(tables.form_list), "    {0},"]
    for form in tables.form_list[1:]:
        flags, kind, immediate, width, lw, rex_register, rex_memory, rex_need, writes = form
        out.append("    {%s, CLASS_%s, %s, %s, %d, %d, %d, %d, %#x}," % (
            " | ".join("FORM_" + f for f in flags) or "0", kind.upper(), immediate, width, lw,
            rex_register, rex_memory, rex_need, writes))
    out.append("};")
    write_rows(out, "uint16_t", "opcode_table", cells["legacy"])
    write_rows(out, "uint16_t", "vex_table", cells["vex"])
    write_rows(out, "uint16_t", "split_table", splits)
    values = modrm_bytes()
    out.append("static const uint8_t modrm_table[256] = {")
    for i in range(0, 256, 16):
        out.append("    " + " ".join("%#x," % v for v in values[i:i + 16]))
    out.append("};")
    out += ["#define QUICK_%s %#xu" % item for item in gen_quick.QUICK.items()]
    out += ["enum { QUICK_%s = %d };" % item for item in gen_quick.constants()]
    write_rows(out, "uint32_t", "quick_table", gen_quick.opcodes(tables.cells, tables.form_list))
    write_rows(out, "uint32_t", "quick_address", gen_quick.addresses())
    write_list(out, "uint8_t", "quick_sib", gen_quick.sibs())
    write_list(out, "uint8_t", "quick_prefix", gen_quick.prefixes())
    write_list(out, "uint8_t", "quick_rex", gen_quick.rexes())
    lengths = range(1, max(tables.nops) + 1)
    if set(lengths) != set(tables.nops):
        raise SystemExit("the nops leave out a length")
    out.append("enum { NOP_MAX = %d };" % max(tables.nops))
    out.append("static const uint8_t nop_table[NOP_MAX + 1][16] = {")
    out.append("    {0},")
    for length in lengths:
        out.append("    {" + ", ".join("%#04x" % b for b in tables.nops[length]) + "},")
    out.append("};")
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(out) + "\n")


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    write_header(read_table(sys.argv[1]), sys.argv[2])


if __name__ == "__main__":
    main()
