"""Checks results.py in the empty directory that is named."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import results  # noqa: E402

directory = sys.argv[1]
path = os.path.join(directory, "kept", "results")
first = results.Results(path)
first.put("a -O2", "pass")
first.put("b -O2", "exit status 1")
with open(path, "a") as file:
    file.write('["c -O2", "pa')

second = results.Results(path)
assert second.get("a -O2") == "pass" and second.get("b -O2") == "exit status 1" and second.get("c -O2") is None
second.put("c -O2", "compile")
assert results.Results(path).get("c -O2") == "compile"
assert results.Results(path, keep=False).get("a -O2") is None
assert results.Results(path).get("a -O2") is None

tool = os.path.join(directory, "tool")
seen = {results.fingerprint([tool])}
for text in ("one", "two"):
    with open(tool, "w") as file:
        file.write(text)
    seen.add(results.fingerprint([tool]))
    assert results.fingerprint([tool]) == results.fingerprint([tool])
seen.add(results.fingerprint([directory]))
assert len(seen) == 4
