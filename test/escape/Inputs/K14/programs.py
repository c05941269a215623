"""What lind-run keeps of programs that ran: programs.py LIND-RUN PROGRAM MIB COUNT."""
import os
import subprocess
import sys

lind_run, program, size, count = sys.argv[1:]
process = subprocess.Popen([lind_run, program, size, count], stdout=subprocess.PIPE, text=True)
line = process.stdout.readline().strip()
directory, files, total = f"/proc/{process.pid}/fd", 0, 0
for number in os.listdir(directory):
    if os.readlink(f"{directory}/{number}").startswith("/memfd:program"):
        files += 1
        total += os.stat(f"{directory}/{number}").st_blocks * 512
process.kill()
process.wait()
if line != f"worked: {count}":
    sys.exit(f"the programs did not run: {line}")
print(f"programs: {files}")
print("at most 300 MiB" if total <= 300 << 20 else f"too much: {total >> 20} MiB")
