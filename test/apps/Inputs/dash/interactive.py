"""Drives a shell on a terminal as a user would, and prints what the user sees: interactive.py SHELL [ARGUMENT...]

The shell is the foreground job of a session of its own on a new pseudo-terminal, as under a login shell. Each step types something and waits
for what must appear; what appears is printed, with process ids taken out, so native and caged runs can be compared.
"""
import os
import pty
import re
import select
import signal
import sys
import termios
import time

PATIENCE = 40


class Screen:
    def __init__(self, command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            os.environ.update({"PS1": "shell> ", "PS2": "more> ", "TERM": "dumb"})
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


def main(command):
    screen = Screen(command)
    screen.expect("shell> $")
    screen.run("echo hello")
    screen.run("for i in 1 2; do echo $i; done | while read x; do echo got $x; done", "got 2")
    for line in ("while read line", 'do echo "<$line>"; done <<END', "one", "two"):
        screen.type(line + "\n")
        screen.expect("more> $")
    screen.type("END\n")
    screen.expect("<two>")
    screen.expect("shell> $")
    # Ctrl-C: a foreground loop, a read, the line being typed
    screen.type("while :; do :; done\n")
    screen.settle()
    screen.type("\003")
    screen.expect("shell> $")
    screen.run("echo status $?")
    screen.type("echo not this")
    screen.settle()
    screen.type("\003")
    screen.expect("shell> $")
    # Ctrl-Z: a subshell that reads stops and goes on
    screen.type("(read answer; echo answer $answer)\n")
    screen.settle()
    screen.type("\032")
    screen.expect("shell> $")
    screen.run("jobs", "(Stopped|Suspended)")
    screen.type("fg\n")
    screen.settle()
    screen.type("forty\n")
    screen.expect("answer forty")
    screen.expect("shell> $")
    # the background: reading stops, fg gives it the terminal. The shell tells of the stop with this prompt or a later one
    screen.type("(read answer; echo answer $answer) &\n")
    screen.expect("shell> ", show=False)
    screen.settle()
    screen.type("jobs\n")
    screen.expect("jobs\\s[^$]*(Stopped|Suspended).*\\s+shell> $", show=False)
    screen.type("fg\n")
    screen.settle()
    screen.type("more\n")
    screen.expect("answer more")
    screen.expect("shell> $")
    screen.run("trap 'echo trapped' INT")
    screen.run("kill -INT $$", "trapped")
    screen.run("trap - INT")
    screen.run("(kill -TERM $$) 2>/dev/null; echo alive", "alive")
    screen.run("(trap 'echo cleaned up' EXIT; exit 3); echo $?", "cleaned up")
    screen.run("while :; do :; done &")
    screen.settle()
    screen.run("kill $!; wait $!; echo waited $?", "\\nwaited \\d+")
    if os.path.basename(command[0]) == "bash":
        screen.run("echo first")
        screen.run("!echo", "\\nfirst")
        screen.type("\020")  # Ctrl-P: the line before
        screen.expect("echo first")
        screen.type("\n")
        screen.expect("\\nfirst")
        screen.expect("shell> $")
        screen.run("history 3")
    screen.type("exit 7\n")
    screen.end()
    if termios.tcgetattr(screen.fd) != termios.tcgetattr(pty.openpty()[0]):
        print("the terminal's settings have changed")


signal.alarm(240)
main(sys.argv[1:])
