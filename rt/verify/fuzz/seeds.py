"""Makes the fuzzers' seeds: seeds.py TEST-DIRECTORY OUT-DIRECTORY

OUT-DIRECTORY/verify gets the texts of the cases in test/verify/V*.test, OUT-DIRECTORY/module the
modules of V19.
"""
import glob
import os
import re
import shlex
import sys


def main():
    tests, out = sys.argv[1:]
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.join(tests, "Inputs"))
    import cases
    import modules

    for name in ("verify", "module"):
        os.makedirs(os.path.join(out, name), exist_ok=True)
    for number, tokens in enumerate(cases.read(sorted(glob.glob(os.path.join(tests, "V*.test"))))):
        with open(os.path.join(out, "verify", "%d" % number), "wb") as file:
            file.write(cases.assemble(tokens)[:4096])
    with open(glob.glob(os.path.join(tests, "V19*.test"))[0], encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            case = re.fullmatch(r'(?:accept|reject "[^"]*"):(.*)', line.strip())
            if case:
                with open(os.path.join(out, "module", "%d" % number), "wb") as file:
                    file.write(modules.build(shlex.split(case[1], comments=True)))


main()
