"""Checks cases of ELF modules: check_modules.py LIND-VERIFY SCRATCH-FILE CASES

A case is a line
    accept: CHANGES
    reject "WORDS": CHANGES
CHANGES to a small valid module, separated by blanks: NAME.FIELD=VALUE for the ELF header (elf), the
program headers (load0: headers, note, gate page; load1: text; load2: data; note; stack) and the
note (lind.namesz, .descsz, .type, .abi, .bundle, .gate, .name); text=HEX for the text; size=N cuts
the file; notes=N repeats the note; copy=NAME adds a copy of a program header; drop=NAME removes
one; swap=NAME,NAME.
"""
import re
import shlex
import subprocess
import sys

from modules import build


def main():
    verify, scratch, cases = sys.argv[1:]
    failures = count = 0
    for number, line in enumerate(open(cases, encoding="utf-8"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        case = re.fullmatch(r'(?:accept|reject "([^"]*)"):(.*)', line)
        if not case:
            raise SystemExit("%s:%d: no case" % (cases, number))
        expected, changes = case[1], case[2]
        with open(scratch, "wb") as file:
            file.write(build(shlex.split(changes, comments=True)))
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
    print("%d cases, %d failures" % (count, failures))
    sys.exit(failures != 0 or count == 0)


main()
