"""Does the verifier agree with its executable specification (spec.py)?

    compare.py flip LIBRARY TRIALS SEED PROGRAM...   flips bits and bytes in real programs' text
    compare.py corpus LIBRARY CASES SEED TESTS...    small texts: pieces of the cases in V*.test

The verifier may never accept what the specification rejects. Where it rejects by another rule than
R2 what the specification accepts, that is an error too; by R2 it may be stricter, but only for
bytes that LLVM's assembler would not emit for their own disassembly.
"""
import random
import re
import subprocess
import sys

import cases
from llvm import disassemble
from spec import BUNDLE, Module, check_bundle, check_text
from verifier import Verifier, read_module

SMALL = dict(text_address=0x10000, image_start=0, image_end=0x40000, gate=0x4000)


class Report:
    def __init__(self):
        self.trials = self.accepted = self.errors = 0
        self.strict = {}  # bytes of an instruction -> text

    def error(self, kind, text, detail):
        self.errors += 1
        if self.errors <= 20:
            print("%s: %s: %s" % (kind, text.hex(" "), detail))

    def compare(self, ours, theirs, data, detail=""):
        """ours: the verifier's verdict; theirs: the specification's faults; data: bytes to show,
        from where ours points."""
        self.trials += 1
        self.accepted += ours is None
        if ours is None and theirs:
            self.error(
                "ACCEPTED, but the specification rejects", data, "%s %s" % (theirs[:3], detail)
            )
        elif ours is not None and not theirs:
            if ours[1] == 2:
                self.strict[bytes(data[:15])] = ours[2]
            else:
                self.error(
                    "rejected, but the specification accepts", data, "%s %s" % (ours, detail)
                )

    def check_strict(self):
        """Which of the instructions refused only by us would the assembler emit just so?"""
        items = []
        for data, words in self.strict.items():
            length, text = disassemble(data)
            if length and text.strip() != "lock":
                items.append((data[:length], text, words))
        source = "".join("%s\n.Lmark%d:\n" % (text, n) for n, (_, text, _) in enumerate(items))
        output = subprocess.run(
            ["llvm-mc", "--show-encoding", "-triple=x86_64"],
            input=source,
            capture_output=True,
            text=True,
        ).stdout
        encoding, canonical = b"", 0
        for line in output.splitlines():
            mark = re.match(r"\.Lmark(\d+):", line)
            if mark:
                data, text, words = items[int(mark[1])]
                if encoding == data:
                    self.error("refused, but canonical", data, "%s (%s)" % (text.strip(), words))
                encoding = b""
            found = re.search(r"encoding: \[([0-9a-fx,]*)\]", line)
            if found:
                encoding += bytes(int(b, 16) for b in found[1].split(","))
        return len(items)

    def finish(self):
        strict = self.check_strict() if self.strict else 0
        print(
            "%d trials, %d accepted, %d instructions refused as not canonical, %d errors"
            % (self.trials, self.accepted, strict, self.errors)
        )
        sys.exit(self.errors != 0 or self.trials == 0)


class Program:
    """A real program and the specification's view of each of its bundles."""

    def __init__(self, path):
        self.module, self.text = read_module(path)
        self.bundles, drift = [], 0
        for at in range(0, len(self.text), BUNDLE):
            result = self.check(self.text, at, drift)
            self.bundles.append((drift, result))
            drift = result.drift
        self.sources = {}  # target offset -> how many branches go there
        for at, (_, result) in enumerate(self.bundles):
            for _, target in result.branches:
                self.sources[at * BUNDLE + target] = self.sources.get(at * BUNDLE + target, 0) + 1

    def check(self, text, at, drift):
        return check_bundle(
            self.module,
            self.module.text_address + at,
            bytes(text[at : at + BUNDLE]),
            bytes(text[at + BUNDLE : at + BUNDLE + 15]),
            drift,
        )

    def faults_with(self, text, index):
        """The specification's faults if only the bundle `index` differs from the program."""
        faults, at = [], index * BUNDLE
        drift, before = self.bundles[index]
        result = self.check(text, at, drift)
        faults += result.faults
        # What the next bundles' drift starts with may have changed.
        out, n = result.drift, index + 1
        while n < len(self.bundles) and out != self.bundles[n][0]:
            later = self.check(text, n * BUNDLE, out)
            faults += later.faults
            out, n = later.drift, n + 1
        if index == len(self.bundles) - 1 and result.falls_through:
            faults.append((at, 1))
        for offset, target in result.branches:
            target += at
            home = self.bundles[target // BUNDLE][1] if 0 <= target < len(text) else None
            starts = result.starts if target // BUNDLE == index else home.starts if home else ()
            if target - target // BUNDLE * BUNDLE not in starts:
                faults.append((offset, 6))
        for start in before.starts - result.starts:
            if self.sources.get(at + start, 0) > sum(
                at + start == at + target for _, target in before.branches
            ):
                faults.append((start, 6))
        return faults


def mutate(data, at, generator):
    kind = generator.randrange(4)
    if kind == 0:
        data[at] ^= 1 << generator.randrange(8)
    elif kind == 1:
        data[at] = generator.randrange(256)
    elif kind == 2:
        data[at] = generator.choice(
            b"\x0f\x41\x48\x49\x4c\x64\x65\x66\x67\xf0\xf2\xf3\xc4\xc5\xff\x8b\x89\x24\xe4\xcc\x90"
        )
    else:
        other = generator.randrange(max(0, at - 16), min(len(data), at + 16))
        data[at], data[other] = data[other], data[at]


def flip(library, trials, seed, paths):
    verifier, report, generator = Verifier(library), Report(), random.Random(seed)
    for path in paths:
        program = Program(path)
        if verifier.verdict(program.text, program.module) or any(
            result.faults for _, result in program.bundles
        ):
            raise SystemExit("%s is not accepted to begin with" % path)
        for _ in range(trials // len(paths)):
            text = bytearray(program.text)
            index = generator.randrange(len(program.bundles))
            first, last = index * BUNDLE, min(index * BUNDLE + BUNDLE, len(text))
            part = bytearray(text[first:last])
            for _ in range(generator.choice((1, 1, 1, 2, 3))):
                mutate(part, generator.randrange(len(part)), generator)
            text[first:last] = part
            ours = verifier.verdict(bytes(text), program.module)
            theirs = program.faults_with(text, index)
            shown = text[ours[0] : ours[0] + 15] if ours and not theirs else part
            report.compare(
                ours, theirs, shown, "at 0x%x of %s" % (program.module.text_address + first, path)
            )
    report.finish()


def corpus(library, trials, seed, paths):
    verifier, report, generator = Verifier(library), Report(), random.Random(seed)
    pieces = cases.read(paths)
    prefixes = "64 65 66 67 f0 f2 f3 40 41 42 44 45 48 49 4c 4d 2e".split()
    for _ in range(trials):
        tokens = []
        for _ in range(generator.choice((1, 1, 2, 2, 3, 4))):
            piece = list(generator.choice(pieces))
            while piece and generator.random() < 0.25:
                kind, at = generator.randrange(4), generator.randrange(len(piece))
                if kind == 0:
                    piece[at] = "%02x" % generator.randrange(256)
                elif kind == 1:
                    piece.insert(at, generator.choice(prefixes))
                elif kind == 2:
                    del piece[at]
                elif re.fullmatch("[0-9a-f]{2}", piece[at]):
                    piece[at] = "%02x" % (int(piece[at], 16) ^ 1 << generator.randrange(8))
            tokens += piece
            if generator.random() < 0.3:
                tokens.append("|")
        text = cases.assemble(tokens)[:256]
        if generator.random() < 0.8:
            text += b"\xcc" * (-len(text) % BUNDLE)
        if not text:
            continue
        text = bytes(text)
        module = Module(text_size=len(text), **SMALL)
        ours, theirs = verifier.verdict(text, module), check_text(module, text)
        report.compare(ours, theirs, text[ours[0] :] if ours and not theirs else text)
    report.finish()


if __name__ == "__main__":
    if len(sys.argv) < 6 or sys.argv[1] not in ("flip", "corpus"):
        raise SystemExit(__doc__)
    {"flip": flip, "corpus": corpus}[sys.argv[1]](
        sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:]
    )
