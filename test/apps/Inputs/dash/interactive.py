"""Drives a shell on a terminal as a user would, and prints what the user sees: interactive.py SHELL [ARGUMENT...]

Each step types something and waits for what must appear.
"""
import os
import pty
import signal
import sys
import termios

from terminal import Terminal


def main(command):
    screen = Terminal(command)
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


signal.alarm(900)
main(sys.argv[1:])
