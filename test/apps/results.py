"""Results of long runs of many small programs, kept so that a run can be taken up again.

A file of results belongs to what it was made with: its name holds a hash of the tools' contents, so other tools begin anew.
"""
import glob
import hashlib
import json
import os
import signal
import sys
import threading


def stop(*_):
    """Handler of SIGTERM, which may come twice (to the process and to its group): the programs under way end first, in sessions of their own."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(1)


def fingerprint(paths):
    """A short hash of the contents of files, and of all files beneath directories. What is missing counts as such."""
    total = hashlib.sha256()
    for path in paths:
        inside = glob.glob(os.path.join(path, "**"), recursive=True) if os.path.isdir(path) else [path]
        for name in sorted(inside):
            if os.path.isdir(name):
                continue
            total.update(os.path.relpath(name, os.path.dirname(path)).encode() + b"\0")
            if os.path.exists(name):
                with open(name, "rb") as file:
                    total.update(hashlib.sha256(file.read()).digest())
    return total.hexdigest()[:16]


def native_tools(build):
    native = os.path.join(build, "lib", "lind", "native")
    return [os.path.join(native, "native-cc"), os.path.join(native, "lib")]


def caged_tools(build):
    lind = os.path.join(build, "lib", "lind")
    return [os.path.join(build, "bin", "lind-cc"), os.path.join(build, "bin", "lind-run"), os.path.join(lind, "lind-pass.so"),
            os.path.join(lind, "sysroot")]


class Results:
    """Values (JSON) by key (a string), in memory and in a file to which each new one is appended at once."""

    def __init__(self, path, keep=True):
        """keep: whether what the file holds is taken over; else it begins empty."""
        self.lock = threading.Lock()
        self.values = {}
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if keep and os.path.exists(path):
            with open(path) as file:
                for line in file:
                    try:
                        key, value = json.loads(line)
                    except ValueError:
                        continue  # cut off by an interruption
                    self.values[key] = value
        self.file = open(path, "a" if keep else "w")
        if keep:
            self.file.write("\n")  # ends a line that was cut off

    def get(self, key):
        """The value, or None."""
        return self.values.get(key)

    def put(self, key, value):
        with self.lock:
            self.values[key] = value
            self.file.write(json.dumps([key, value]) + "\n")
            self.file.flush()
