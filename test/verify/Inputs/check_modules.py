"""Checks cases of ELF modules: check_modules.py LIND-VERIFY SCRATCH-FILE CASES

A case is a line
    accept: CHANGES
    reject "WORDS" HARM: CHANGES
CHANGES to a small valid module, separated by blanks: NAME.FIELD=VALUE for the ELF header (elf), the
program headers (load0: headers, note, gate page; load1: text; load2: data; note; stack) and the
note (lind.namesz, .descsz, .type, .abi, .bundle, .gate, .name); text=HEX for the text; size=N cuts
the file; notes=N repeats the note; copy=NAME adds a copy of a program header; drop=NAME removes
one; swap=NAME,NAME. HARM is what a loader that believes the file would do (module_harms.py): the control. An accepted file
must have none. Then as many modules with several random changes: accepted exactly if they have none.
"""
import random
import re
import shlex
import subprocess
import sys

from module_harms import harms
from modules import base, build

RANDOM = 1500


def random_changes(chance):
    """Changes to a few fields: to values near those of the module, at a limit, or with a bit turned over."""
    elf, headers, lind = base()
    tables = {"elf": elf, "lind": lind, **headers}
    changes = []
    for _ in range(chance.randint(1, 3)):
        name = chance.choice(list(tables))
        field = chance.choice([f for f in tables[name] if f not in ("ident", "name", "paddr", "shoff", "shnum", "shstrndx", "shentsize", "ehsize")])
        value = tables[name][field] or 0
        bits = {"phnum": 16, "phentsize": 16, "type": 16 if name == "elf" else 32, "machine": 16}.get(field)
        bits = bits or (32 if name == "lind" or field in ("flags", "version") else 64)
        signed = (name, field) == ("lind", "gate")
        value = chance.choice(
            [
                value + chance.choice((-4096, -1, 1, 8, 32, 4096, 1 << 30, (1 << 30) - 4096)),
                value ^ 1 << chance.randrange(bits - signed),
                chance.choice((0, 1, 4095, 4096, 8192, 1 << 30, (1 << bits) - 1)),
            ]
        )
        if field == "phnum" and value > 5:
            value = 5  # what lies behind the five headers is zero
        if signed:
            value = (value + (1 << 31)) % (1 << 32) - (1 << 31)
        changes.append("%s.%s=%d" % (name, field, value % (1 << bits) if not signed else value))
    return changes


def main():
    verify, scratch, cases = sys.argv[1:]
    failures = count = 0
    for number, line in enumerate(open(cases, encoding="utf-8"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        case = re.fullmatch(r'(?:accept|reject "([^"]*)" (\w+)):(.*)', line)
        if not case:
            raise SystemExit("%s:%d: no case" % (cases, number))
        expected, harm, changes = case[1], case[2], case[3]
        image = build(shlex.split(changes, comments=True))
        with open(scratch, "wb") as file:
            file.write(image)
        seen = harms(image)
        if harm not in seen if expected is not None else seen:
            failures += 1
            print("%s:%d: control: a loader that believes it has: %s" % (cases, number, " ".join(sorted(seen)) or "no harm"))
        run = subprocess.run([verify, scratch], capture_output=True, text=True, timeout=20)
        count += 1
        good = (
            run.returncode == 0
            if expected is None
            else run.returncode == 1 and expected in run.stdout
        )
        if not good or run.stderr:
            failures += 1
            print(
                "%s:%d: status %d, %s%s" % (cases, number, run.returncode, run.stdout, run.stderr)
            )
    chance = random.Random(19)
    accepted = 0
    for _ in range(RANDOM):
        changes = random_changes(chance)
        image = build(changes)
        with open(scratch, "wb") as file:
            file.write(image)
        run = subprocess.run([verify, scratch], capture_output=True, text=True, timeout=20)
        seen = harms(image)
        accepted += run.returncode == 0
        if run.returncode not in (0, 1) or (run.returncode == 0) == bool(seen):
            failures += 1
            print("%s: status %d, %s but a loader has: %s" % (" ".join(changes), run.returncode, run.stdout.strip(), " ".join(sorted(seen))))
    if not RANDOM / 20 < accepted < RANDOM / 2:
        failures += 1
        print("%d of %d random modules accepted: too few or too many to tell much" % (accepted, RANDOM))
    print("%d cases, %d random ones, %d of them accepted, %d failures" % (count, RANDOM, accepted, failures))
    sys.exit(failures != 0 or count == 0)


main()
