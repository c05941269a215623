"""The shell and the tools it starts. Their suites' drivers run in the host's shell; each program under test runs in a lind-run of its own
(./program starts lind-run by itself), which shows it its source tree and, as /bin and /usr/bin, busybox and ed (guest_tools.py).

"known": tests that pass natively and fail caged, each with the reason. They are counted and printed, and a known test that passes is an error.
"""
# Suites that run a program under valgrind where there is one: there is none, natively and caged.
NO_VALGRIND = "mkdir -p lind-path && printf '#!/bin/sh\\nexit 1\\n' >lind-path/valgrind && chmod +x lind-path/valgrind"


def recipes(automake, jobs):
    def gnu(package, directory, binary, known=None, flags="", before="true"):
        return {
            "package": package,
            "steps": [
                {"run": "FORCE_UNSAFE_CONFIGURE=1 ./configure -q --disable-nls CFLAGS=-O2 " + flags, "seconds": 900},
                {"run": "make -s %s MAKEINFO=true" % jobs, "seconds": 900},
                {"run": NO_VALGRIND + " && " + before},
                {"run": "PATH=$PWD/lind-path:$PATH make -s check MAKEINFO=true -C " + directory, "test": "make check", "split": automake,
                 "seconds": 1800},
            ],
            "tools": True,
            "binaries": [binary],
            "known": {"make check " + name: reason for name, reason in (known or {}).items()},
        }

    return {
        "dash": {
            "package": "dash",
            "inputs": "dash terminal",
            "steps": [
                {"run": "./configure -q CFLAGS=-O2 && make -s %s" % jobs, "seconds": 300},
                {"run": "src/dash lind-inputs/expand.sh", "test": "expand.sh"},
                {"run": "src/dash lind-inputs/processes.sh", "test": "processes.sh"},
                {"run": "echo 'echo $0 $#' | src/dash -s a b", "test": "standard input"},
                {"run": "src/dash -c 'echo $('", "test": "syntax error"},
                # Of a signal the host's shell has a word to say; lind-run's exit status is the same, but no signal's.
                {"run": "{ src/dash -c 'echo before; kill -TERM $$; echo behind'; } 2>lind-said", "test": "ends by a signal"},
                {"run": "python3 lind-inputs/interactive.py src/dash", "test": "interactive"},
            ],
            "binaries": ["src/dash"],
        },
        # bash's configure takes its own strtoimax when the libc has one, which then is there twice; its termcap uses write undeclared.
        "bash": {
            "package": "bash",
            "inputs": "dash terminal",
            "steps": [
                {"run": "bash_cv_func_strtoimax=no ./configure -q --without-bash-malloc --disable-nls"
                        " CFLAGS='-O2 -w -Wno-implicit-function-declaration'", "seconds": 1200},
                {"run": "make -s %s" % jobs, "seconds": 1800},
                {"run": "./bash lind-inputs/expand.sh", "test": "expand.sh"},
                {"run": "python3 lind-inputs/interactive.py ./bash --norc --noprofile", "test": "interactive"},
                {"run": "$CC -O2 -o nothing lind-inputs/nothing.c && ./bash lind-inputs/loop.sh 100 ./nothing", "test": "loop.sh"},
            ],
            "binaries": ["bash"],
            "bench": {
                "bash loop": {"part": "shell", "binary": "bash", "arguments": ["@TREE@/lind-inputs/loop.sh", "10000", "@TREE@/nothing"]},
            },
        },
        "gzip": gnu("gzip", "tests", "gzip"),
        # Its tests with a time limit are skipped unless timeout stops a sleep of 0.02 s after 0.01 s: on a busy machine chance, natively, too.
        "grep": gnu("grep", "tests", "src/grep", before="sed -i 's/timeout 0.01 sleep 0.02/timeout 0.01 sleep 10/' tests/init.cfg"
                                                        " && grep -q 'sleep 10' tests/init.cfg"),
        "patch": gnu("patch", "tests", "src/patch"),
        "sed": gnu("sed", ".", "sed/sed"),
    }
