"""A user works in a shell that script records, and prints what the user sees: session.py SHELL

The shell's job control has to work on script's inner terminal, the size of the outer one has to reach it, and both have to be as before at the end.
Writes the logs `out`, `in` and `timing`.
"""
import os
import signal
import sys
import termios

from terminal import Terminal, resize


def stop(user, inside):
    """Stops the shell with SIGSTOP: script stops too, and both go on together."""
    user.type(inside + "\n")
    stopped = os.waitpid(user.pid, os.WUNTRACED)[1]
    print("\n[stops: %s, signal %d]" % (os.WIFSTOPPED(stopped), os.WSTOPSIG(stopped)))
    os.kill(user.pid, signal.SIGCONT)


def main(shell):
    os.environ["SHELL"] = shell
    user = Terminal(["./script", "-e", "-T", "timing", "-I", "in", "-O", "out"])
    before = termios.tcgetattr(user.fd)
    user.expect("shell> $")
    user.run("./facts", "size 24x80.*")
    # The size, now and while a program in the foreground waits for it to change
    resize(user.fd, (30, 100))
    user.settle()
    user.run("./facts", "size 30x100.*")
    user.run("trap 'echo changed' WINCH")
    user.type("read line; echo status $?\n")
    user.settle()
    resize(user.fd, (40, 132))
    user.expect("changed")
    user.expect("shell> $")
    user.run("trap - WINCH; ./facts", "size 40x132.*")
    # Job control
    user.run("./facts | cat", "size .*")
    user.type("while :; do :; done\n")
    user.settle()
    user.type("\003")
    user.expect("shell> $")
    user.run("echo status $?")
    user.type("(read answer; echo answer $answer)\n")
    user.settle()
    user.type("\032")
    user.expect("shell> $")
    user.run("jobs", "(Stopped|Suspended)")
    user.type("fg\n")
    user.settle()
    user.type("forty\n")
    user.expect("answer forty")
    user.expect("shell> $")
    user.type("sleep 60\n")
    user.settle()
    user.type("\034")
    user.expect("Quit")
    user.expect("shell> $")
    stop(user, "kill -STOP $$")
    user.expect("shell> $")
    user.run("echo goes on")
    user.type("exit 7\n")
    user.end()
    print("the terminal is %s before" % ("as" if termios.tcgetattr(user.fd) == before else "not as"))

    # A signal to script ends the shell
    user = Terminal(["./script", "-q", "-e", "-O", "killed"])
    user.expect("shell> $")
    os.kill(user.pid, signal.SIGTERM)
    user.end()


signal.alarm(900)
main(sys.argv[1])
