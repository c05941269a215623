"""Checks how app.py compares two runs."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
import app  # noqa: E402

PASS, SKIP, FAIL = (0, b""), (77, b""), (1, b"")


def outcome(native, caged, known=(), unsteady=(), ended=()):
    verdicts = {kind: verdict for kind, verdict in (("native", native), ("caged", caged)) if verdict}
    differences, explained = app.compare({"test": verdicts}, dict.fromkeys(known, "why"), dict.fromkeys(unsteady, "why"), set(ended))
    assert not (differences and explained)
    return "differs" if differences else "explained" if explained else "same"


listed = ("test",)
for native, caged, lists, expected in [
        (PASS, PASS, {}, "same"),
        (FAIL, FAIL, {}, "same"),
        (PASS, FAIL, {}, "differs"),
        (FAIL, PASS, {}, "differs"),
        (SKIP, PASS, {}, "differs"),
        (SKIP, FAIL, {}, "differs"),
        (FAIL, SKIP, {}, "differs"),
        (None, PASS, {}, "differs"),
        (PASS, None, {}, "differs"),
        ((1, b"a"), (1, b"b"), {}, "differs"),  # it expects an error, but another one
        ((0, b"a"), (0, b"b"), {}, "differs"),
        (PASS, FAIL, {"known": listed}, "explained"),
        (PASS, PASS, {"known": listed}, "differs"),  # the list is out of date
        (FAIL, FAIL, {"known": listed}, "same"),
        (FAIL, PASS, {"known": listed}, "differs"),
        (PASS, SKIP, {"unsteady": listed}, "explained"),
        (SKIP, PASS, {"unsteady": listed}, "explained"),
        (PASS, FAIL, {"unsteady": listed}, "differs"),
        (SKIP, FAIL, {"unsteady": listed}, "differs"),
        (PASS, FAIL, {"ended": listed}, "explained"),
]:
    assert outcome(native, caged, **lists) == expected, (native, caged, lists, outcome(native, caged, **lists))
