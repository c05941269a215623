"""A user works with GNU screen, and this says what he sees: session.py

The shell, the screens and what runs in them are one lind-run when caged: each command talks to the session's server by its socket, and passes it the terminal.
"""
import os

from terminal import Terminal, resize

PROMPT = r"shell> $"


def does(user, what, line, pattern):
    """Types a line, waits for the pattern, and says what was seen by that."""
    user.type(line)
    user.expect(pattern, show=False)
    print(what)


def main():
    os.environ.update({"SHELL": os.path.abspath("sh"), "SCREENDIR": os.path.abspath("sessions"), "SYSSCREENRC": "/dev/null"})
    os.makedirs("sessions", 0o700)
    user = Terminal(["./sh"], "vt100")
    user.expect(PROMPT, show=False)
    does(user, "there is no session", "./screen -ls\n", r"No Sockets found")
    user.expect(PROMPT, show=False)
    does(user, "a session, and a shell in it", "./screen -S one\n", r"\x1b\[H\x1b\[J[^\0]*shell> $")
    does(user, "it runs what is typed, in window 0", "echo is-$((40+2))-$WINDOW\n", r"is-42-0")
    does(user, "its terminal has the size of the user's", "./facts\n", r"size 24x80")
    does(user, "a second window", "\001c", r"shell> $")
    does(user, "it is window 1", "echo is-$((40+2))-$WINDOW\n", r"is-42-1")
    does(user, "back to the first, as it was", "\0010", r"size 24x80")
    does(user, "detached", "\001d", r"\[detached from \d+\.one\]")
    user.expect(PROMPT, show=False)
    does(user, "it is listed", "./screen -ls\n", r"\d+\.one\s+\(Detached\)")
    user.expect(PROMPT, show=False)
    does(user, "it takes commands", "./screen -S one -p 0 -X stuff \"echo typed >stuffed$(printf '\\r')\"\n", PROMPT)
    does(user, "and carries them out", "until [ -s stuffed ]; do sleep 0.1; done; cat stuffed\n", r"\ntyped")
    user.expect(PROMPT, show=False)
    resize(user.fd, (30, 100))
    does(user, "attached again, with what was there", "./screen -r one\n", r"size 24x80")
    user.settle()
    does(user, "the size has changed", "./facts\n", r"size 30x100")
    does(user, "Ctrl-C ends a program in it", "cat\n", r"cat")
    user.settle()
    does(user, "and not the screen", "\003", r"shell> $")
    user.type("\001d")
    user.expect(r"detached", show=False)
    user.expect(PROMPT, show=False)
    does(user, "a copy of what it shows", "./screen -S one -p 0 -X hardcopy copy; until [ -s copy ]; do sleep 0.1; done; grep -c 'size 30x100' copy\n", r"\n1")
    user.expect(PROMPT, show=False)
    # A session may be listed late when it starts, and too long when it ends.
    does(user, "a second session beside it", "./screen -d -m -S two; until ./screen -ls | grep -q '2 S'; do sleep 0.1; done; ./screen -ls\n",
         r"2 Sockets in")
    user.expect(PROMPT, show=False)
    does(user, "both end when told", "./screen -S one -X quit; ./screen -S two -X quit; while ./screen -ls | grep -q Detached; do sleep 0.1; done;"
         " ./screen -ls\n", r"No Sockets found")
    user.expect(PROMPT, show=False)
    user.type("exit\n")
    user.end()


main()
