"""Builds a real program twice, natively and with lind-cc, from Debian's unpatched source, runs its tests with both, and compares.

Usage: app.py NAME --build DIR [--long]

Each recipe (recipes.py) gives steps. A step is a command that runs in both trees; it is a *test* when it has a name. A test's result is
its exit status and output, with what is bound to differ (paths, times) taken out by the recipe. The run fails when a test gives another
result caged than natively, whichever of them is the better, unless the recipe lists and explains it, or when a step that is no test fails. Prints
one line per program: tests, native and caged passes.

A test that may end in two ways also natively, as two of its processes race, is listed in the recipe's `races`, with steps of their own:
`show` prints what the test's last run said; `provoke` runs it in the native tree such that the race ends the other way, and prints what `show` does.
Each run of the recipe provokes the race natively, and fails if the result is the usual one. A caged result may be the usual one or exactly the provoked one.
"""
import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SOURCES = os.path.join(ROOT, "build", "sources")
sys.path.insert(0, HERE)
import guest_tools  # noqa: E402
import recipes  # noqa: E402


def end_session(leader):
    """Kills every process of the leader's session."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(name)) == leader:
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            pass  # it has ended


def run(command, tree, environment, stdin, seconds):
    """Returns (status, output bytes). The output is standard output and error together. After `seconds` the whole session is killed."""
    with open(stdin or os.devnull, "rb") as source, \
            subprocess.Popen(["/bin/sh", "-c", command], cwd=tree, env=environment, stdin=source, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, start_new_session=True) as shell:
        try:
            output = shell.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired as error:
            end_session(shell.pid)
            return 124, (error.stdout or b"") + b"\ntimed out\n"
    return shell.returncode, output


def environment(build, kind, tree, recipe):
    """The variables of a step. With `tools`, caged programs find guest_tools as /bin; with `tools` "both", $TOOLS is where they are, and where
    the same tools, built natively, are in the native run."""
    result = {k: v for k, v in os.environ.items() if not k.startswith("LIND_")}
    result.update({"LC_ALL": "C", "TZ": "UTC", "INSIDE": ""})
    result.update(guest_tools.toolchain(build, kind))
    if recipe.get("tools") == "both" or recipe.get("tools") and kind == "caged":
        result["TOOLS"] = guest_tools.directory(build, SOURCES, recipe.get("helpers", ()), kind)
    if kind == "caged":
        granted = [tree] + recipe.get("grant", [])
        if "TOOLS" in result:
            granted += [result["TOOLS"] + ":/bin:ro", result["TOOLS"] + ":/usr/bin:ro", "/etc::ro"]
        result.update({"INSIDE": os.path.join(build, "bin", "lind-run"),
                       "LIND_RUN_OPTS": " ".join(["--inherit-fds"] + ["--dir " + path for path in granted])})
    return result


def race(about, tree, variables):
    """Provokes a race natively. tree and variables: by kind. Returns (fault, ending): what is wrong with the demonstration, None if nothing, and
    whether the caged run ended as the provoked one."""
    def shown(kind, command):
        return run(command, tree[kind], variables[kind], None, about.get("seconds", 600))[1].replace(tree[kind].encode(), b"TREE")

    usual, caged = shown("native", about["show"]), shown("caged", about["show"])
    provoked = shown("native", about["provoke"])
    if usual == provoked:
        return "provoked natively, it ended as usual:\n" + usual.decode(errors="replace")[-1500:], False
    return None, caged == provoked


def verdict_of(verdicts, kind):
    """A test's (status, output) in the native or the caged run."""
    return verdicts.get(kind, ("missing", b""))


def compare(results, known, unsteady, ended):
    """results: by test, its verdicts by kind. ended: the tests whose caged run ended as the native one does when its race is provoked.
    Returns (differences, explained): the tests that make the run fail, and those that differ as the recipe says. A listed test that passes in
    both runs is a difference, as the list is out of date; one that is skipped in one of them and passes in the other differs by chance if it
    is unsteady."""
    differences, explained = [], []
    for item, verdicts in results.items():
        native, caged = (verdict_of(verdicts, kind) for kind in ("native", "caged"))
        if native == caged:
            if item in known and native[0] == 0:
                differences.append(item)
        elif item in known and native[0] == 0 or item in ended or item in unsteady and {native[0], caged[0]} == {0, 77}:
            explained.append(item)
        else:
            differences.append(item)
    return differences, explained


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=sorted(recipes.RECIPES))
    parser.add_argument("--build", required=True)
    parser.add_argument("--long", action="store_true")
    args = parser.parse_args()
    # As at a terminal: what a shell starts in the background, or nohup starts, ignores these, and so would every program under test.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    build = os.path.abspath(args.build)
    recipe = recipes.RECIPES[args.name]
    subprocess.run([os.path.join(ROOT, "tools", "fetch-source"), SOURCES, recipe["package"], *recipe.get("needs", [])], check=True)
    home = os.path.join(build, "apps", args.name)
    shutil.rmtree(home, ignore_errors=True)
    os.makedirs(home)

    results = {}
    for kind in ("native", "caged"):
        tree = os.path.join(home, kind)
        shutil.copytree(os.path.join(SOURCES, recipe["package"]), tree, symlinks=True)
        for inputs in recipe.get("inputs", "").split():
            shutil.copytree(os.path.join(HERE, "Inputs", inputs), os.path.join(tree, "lind-inputs"), dirs_exist_ok=True)
        for other in recipe.get("needs", []):
            shutil.copytree(os.path.join(SOURCES, other), os.path.join(tree, "lind-needs", other), symlinks=True)
        for step in recipe["steps"]:
            if step.get("long") and not args.long:
                continue
            start = time.monotonic()
            status, output = run(step["run"], tree, environment(build, kind, tree, recipe), step.get("stdin"), step.get("seconds", 600))
            with open(os.path.join(home, kind + ".log"), "ab") as log:
                log.write(b"$ " + step["run"].encode() + b"\n" + output + b"\n[exit status %d, %.1f s]\n" % (status, time.monotonic() - start))
            if "test" not in step:
                if status != 0:
                    sys.stdout.write(output.decode(errors="replace")[-4000:])
                    sys.exit("%s, %s: exit status %d: %s" % (args.name, kind, status, step["run"]))
                continue
            text = output.replace(tree.encode(), b"TREE")
            for item, verdict in step.get("split", recipes.whole)(step["test"], status, text):
                results.setdefault(item, {})[kind] = verdict

    known = recipe.get("known", {})
    unsteady = recipe.get("unsteady", {})  # tests that are skipped in some native runs, too
    faults = []
    trees = {kind: os.path.join(home, kind) for kind in ("native", "caged")}
    races = {item: race(about, trees, {kind: environment(build, kind, trees[kind], recipe) for kind in trees})
             for item, about in recipe.get("races", {}).items()}
    faults += ["%s: %s" % (item, fault) for item, (fault, _) in races.items() if fault]
    faults += ["%s: no such test" % item for item in races if item not in results]
    differences, explained = compare(results, known, unsteady, {item for item, (_, ended) in races.items() if ended})
    native, caged = (sum(verdict_of(of, kind)[0] == 0 for of in results.values()) for kind in ("native", "caged"))
    for item in differences:
        for kind in ("native", "caged"):
            status, text = verdict_of(results[item], kind)
            print("--- %s, %s: exit status %s, output %s" % (item, kind, status, hashlib.sha256(text).hexdigest()[:16]))
            print(text.decode(errors="replace")[-1500:])
    for fault in faults:
        print("race: " + fault)
    for item in explained:
        print("known: %s: %s" % (item, known.get(item) or unsteady.get(item) or "as natively when provoked: " + recipe["races"][item]["why"]))
    print("%s: %d tests, %d pass natively, %d caged, %d differ, %d of them known" %
          (args.name, len(results), native, caged, len(differences) + len(explained), len(explained)))

    unverified = []
    for binary in recipe.get("binaries", []):
        if subprocess.run([os.path.join(build, "bin", "lind-verify"), "-q", os.path.join(home, "caged", binary)]).returncode:
            unverified.append(binary)
    if unverified:
        print("refused by lind-verify: " + " ".join(unverified))

    # For lind-bench: what to time.
    bench = os.path.join(build, "apps", "bench.json")
    entries = {}
    if os.path.exists(bench):
        with open(bench) as file:
            entries = json.load(file)
    for name, work in recipe.get("bench", {}).items():
        entry = {"part": work.get("part", "cpu")}
        for kind in ("native", "caged"):
            tree = os.path.join(home, kind)
            if "command" in work:  # of a shell, as the steps are
                variables = environment(build, kind, tree, recipe)
                entry[kind] = ["env", "-C", tree, *(name + "=" + variables[name] for name in ("INSIDE", "CC", "PATH")), "sh", "-c", work["command"]]
                continue
            binary = os.path.join(tree, work["binary"])
            command = [part.replace("@TREE@", tree) for part in work["arguments"]]
            entry[kind + "_binary"] = binary
            grants = [word for path in work.get("grant", []) for word in ("--dir", path)]
            prefix = [os.path.join(build, "bin", "lind-run"), "--dir", home, *grants, "--"] if kind == "caged" else []
            entry[kind] = prefix + [binary] + command
        entry["cwd"] = home
        entries[name] = entry
    with open(bench + ".%d" % os.getpid(), "w") as file:
        json.dump(entries, file, indent=1)
    os.replace(bench + ".%d" % os.getpid(), bench)
    if not results:
        sys.exit("no test ran")
    sys.exit(1 if differences or faults or unverified else 0)


if __name__ == "__main__":
    main()
