#!/usr/bin/env python3
"""Writes the table of test/posix/bad-arguments/pointers.c from microvisor/calls.def: for each call with pointer arguments, what a sensible
call looks like. generate.py ROOT > table.h"""
import os
import sys

sys.path.insert(0, os.path.join(sys.argv[1], "tools"))
import calls_table  # noqa: E402

# Calls that do not come back, or not soon, whatever their pointers are; wait has no child here (test/posix/proc/wait.c).
SKIPPED = {"exit", "exit_group", "rt_sigreturn", "execve", "execveat", "clone", "clone3", "vfork", "fork", "wait4", "waitid"}
# Calls that would wait when all is well: only with bad pointers.
WAITING = {"rt_sigsuspend", "rt_sigtimedwait", "accept", "accept4", "recvfrom", "recvmsg", "recvmmsg"}

# Scalars of a sensible call, by kind, and by call and argument where that does not do.
KINDS = {"fd": "FILE_FD", "dirfd": "AT_FDCWD", "mode": "0600", "size": "64", "clock": "1", "uid": "getuid()", "gid": "getgid()"}
SCALARS = {
    ("rt_sigaction", "signal"): "10", ("rt_sigaction", "size"): "8", ("rt_sigprocmask", "size"): "8",
    ("rt_sigpending", "size"): "8", ("rt_sigtimedwait", "size"): "8", ("rt_sigsuspend", "size"): "8",
    ("setrlimit", "resource"): "4", ("prlimit64", "resource"): "4", ("getdents", "fd"): "DIRECTORY_FD",
    ("getdents64", "fd"): "DIRECTORY_FD", ("getdents64", "size"): "4096", ("getdents", "size"): "4096", ("getcwd", "size"): "4096",
    ("select", "count"): "8", ("pselect6", "count"): "8", ("getgroups", "count"): "64", ("setgroups", "count"): "2",
    ("poll", "count"): "2", ("ppoll", "count"): "2", ("ppoll", "mask_size"): "8", ("epoll_ctl", "set"): "EPOLL_FD",
    ("epoll_ctl", "operation"): "1", ("epoll_ctl", "fd"): "PIPE_FD", ("epoll_wait", "set"): "EPOLL_FD",
    ("epoll_pwait", "set"): "EPOLL_FD", ("epoll_pwait", "mask_size"): "8", ("epoll_pwait2", "set"): "EPOLL_FD",
    ("epoll_pwait2", "mask_size"): "8", ("epoll_wait", "count"): "2", ("epoll_pwait", "count"): "2", ("epoll_pwait2", "count"): "2",
    ("sendfile", "out"): "FILE_FD", ("readlink", "size"): "64", ("sched_setaffinity", "size"): "8",
    ("sched_getaffinity", "size"): "128", ("statx", "mask"): "0x7ff", ("openat2", "size"): "24",
    ("timer_settime", "timer"): "TIMER", ("timer_gettime", "timer"): "TIMER", ("preadv", "count"): "2",
    ("rt_sigqueueinfo", "pid"): "getpid()", ("readv", "count"): "2", ("writev", "count"): "2", ("pwritev", "count"): "2",
    ("preadv2", "count"): "2", ("pwritev2", "count"): "2", ("vmsplice", "fd"): "PIPE_FD + 1", ("access", "mode"): "4", ("faccessat", "mode"): "4",
    ("faccessat2", "mode"): "4", ("vmsplice", "count"): "2",
}
SOCKETS = {"connect", "accept", "accept4", "sendto", "recvfrom", "sendmsg", "recvmsg", "bind", "getsockname", "getpeername", "setsockopt",
           "getsockopt", "sendmmsg", "recvmmsg"}
SCALARS |= {(name, "fd"): "SOCKET_FD" for name in SOCKETS}
SCALARS |= {(name, "length"): "16" for name in ("connect", "bind", "sendto", "setsockopt")}
SCALARS |= {("setsockopt", "level"): "1", ("setsockopt", "option"): "7", ("getsockopt", "level"): "1", ("getsockopt", "option"): "3",
            ("socketpair", "domain"): "1", ("socketpair", "type"): "1"}
# Pointers that a good call does not follow, or not to their end.
LOOSE = {
    ("getcpu", "cpu"), ("times", "times"), ("select", "except"), ("symlink", "target"), ("symlinkat", "target"),
    ("getgroups", "groups"), ("mincore", "vector"), ("epoll_wait", "events"), ("epoll_pwait", "events"), ("epoll_pwait2", "events"),
    ("nanosleep", "remaining"), ("clock_nanosleep", "remaining"), ("rt_sigtimedwait", "info"), ("listxattr", "names"),
    ("llistxattr", "names"), ("flistxattr", "names"), ("recvfrom", "length"),
}
# What paths name; a file that is there otherwise.
PATHS = {
    "mkdir": "fresh", "mkdirat": "fresh", "mknod": "fresh", "mknodat": "fresh", "chdir": "directory", "rmdir": "directory",
    "chroot": "directory", "readlink": "link", "readlinkat": "link", "getxattr": "file",
}
NEW_PATHS = {"rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat"}


def size_of(call, argument):
    """(bytes of one, index of the count's argument or -1, fixed count)"""
    unit = calls_table.SIZES[argument.type] if argument.type else 1
    if argument.type == "fd_set":
        unit = 8  # as much as the descriptors in question take
    count = argument.count
    if not count:
        return unit, -1, 1
    names = [other.name for other in call.arguments]
    for operator in "*/":
        if operator in count:
            left, right = count.split(operator)
            unit = unit * int(right) if operator == "*" else unit
            count = left
    if count.isdigit():
        return unit, -1, int(count)
    return unit, names.index(count), 1


def main():
    for call in calls_table.read():
        pointers = [a for a in call.arguments if a.direction in ("in", "out", "inout", "path", "string")]
        if not call.supported or not pointers or call.name in SKIPPED:
            continue
        rows, paths = [], 0
        for argument in call.arguments:
            kind, value, unit, count_of, count, text = "SCALAR", "0", 0, -1, 0, "0"
            if argument.direction in ("path", "string"):
                kind = "PATH"
                text = PATHS.get(call.name, "file")
                if call.name in NEW_PATHS and (paths or call.name.startswith("symlink")):
                    text = "fresh"
                paths += 1
                text = f'"{text}"'
            elif argument.direction in ("in", "out", "inout"):
                kind = argument.direction.upper()
                unit, count_of, count = size_of(call, argument)
            else:
                value = SCALARS.get((call.name, argument.name), KINDS.get(argument.kind, "0"))
                if argument.name == "count" and value in ("0", "64"):
                    value = "2"
            loose = (call.name, argument.name) in LOOSE
            rows.append(f'{{"{argument.name}", {kind}, {value}, {unit}, {count_of}, {count}, {int(argument.optional)}, '
                        f"{int(loose)}, {int(argument.type == 'iovec')}, {text}}}")
        print(f'{{{call.number}, "{call.name}", {int(call.name in WAITING)}, {len(rows)}, {{{", ".join(rows)}}}}},')


main()
