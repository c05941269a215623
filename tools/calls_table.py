"""Reads microvisor/calls.def, the one table of calls (its format is described at its top). Used by calls-doc.py and by the generator of
the bad-argument tests, so that what stands in the table is written once."""
import dataclasses
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TABLE = os.path.join(ROOT, "microvisor", "calls.def")

# Bytes of the structures that arguments point to (x86-64).
SIZES = {
    "int": 4, "uint": 4, "uid_t": 4, "gid_t": 4, "fd": 4, "time_t": 8, "int64": 8, "uint64": 8, "uint64_t": 8, "timespec": 16, "timeval": 16, "timezone": 8, "sigset": 8,
    "sigaction": 32, "siginfo": 128, "stack": 24, "sigevent": 64, "iovec": 16, "pollfd": 8, "fd_set": 128, "stat": 144, "statx": 256,
    "statfs": 120, "rlimit": 16, "rusage": 144, "sysinfo": 112, "tms": 32, "utsname": 390, "utimbuf": 16, "itimerval": 32,
    "itimerspec": 32, "timex": 208, "sched_param": 4, "epoll_event": 12, "cap_header": 8, "cap_data": 24, "address": 8, "offset": 8,
    "sigset_argument": 16, "msghdr": 56, "mmsghdr": 64, "sockaddr": 16, "open_how": 24, "clone_args": 88, "flock": 32, "termios": 36, "winsize": 8,
}

SCALARS = {"fd", "dirfd", "int", "uint", "size", "offset", "mode", "pid", "uid", "gid", "signal", "clock"}


@dataclasses.dataclass
class Argument:
    name: str
    kind: str            # the table's words, without the name
    direction: str = ""  # "in", "out", "inout" for memory, "path" or "string" for strings, "address" for plain addresses
    type: str = ""       # the structure's name
    count: str = ""      # expression over other arguments: of structures, or bytes for buffers
    optional: bool = False


@dataclasses.dataclass
class Call:
    number: int
    name: str
    temperature: str = ""
    family: str = ""
    arguments: list = dataclasses.field(default_factory=list)
    reason: str = ""     # why it is not supported

    @property
    def supported(self):
        return not self.reason


class TableError(Exception):
    pass


def parse_argument(text, where):
    name, _, kind = text.partition(":")
    argument = Argument(name, kind)
    if not re.fullmatch(r"[a-z_0-9]+", name) or not kind:
        raise TableError(f"{where}: '{text}' is not name:kind")
    memory = re.fullmatch(r"(in|out|inout)(?::([a-z_0-9]+))?(?:\[([^\]]+)\])?(\??)", kind)
    if memory:
        argument.direction, argument.type, argument.count, optional = (part or "" for part in memory.groups())
        argument.optional = bool(optional)
        if not argument.type and not argument.count:
            raise TableError(f"{where}: '{text}' has neither type nor size")
        if argument.type and argument.type not in SIZES:
            raise TableError(f"{where}: unknown structure '{argument.type}' (tools/calls_table.py, SIZES)")
    elif kind.rstrip("?") in ("path", "string", "address"):
        argument.direction = kind.rstrip("?")
        argument.optional = kind.endswith("?")
    elif kind not in SCALARS and not re.fullmatch(r"(flags|command)\([A-Za-z_0-9]+\)", kind):
        raise TableError(f"{where}: unknown kind '{kind}'")
    return argument


def read(path=TABLE):
    """The calls in order of number."""
    result = []
    with open(path) as file:
        text = re.sub(r"/\*.*?\*/", lambda match: "\n" * match.group().count("\n"), file.read(), flags=re.S)
    for line_number, line in enumerate(text.split("\n"), 1):
        where = f"{os.path.relpath(path, ROOT)}:{line_number}"
        if not line.strip():
            continue
        match = re.fullmatch(r'CALL\((\d+), (\w+), (HOT|COLD), (\w+),\s*"([^"]*)"\)\s*', line)
        if match:
            number, name, temperature, family, arguments = match.groups()
            parsed = [parse_argument(word, f"{where} ({name})") for word in arguments.split()]
            if len(parsed) > 6:
                raise TableError(f"{where}: {name} has more than six arguments")
            result.append(Call(int(number), name, temperature, family, parsed))
            continue
        match = re.fullmatch(r'NOCALL\((\d+), (\w+), "([^"]+)"\)\s*', line)
        if not match:
            raise TableError(f"{where}: neither CALL nor NOCALL: {line.strip()}")
        result.append(Call(int(match[1]), match[2], reason=match[3]))
    numbers = [call.number for call in result]
    if numbers != sorted(set(numbers)):
        raise TableError(f"{os.path.relpath(path, ROOT)}: numbers are not in order, or twice")
    return result
