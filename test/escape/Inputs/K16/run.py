"""Runs the random calls of fuzz.c or typed.c with one seed after the other for a while: run.py LIND-RUN PROGRAM SECONDS [FIRST-SEED [THREADS]].
Whatever becomes of the program, lind-run must not fault, fail or be stopped, and what lies outside its directory, what is granted
read-only, and the program's own file must stay as they were."""
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import time

lind_run, program, seconds = sys.argv[1], os.path.abspath(sys.argv[2]), float(sys.argv[3])
seed = int(sys.argv[4]) if len(sys.argv) > 4 else time.time_ns() % 10**9
home = os.path.abspath("home")
shutil.rmtree(home, ignore_errors=True)
os.makedirs(home + "/outside")
with open(home + "/outside/canary", "w") as file:
    file.write("nobody changes this\n" * 1000)


def limits():
    """What the calls may use up: the machine has other work."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 24, 1 << 24))
    if "ASAN_OPTIONS" not in os.environ:  # the sanitizer's shadow is larger
        resource.setrlimit(resource.RLIMIT_DATA, (1 << 29, 1 << 29))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.setsid()


def digest():
    """Everything outside the granted directory."""
    result = hashlib.sha256()
    for name in sorted(os.listdir(home)):
        result.update(name.encode() if name != "work" else b"")
    status = os.stat(home + "/outside/canary")
    result.update(f"{status.st_mode} {status.st_uid} {status.st_mtime_ns} {sorted(os.listdir(home + '/outside'))}".encode())
    for name in (home + "/outside/canary", program):
        with open(name, "rb") as file:
            result.update(file.read())
    return result.hexdigest()


runs, killed, stuck = 0, 0, 0
end = time.time() + seconds
os.makedirs(home + "/work")
before = digest()
# On a busy machine longer: with more patience, until some have reached their end.
while time.time() < end or (stuck * 2 > runs and time.time() < end + 300):
    shutil.rmtree(home + "/work", ignore_errors=True)
    os.makedirs(home + "/work", exist_ok=True)
    process = subprocess.Popen([lind_run, "--dir", home + "/outside:/granted:ro", program, str(seed), "2000"] + sys.argv[5:], cwd=home + "/work", stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=limits)
    try:
        output = process.communicate(timeout=2 if stuck * 4 <= runs else 20)[0]
    except subprocess.TimeoutExpired:
        # Random masks and timeouts may well make it wait for ever.
        process.kill()
        output = process.communicate()[0]
        stuck += 1
    else:
        killed += process.returncode > 128
        bad = process.returncode and not 128 < process.returncode < 193  # not lind-run's own codes, nor 99, the sanitizers'
        if bad or any(words in output for words in (b"internal error", b"lost a part", b"Sanitizer", b"runtime error")):
            print(output[-4000:].decode(errors="replace"))
            sys.exit(f"seed {seed}: lind-run ended with {process.returncode}")
    runs += 1
    if digest() != before:
        sys.exit(f"seed {seed}: something outside the writable directory has changed")
    seed += 1
print(f"{runs} runs, {killed} ended by a signal, {stuck} stopped for waiting")
shutil.rmtree(home, ignore_errors=True)
if runs < seconds / 10 or stuck * 2 > runs or killed * 10 > runs * 9:
    sys.exit("too few runs reached their end to prove anything")
