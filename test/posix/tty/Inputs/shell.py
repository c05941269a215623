"""Runs a command as a job-control shell does, on a new terminal, and drives it: it must announce itself ("ready"), be stopped by Ctrl-Z, go on,
hear of a new window size and end by Ctrl-C. While it does not run, the terminal must have the shell's settings."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios


def fail(why):
    print("failed: " + why)
    sys.stdout.flush()
    os._exit(1)


def echoes(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


def expect(master, word):
    seen = b""
    while word not in seen:
        if not select.select([master], [], [], 30)[0]:
            fail("no %r, but %r" % (word, seen))
        seen += os.read(master, 4096)


def shell(master, command):
    """The leader of the session: starts the job and follows it."""
    job = os.fork()
    if job == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpgrp())
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN):
            signal.signal(number, signal.SIG_DFL)
        os.execvp(command[0], command)
    expect(master, b"ready")
    if echoes(0):
        fail("the program could not set the terminal")
    os.write(master, b"\032")
    status = os.waitpid(job, os.WUNTRACED)[1]
    if not os.WIFSTOPPED(status):
        fail("not stopped, but %x" % status)
    os.tcsetpgrp(0, os.getpgrp())
    if not echoes(0):
        fail("stopped with the program's settings")
    os.tcsetpgrp(0, job)
    os.kill(-job, signal.SIGCONT)
    os.write(master, b"typed\n")
    expect(master, b"size")
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
    expect(master, b"interrupt")
    os.write(master, b"\003")
    status = os.waitpid(job, 0)[1]
    if os.waitstatus_to_exitcode(status) != 128 + signal.SIGINT:
        fail("ended with %x" % status)
    os.tcsetpgrp(0, os.getpgrp())
    if not echoes(0):
        fail("ended with the program's settings")


master, slave = pty.openpty()
leader = os.fork()
if leader == 0:
    report = os.dup(1)
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    sys.stdout = os.fdopen(report, "w")
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.alarm(100)
    shell(master, sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(leader, 0)[1]))
