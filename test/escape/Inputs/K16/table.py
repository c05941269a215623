"""Writes the rows of typed.c from the table of calls: table.py ROOT > calls.h."""
import os
import sys

sys.path.insert(0, os.path.join(sys.argv[1], "tools"))
import calls_table  # noqa: E402

# Calls that end the caller, begin tasks (typed.c makes them its own way), stop the machine's disks, or wait for nobody.
SKIPPED = {"exit", "exit_group", "fork", "vfork", "clone", "clone3", "execve", "execveat", "sync", "syncfs", "rt_sigreturn", "pause",
           "rt_sigsuspend", "settimeofday", "clock_settime", "adjtimex", "clock_adjtime"}
KINDS = {"fd": "FD", "dirfd": "DIRFD", "size": "SIZE", "pid": "PID", "signal": "SIGNAL", "mode": "MODE", "uid": "ID", "gid": "ID"}
TYPES = {"iovec": "IOVEC", "msghdr": "MSGHDR", "pollfd": "POLLFD", "timespec": "TIME", "timeval": "TIME", "itimerval": "TIME",
         "itimerspec": "TIME", "epoll_event": "EVENT", "sigaction": "ACTION"}


def kind_of(call, argument):
    if argument.direction in ("path", "string"):
        return "PATH"
    if argument.direction in ("in", "inout", "out", "address"):
        if argument.name == "address" and call.name in ("bind", "connect", "sendto"):
            return "NAME"
        if argument.name == "argument" and call.name == "ioctl":
            return "MEMORY"
        return TYPES.get(argument.type, "PLACE" if argument.direction == "address" else "MEMORY")
    return KINDS.get(argument.kind, "FLAGS" if argument.kind.startswith(("flags", "command")) else "NUMBER")


for call in calls_table.read():
    if call.supported and call.name not in SKIPPED:
        kinds = ", ".join(kind_of(call, argument) for argument in call.arguments)
        print(f"{{{call.number}, {len(call.arguments)}, {{{kinds}}}}},")
