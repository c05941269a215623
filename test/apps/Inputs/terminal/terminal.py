"""A user at a terminal: starts a program on a new pseudo-terminal, types, and prints what appears.

The program is the foreground job of a session of its own, as under a login shell. What appears is printed with process ids taken out, so that
native and caged runs can be compared.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 40


def tasks():
    """What runs in this directory, but for this: the states of all tasks, and how many seconds they have computed."""
    states, seconds = set(), 0
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(name) == os.getpid() or os.readlink("/proc/%s/cwd" % name) != os.getcwd():
                continue
            for task in os.listdir("/proc/%s/task" % name):
                with open("/proc/%s/task/%s/stat" % (name, task)) as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                states.add(fields[0])
                seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            pass  # it has ended
    return states, seconds


def resize(fd, size):
    """Gives the terminal so many rows and columns."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))


class Terminal:
    def __init__(self, command, terminal="dumb", size=(24, 80)):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            resize(0, size)
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            os.environ.update({"PS1": "shell> ", "PS2": "more> ", "TERM": terminal})
            os.environ["HISTFILE"] = "/dev/null"  # natively the user's would grow with each run, and the numbers of lines with it
            for name in ("ENV", "BASH_ENV"):
                os.environ.pop(name, None)
            os.execvp(command[0], command)
        self.seen = ""

    def expect(self, pattern, show=True):
        """Waits until pattern is on the screen, and prints all up to its end: unless what is shown is a matter of time."""
        limit = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.seen)):
            if not select.select([self.fd], [], [], max(0, limit - time.monotonic()))[0]:
                self.fail("no " + repr(pattern))
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            if not data:
                self.fail("closed instead of " + repr(pattern))
            self.seen += data.decode(errors="replace")
        if show:
            self.show(self.seen[:found.end()])
        self.seen = self.seen[found.end():]

    def show(self, text):
        text = re.sub(r"(\[\d+\]) \d+", r"\1 N", text.replace("\r", ""))
        sys.stdout.write(re.sub(r"\b\d{2,}\b", "N", text))
        sys.stdout.flush()

    def fail(self, why):
        self.show(self.seen)
        print("\n*** " + why)
        os.kill(self.pid, signal.SIGKILL)
        sys.exit(1)

    def type(self, text):
        os.write(self.fd, text.encode())

    def run(self, line, *patterns):
        """Types a line and waits for patterns, then for the prompt."""
        self.type(line + "\n")
        for pattern in patterns:
            self.expect(pattern)
        self.expect("shell> $")

    def settle(self):
        """Lets what was started come to its read or sleep, where it stays for 0.3 s, or to its loop."""
        begin, quiet = tasks()[1], 0
        limit = time.monotonic() + PATIENCE
        while quiet < 10 and time.monotonic() < limit:
            time.sleep(0.03)
            states, seconds = tasks()
            quiet = 0 if states & {"R", "D"} else quiet + 1
            if seconds > begin + 0.5:
                break

    def end(self):
        while True:
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                break
            if not data:
                break
            self.seen += data.decode(errors="replace")
        status = os.waitpid(self.pid, 0)[1]
        self.show(self.seen)
        print("\n[ends with %d]" % os.waitstatus_to_exitcode(status))
