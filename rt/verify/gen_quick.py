"""The tables of quick.h, for gen_tables.py: from the same forms, what common instructions have and
what they must not have.

addresses() has a word for each REX (row 16: REX without bits) and ModRM byte: what the instruction
has.
opcodes() has a word for each opcode: in the same bits, what it must not have.
"""

REX_B, REX_X, REX_R, REX_W = 1, 2, 4, 8

# Columns of the opcode tables without VEX: operand-size prefix + 2 * repeat prefix; two more for a
# repeat prefix before 66.
COLUMNS = 8


def column(operand16, repeat, reverse=False):
    if reverse:
        return 6 if repeat == "f3" else 7
    return operand16 + 2 * {None: 0, "f3": 1, "f2": 2}[repeat]


CLASSES = ["none", "maybe", "plain", "push", "lea", "nop", "branch", "call"]
CLASS_OF = {
    "plain": "plain", "mov": "plain", "add": "plain", "sub": "plain", "and": "plain", "lea": "lea",
    "branch": "branch", "jump": "branch", "call": "call", "push": "push", "pop": "push",
}
FLAGS = {
    "MODRM", "NO_ACCESS", "MAYBE", "REGISTER", "MEMORY", "LOCK", "WRITES_REG", "WRITES_RM",
    "WRITES_OPCODE", "BYTE_REG", "BYTE_RM", "BYTE_OPCODE",
}
WIDTH_MAX = 64

# Fields of the words.
QUICK = {
    "LENGTH": 7,  # address: bytes of ModRM, SIB and displacement; opcode: 7 if it has ModRM
    "SIB": 1 << 3,  # address: SIB follows; opcode: it has ModRM
    "STACK": 1 << 4,  # address: with SIB 24 it is d(%rsp), d of 8 bits; opcode: it may have memory
    "IMMEDIATE": 7 << 5,  # opcode: size of the immediate
    "REX": 15 << 8,  # REX bits
    "REX_ALONE": 1 << 12,  # REX without bits
    "REX_ADDRESS": 1 << 13,  # REX.X or REX.B that the address has no use for
    "REG_RSP": 1 << 14,  # ModRM.reg is %rsp
    "RM_RSP": 1 << 15,  # ModRM.rm is the register %rsp
    "MEMORY": 1 << 16,  # memory, but not relative to %rip
    "REGISTER": 1 << 17,  # ModRM.rm is a register
    "RIP": 1 << 18,  # memory relative to %rip
    "NO_W": 1 << 19,  # no REX.W
    "NO_B": 1 << 20,  # no REX.B
    "WRONG": 0x1FFF00,  # all of these
    "REG_R11": 1 << 21,  # address: ModRM.reg is %r11
    "CLASS": 7 << 21,  # opcode
    "DIGIT": 0xFF << 24,  # address: the bit of ModRM.reg; opcode: which it may be
}


def field(name, value):
    return value * (QUICK[name] & -QUICK[name])


def constants():
    yield "WIDTH_MAX", WIDTH_MAX
    yield "CLASS_UNIT", field("CLASS", 1)
    yield "IMMEDIATE_UNIT", field("IMMEDIATE", 1)
    for number, name in enumerate(CLASSES):
        yield "IS_" + name.upper(), number


def form_word(form, opcode, gs):
    """A form's word without its digits, 0 if it needs a closer look.

    gs: the word for use with %gs: and 32-bit addresses.
    """
    flags, kind, immediate, width, lw, rex_register, rex_memory, rex_need, _ = form
    rex = rex_register
    if immediate == "IMMEDIATE_V":
        immediate, rex = "4", rex & ~REX_W
    if set(flags) - FLAGS or lw or kind not in CLASS_OF or immediate not in ("0", "1", "2", "4"):
        return 0
    if width.isdigit() and int(width) > WIDTH_MAX:
        return 0
    if gs and ("MEMORY" not in flags or "NO_ACCESS" in flags):
        return 0
    quick_class = "maybe" if "MAYBE" in flags and kind == "plain" else CLASS_OF[kind]
    word = field("IMMEDIATE", int(immediate)) | field("CLASS", CLASSES.index(quick_class))
    word |= QUICK["REX_ALONE"] | (QUICK["NO_W"] if rex_need else 0)
    if "WRITES_OPCODE" in flags and opcode & 7 == 4:
        word |= QUICK["NO_B"]
    if "MODRM" in flags:
        # The address's own X and B count elsewhere. Registers there that take no B: no quick form.
        if "REGISTER" in flags and not rex_register & REX_B:
            return 0
        rex |= rex_memory | REX_X | REX_B
        word |= QUICK["LENGTH"] | QUICK["SIB"] | QUICK["REX_ADDRESS"]
        if "MEMORY" in flags:
            word |= QUICK["STACK"]
        if "WRITES_REG" in flags:
            word |= QUICK["REG_RSP"]
        if "WRITES_RM" in flags:
            word |= QUICK["RM_RSP"]
        if "REGISTER" not in flags or gs:
            word |= QUICK["REGISTER"]
        if gs:
            word |= QUICK["RIP"]
        elif "MEMORY" not in flags:
            word |= QUICK["MEMORY"] | QUICK["RIP"]
        elif "NO_ACCESS" not in flags:
            word |= QUICK["MEMORY"]
    return word | field("REX", 15 & ~rex)


def cell_word(entries, forms, opcode, gs):
    """The word of a cell of the opcode tables: for those values of ModRM.reg that are alike."""
    digits = {}
    for slots, index, _ in entries:
        word = form_word(forms[index], opcode, gs)
        if slots is None:
            return word | QUICK["DIGIT"] if word else 0
        registers = [(slot - 8) >> 3 for slot in slots if slot >= 8]
        if any(registers.count(digit) != 8 for digit in registers):
            return 0  # single ModRM bytes
        for digit in set(registers) | {slot for slot in slots if slot < 8}:
            digits.setdefault(digit, set()).add(word)
    words = {}
    for digit, found in digits.items():
        word = found.pop()
        if word and not found:
            # Forms that differ only in whether they write ModRM.rm go together as if all did.
            word |= QUICK["RM_RSP"] if word & QUICK["LENGTH"] else 0
            words.setdefault(word, []).append(digit)
    if not words:
        return 0
    word, numbers = max(words.items(), key=lambda item: len(item[1]))
    return word | field("DIGIT", sum(1 << number for number in numbers))


def opcodes(cells, forms):
    """Rows: 8 with %gs:, + 2 for 66, 4 for f3, 6 for f2, + 1 for the 0f map."""
    rows = []
    for gs in (False, True):
        for col in (0, column(1, None), column(0, "f3"), column(0, "f2")):
            for opcode_map in (0, 1):
                row = opcode_map * COLUMNS + col
                rows.append([cell_word(cells.get(("legacy", row, opcode), []), forms, opcode, gs)
                             for opcode in range(256)])
    # 90 and 66 90 are all there is of their kind. That the other nops are those of the table is for
    # the caller of quick_decode to check.
    bare = QUICK["REX"] | QUICK["REX_ALONE"]
    nop = (field("CLASS", CLASSES.index("nop")) | bare | QUICK["LENGTH"] | QUICK["SIB"] |
           QUICK["REGISTER"] | QUICK["RIP"] | field("DIGIT", 1))
    for row in (0, 2):
        rows[row][0x90] = field("CLASS", CLASSES.index("maybe")) | bare | QUICK["DIGIT"]
        rows[row + 1][0x1F] = nop
    return rows


def address_word(row, byte):
    rex, mod, reg, rm = row & 15, byte >> 6, byte >> 3 & 7, byte & 7
    word = field("REX", rex) | field("DIGIT", 1 << reg)
    if row == 16:
        word |= QUICK["REX_ALONE"]
    if not rex & REX_W:
        word |= QUICK["NO_W"]
    if not rex & REX_B:
        word |= QUICK["NO_B"]
    if reg == 4 and not rex & REX_R:
        word |= QUICK["REG_RSP"]
    if reg == 3 and rex & REX_R:
        word |= QUICK["REG_R11"]
    displacement = (0, 1, 4, 0)[mod]
    if mod == 3:
        word |= QUICK["REGISTER"] | field("LENGTH", 1)
        used = REX_B
        if rm == 4 and not rex & REX_B:
            word |= QUICK["RM_RSP"]
    elif rm == 4:
        word |= QUICK["MEMORY"] | QUICK["SIB"] | field("LENGTH", 2 + displacement)
        used = REX_X | REX_B
        if mod < 2 and not rex & used:
            word |= QUICK["STACK"]
    elif mod == 0 and rm == 5:
        word |= QUICK["RIP"] | field("LENGTH", 5)
        used = 0
    else:
        word |= QUICK["MEMORY"] | field("LENGTH", 1 + displacement)
        used = REX_B
    if rex & (REX_X | REX_B) & ~used:
        word |= QUICK["REX_ADDRESS"]
    return word


def addresses():
    return [[address_word(row, byte) for byte in range(256)] for row in range(17)]


def sibs():
    """For each SIB byte: it needs a closer look (no base, or no index), or is d(%rsp)."""
    def word(byte):
        if byte == 0x24:
            return QUICK["STACK"]
        return QUICK["SIB"] if byte & 7 == 5 or byte >> 3 & 7 == 4 else 0
    return [word(byte) for byte in range(256)]


def prefixes():
    """For each byte: half of what it adds to the row of quick_table."""
    return [{0x66: 1, 0xF3: 2, 0xF2: 3}.get(byte, 0) for byte in range(256)]


def rexes():
    """For each byte: the row of quick_address."""
    return [(byte & 15 or 16) if byte >> 4 == 4 else 0 for byte in range(256)]
