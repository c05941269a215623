"""Compares docs/attacks.md with the tests: rows.py ROOT [DOCUMENT]. Says what is missing on either side."""
import os
import re
import sys

root = sys.argv[1]
document = sys.argv[2] if len(sys.argv) > 2 else os.path.join(root, "docs/attacks.md")
rows = re.findall(r"^\| ([VSK]\d+) \|(.*)\|$", open(document).read(), re.M)
wanted = {f"V{i}" for i in range(1, 20)} | {f"S{i}" for i in range(1, 8)} | {f"K{i}" for i in range(1, 17)} - {"K10", "K11"}
bad = [f"no row {row}" for row in sorted(wanted - {row for row, _ in rows})]
named = {row: set(re.findall(r"`([a-z]+/[\w/.-]+\.(?:c|test))`", text)) for row, text in rows}
for row, files in named.items():
    if not files:
        bad.append(f"row {row} has no test")
    bad += [f"row {row}: there is no {file}" for file in files if not os.path.exists(os.path.join(root, "test", file))]
folder = os.path.join(root, "test/escape")
for name in sorted(os.listdir(folder)):
    if not name.endswith((".c", ".test")) or name == "rows.test":
        continue
    row = re.match(r"([SK])0*(\d+)", name)
    if not row or f"escape/{name}" not in named.get(row[1] + row[2], ()):
        bad.append(f"{name} does not stand in its row")
    head = open(os.path.join(folder, name)).read(3000)
    if "ontrol" not in head and "The same as" not in head and "program of" not in head:
        bad.append(f"{name} names no control")
print("\n".join(bad) or f"{len(rows)} rows, {len(set().union(*named.values()))} tests")
sys.exit(bool(bad))
