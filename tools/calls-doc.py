#!/usr/bin/env python3
"""Writes docs/calls.md from microvisor/calls.def and microvisor/calls-notes.txt.

    calls-doc.py            write it
    calls-doc.py --check    say whether it is up to date (exit status 1 if not)
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import calls_table  # noqa: E402

NOTES = os.path.join(calls_table.ROOT, "microvisor", "calls-notes.txt")
PAGE = os.path.join(calls_table.ROOT, "docs", "calls.md")

HEAD = """# System calls

Made by `tools/calls-doc.py` from `microvisor/calls.def` and `microvisor/calls-notes.txt`; a test checks that it is up to date. Do not edit.

What a program in a cage gets when it makes a Linux x86-64 system call. A call that is not supported returns `ENOSYS`, as does every number
that is not here. Supported calls follow Linux, down to the error numbers, where the notes below do not say otherwise. Pointers are offsets into the
cage's window; a bad one gives `EFAULT`.
"""

ARGUMENTS = """
*Arguments*: `path` and `string` are NUL-terminated; `in[n]`, `out[n]` are buffers of n bytes that the call reads or fills; `in T`, `out T`,
`inout T` point to a structure (`T[n]`: to n of them), with `?` when NULL is allowed; `flags(X)` and `command(X)` are combinations or one of the
constants `X_…`. *Family*: the general form of the call; a grate that has no handler for this very number gets it as that.
*H*: made without leaving the cage's vector state (hot calls cost about 10 ns on top of the host's).
"""


def argument_text(argument):
    if argument.direction not in ("in", "out", "inout"):
        return f"{argument.name}: {argument.kind}"
    text = argument.direction
    if argument.type:
        text += " " + argument.type
    if argument.count:
        text += f"[{argument.count}]"
    return f"{argument.name}: {text}{'?' if argument.optional else ''}"


def read_notes(names):
    """Pairs of (calls, text), in the file's order. A note is 'call, call: text', continued by indented lines."""
    notes = []
    with open(NOTES) as file:
        for line in file:
            if line.startswith("#") or not line.strip():
                continue
            if line[0].isspace():
                notes[-1][1] += " " + line.strip()
                continue
            calls, _, text = line.partition(":")
            calls = [name.strip() for name in calls.split(",")]
            for name in calls:
                if name not in names:
                    raise calls_table.TableError(f"microvisor/calls-notes.txt: no call '{name}'")
            notes.append([calls, text.strip()])
    return notes


def page():
    calls = calls_table.read()
    supported = [call for call in calls if call.supported]
    missing = [call for call in calls if not call.supported]
    families = {call.family for call in supported}
    unknown = families - {call.name for call in calls}
    if unknown:
        raise calls_table.TableError(f"families that are no calls: {', '.join(sorted(unknown))}")
    hot = sum(call.temperature == "HOT" for call in supported)
    lines = [HEAD]
    lines.append(f"**Coverage**: {len(supported)} of {len(calls)} calls ({100 * len(supported) // len(calls)} %), "
                 f"in {len(families)} families; {hot} of them hot.\n")
    lines.append("## Supported\n" + ARGUMENTS)
    lines.append("| number | call | arguments | family | H |\n|---:|---|---|---|---|")
    for call in supported:
        arguments = ", ".join(argument_text(argument) for argument in call.arguments).replace("|", "\\|")
        family = "" if call.family == call.name else call.family
        lines.append(f"| {call.number} | {call.name} | {arguments} | {family} | {'H' if call.temperature == 'HOT' else ''} |")
    lines.append("\n## Where they differ from Linux\n")
    for names, text in read_notes({call.name for call in calls}):
        lines.append(f"* **{', '.join(names)}**: {text}")
    lines.append("\n## Not supported\n\n| why | calls (number) |\n|---|---|")
    reasons = {}
    for call in missing:
        reasons.setdefault(call.reason, []).append(f"{call.name} ({call.number})")
    for reason, names in reasons.items():
        lines.append(f"| {reason} | {', '.join(names)} |")
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) > 2 or (len(sys.argv) == 2 and sys.argv[1] != "--check"):
        sys.exit(__doc__)
    try:
        text = page()
    except calls_table.TableError as error:
        sys.exit(f"calls-doc.py: {error}")
    if len(sys.argv) == 2:
        current = open(PAGE).read() if os.path.exists(PAGE) else ""
        if current != text:
            sys.exit("docs/calls.md is not what microvisor/calls.def says: run tools/calls-doc.py and commit the result")
        counts = re.search(r"\*\*Coverage\*\*: (.*)", text)
        print("docs/calls.md is up to date:", counts[1])
        return
    with open(PAGE, "w") as file:
        file.write(text)


main()
