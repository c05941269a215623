# trace_helper.py LIND-RUN PROGRAM: what the helper of a traced program that waits for input may do, and has open.
import os
import subprocess
import sys
import time

run = subprocess.Popen([sys.argv[1], "--trace=bpf", sys.argv[2]], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
children = f"/proc/{run.pid}/task/{run.pid}/children"
end = time.monotonic() + 20
seccomp = "0"
while seccomp == "0" and time.monotonic() < end:
    for child in open(children).read().split():
        status = dict(line.split(":", 1) for line in open(f"/proc/{child}/status") if ":" in line)
        seccomp = status["Seccomp"].strip()
        print(status["Name"].strip(), "seccomp", seccomp, *sorted(os.listdir(f"/proc/{child}/fd")))
    time.sleep(0.05)
run.stdin.close()
sys.exit(run.wait())
