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
            for name in ("ENV", "BASH_ENV", "HISTFILE"):
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
        time.sleep(0.3)  # lets what was started come to its read or sleep

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
