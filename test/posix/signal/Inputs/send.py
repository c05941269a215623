"""send.py SIGNAL,... COMMAND...: starts COMMAND and after each line that it prints sends it the next signal. Prints its lines and, at
last, its exit status as a shell's. The command gets a process group of its own, one that somebody can continue: us. One that does
not end is killed after two minutes."""
import os
import signal
import subprocess
import sys
import threading
import time

signals = sys.argv[1].split(",")
process = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, text=True, restore_signals=False,
                           preexec_fn=lambda: os.setpgid(0, 0))
killer = threading.Timer(120, process.kill)
killer.start()


def state():
    with open(f"/proc/{process.pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


for line in process.stdout:
    print(line, end="", flush=True)
    if not signals:
        continue
    name = signals.pop(0)
    process.send_signal(getattr(signal, "SIG" + name))
    if name == "TSTP":
        for _ in range(1000):
            if state() == "T":
                break
            time.sleep(0.05)
        print("state", state(), flush=True)
        process.send_signal(signal.SIGCONT)
status = process.wait()
killer.cancel()
print("status", status if status >= 0 else 128 - status)
