"""Runs the commands of docs/tutorial.md in an empty directory and compares what they print with the page.

Usage: tutorial.py PAGE DIRECTORY
"""
import os
import re
import shutil
import subprocess
import sys

page, directory = sys.argv[1], sys.argv[2]
shutil.rmtree(directory, ignore_errors=True)
os.makedirs(directory)
blocks = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", open(page).read(), re.M | re.S)
printed = None
checked = 0
for kind, name, text in blocks:
    if kind == "file":
        with open(os.path.join(directory, name), "w") as file:
            file.write(text)
    elif kind == "sh":
        done = subprocess.run(["bash", "-c", text], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        printed = done.stdout.decode(errors="replace")
        print("$ " + text.strip().replace("\n", "\n$ ") + "\n" + printed, end="")
    elif kind == "output":
        checked += 1
        if printed != text:
            sys.exit("the page says:\n" + text)
if not checked:
    sys.exit("no output was compared")
