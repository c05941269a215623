"""Writes assembly with random operands at %fs, to be run natively and in a cage (thread_operands.c).

usage: thread_operands.py SEED FUNCTIONS [control]     control: one displacement is another

Operands keep off the block's first word: `movq %fs:0,r` means the thread pointer whatever is there.
"""
import random
import sys

REGISTERS = ["rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r12"]
OFFSETS = ["r14", "r15", "rbp"]  # hold small numbers; %r13 a negative one
SUFFIX = {64: "q", 32: "l", 16: "w", 8: "b"}
BEFORE, AFTER, VECTORS = 0x50020000, 0x50021000, 0x100
CONDITIONS = ["e", "ne", "s", "ns", "c", "nc", "o", "no", "p", "l", "ge", "be"]

# {m} {n}: operands at %fs; {q} {p}: 64-bit registers; {l}: a 32-bit one; {r}: one of the size {s};
# {w}: a 16-bit one; {x} {y}: vector registers; {i}: a number; {c}: a condition; {t}: an operand that a
# jump may go through.
FORMS = """
add{s} {m},{r}|sub{s} {r},{m}|adc{s} ${i},{m}|sbb{s} {m},{r}|xor{s} {m},{r}|cmp{s} {m},{r}|cmp{s} ${i},{m}
lock add{s} ${i},{m}|lock xor{s} {r},{m}|lock; or{s} {r},{m}|mov{s} {m},{r}|mov{s} {r},{m}|mov{s} ${i},{m}
xchg{s} {m},{r}|xadd{s} {r},{m}|lock xadd{s} {r},{m}|cmpxchg{s} {r},{m}|lock cmpxchg{s} {r},{m}
inc{s} {m}|neg{s} {m}|not{s} {m}|lock dec{s} {m}|test{s} {r},{m}|test{s} ${i},{m}|cmov{c}q {m},{q}|set{c} {m}
movzbl {m},{l}|movzwl {m},{l}|movsbq {m},{q}|movslq {m},{q}|movsbw {m},{w}|imulq {m},{q}|imulw $300,{m},{w}
mul{s} {m}|shl{s} $3,{m}|sar{s} %cl,{m}|shldq $7,{q},{m}|shrdl %cl,{l},{m}|btq $5,{m}|lock btsl $6,{m}
btrq $33,{m}|popcntq {m},{q}|movbeq {m},{q}|movbel {l},{m}|crc32q {m},{q}|lock cmpxchg8b {m}|movntiq {q},{m}
pushq {m}; popq {q}|pushq {q}; popq {m}|pushq {q}; pushq {m}; popq {n}; popq {m}
pushq ${i}; addq {m},{q}; addq {q},(%rsp); popq {q}
movups {m},%xmm{x}|movups %xmm{x},{m}|movq {m},%xmm{x}|movq %xmm{x},{m}|movd {m},%xmm{x}|pinsrw $3,{m},%xmm{x}
pextrq $1,%xmm{x},{m}|pextrb $5,%xmm{x},{m}|cvtsi2sdq {m},%xmm{x}|fildq {m}; fistpq {n}|stmxcsr {m}|fnstcw {m}
vpaddd {m},%ymm{x},%ymm{y}|vmovdqu %ymm{x},{m}|vpbroadcastd {m},%ymm{x}|vpmaskmovd %ymm{x},%ymm{y},{m}
leaq {m},{q}|movq %fs:0,{q}|movq %fs:0,{q}; addq {m},{q}|movabsq %fs:64,%rax|movabsl %eax,%fs:72
movq {m},%r11; addq %r11,{q}|movl {m},%r11d; addl %r11d,{l}
leaq 1f(%rip),%rax; movq %rax,{t}; jmp *{t}; int3; .p2align 5; 1: xorl %eax,%eax; movq %rax,{t}
leaq helper(%rip),%rax; movq %rax,{t}; call *{t}; xorl %eax,%eax; movq %rax,{t}
"""
FORMS = [form for line in FORMS.split("\n") for form in line.split("|") if form]


def register(name, size):
    if name[1:].isdigit():
        return "%" + name + {64: "", 32: "d", 16: "w", 8: "b"}[size]
    low = name[1:] if name[2] in "ip" else name[1]
    return "%" + {64: name, 32: "e" + name[1:], 16: name[1:], 8: low + "l"}[size]


def operand():
    near = random.choice([0, 8, 16, 40, 48, 100, -8, -16, -100, 1000])
    disp = near + random.choice([4096, 8192, -8192, 16384])
    offset, scale = random.choice(OFFSETS), random.choice([1, 2, 4, 8])
    return random.choice([
        "%fs:{d}", "%fs:SYMBOL+{d}", "%fs:{d}(%{o})", "%fs:{d}(,%{o},{s})", "%fs:{d}(%{o},%riz,{s})",
        "%fs:{d}(%r13)", "%fs:{d}(,%r13,1)", "%fs:{e}(%{o32})",
    ]).format(d=disp, e=abs(disp), o=offset, o32=register(offset, 32)[1:], s=scale)


def instruction():
    size = random.choice(list(SUFFIX))
    first, second = random.choice(REGISTERS), random.choice(REGISTERS)
    target = random.choice(["%fs:4160", "%fs:4160(%r14)", "%fs:4096(,%r15,8)", "%fs:4168(%r14,%riz,4)"])
    form = random.choice(FORMS)
    for name, value in (
            ("m", operand()), ("n", operand()), ("t", target), ("s", SUFFIX[size]),
            ("r", register(first, size)), ("q", register(second, 64)), ("l", register(first, 32)),
            ("w", register(first, 16)), ("x", str(random.randrange(16))), ("y", str(random.randrange(16))),
            ("i", str(random.randrange(-100, 100))), ("c", random.choice(CONDITIONS))):
        form = form.replace("{%s}" % name, value)
    return form


def function(name, extra):
    yield ".p2align 5; .globl %s; .type %s,@function; %s:" % (name, name, name)
    saved = ["rbx", "rbp", "r12", "r13", "r14", "r15", "rax"]
    yield from ("pushq %" + one for one in saved)
    yield from ("movq %d,%%%s" % (BEFORE + 8 * i, one) for i, one in enumerate(REGISTERS))
    yield from ("vmovdqu %d,%%ymm%d" % (BEFORE + VECTORS + 32 * i, i) for i in range(16))
    yield from ("movq $%d,%%%s" % (16 * random.randrange(64), one) for one in OFFSETS)
    yield "movq $-%d,%%r13" % (8 * random.randrange(1, 20))
    yield "testl %eax,%eax"
    yield from (instruction() for _ in range(12))
    yield extra
    yield from ("movq %%%s,%d" % (one, AFTER + 8 * i) for i, one in enumerate(REGISTERS))
    yield from ("vmovdqu %%ymm%d,%d" % (i, AFTER + VECTORS + 32 * i) for i in range(16))
    yield "vzeroupper"
    yield from ("popq %" + one for one in reversed(saved))
    yield "ret"


def main():
    random.seed(int(sys.argv[1]))
    names = ["test%d" % i for i in range(int(sys.argv[2]))]
    print(".set SYMBOL,24\n.text\n.p2align 5; .type helper,@function; helper: addq $1,%rdx; ret")
    for name in names:
        last = "movq %%fs:%d,%%rax" % (4104 if sys.argv[3:] else 4096)
        print("\n".join(function(name, last if name == names[-1] else "")))
    print('.section .data.rel.ro,"aw"; .globl tests; tests:')
    print("\n".join(".quad " + name for name in names + ["0"]))
    print('.section .note.GNU-stack,"",@progbits')


main()
