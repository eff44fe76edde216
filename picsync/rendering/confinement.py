"""Limits what a worker process can do, since a picture may take control of its decoder. Linux, best effort.

Memory, processor time and core dumps have limits. A filter of system calls refuses to open sockets and to
start programs, and Landlock refuses to open files other than those of Python and its libraries: neither the
credentials nor the cache can be read. Both need no privileges, and containers allow them. Where a system
lacks one of these, the others hold.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 1, 4, 38, 22
_SECCOMP_MODE_FILTER = 2
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERRNO, _EPERM = 0x7FFF0000, 0x00050000, 1
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_X32 = 0x40000000

_SYSTEM_CALLS = {
    # socket, connect, bind, listen, accept, accept4, execve, execveat, ptrace, process_vm_readv,
    # process_vm_writev, io_uring_setup
    "x86_64": (0xC000003E, (41, 42, 49, 50, 43, 288, 59, 322, 101, 310, 311, 425)),
    "aarch64": (0xC00000B7, (198, 203, 200, 201, 202, 242, 221, 281, 117, 270, 271, 425)),
}
"""Architecture and numbers of the calls that are refused, by machine."""


_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
"""Numbers of the calls, equal on all machines."""
_BENEATH = 1
_READ_FILE, _READ_FOLDER = 1 << 2, 1 << 3
_EVERY_ACCESS = (1 << 13) - 1
"""All that the first version of Landlock knows: reading, writing, running, creating, removing."""
_LIBRARIES = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache")


def end_with(parent: int) -> None:
    """Have the kernel end this process when the process `parent`, which started it, ends."""
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def confine(memory_bytes: int) -> None:
    """Apply the limits that hold as long as the process lives."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, memory_bytes)
    if sys.platform != "linux":
        return
    # Should memory run out all the same, it is the worker that the kernel ends, not the service.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - before pathlib
        file.write("1000")
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _refuse_files()
    _refuse_system_calls()


def limit_time(cpu_s: int, wall_s: float) -> None:
    """Have the kernel end this process by SIGXCPU or SIGALRM if what follows takes longer; 0 for no limit."""
    signal.setitimer(signal.ITIMER_REAL, wall_s)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(used.ru_utime + used.ru_stime) + 1 + cpu_s if cpu_s else hard
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _limit(what: int, value: int) -> None:
    with suppress(ValueError, OSError):
        resource.setrlimit(what, (value, value))


def _prctl(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _refuse_files() -> None:
    """Refuse to open files, except for reading those of Python, of picsync and of libraries."""
    call = ctypes.CDLL(None).syscall
    handled = struct.pack("@Q", _EVERY_ACCESS & ~_READ_FOLDER)
    rules = call(_LANDLOCK_CREATE, handled, ctypes.c_size_t(len(handled)), 0)
    if rules < 0:
        return
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - before pathlib
    packages = [place for place in sys.path if place.endswith("-packages")]
    for place in {sys.prefix, sys.base_prefix, package, *packages, *_LIBRARIES}:
        with suppress(OSError):
            folder = os.open(place, os.O_PATH | os.O_CLOEXEC)
            call(_LANDLOCK_ADD, rules, _BENEATH, struct.pack("=Qi", _READ_FILE, folder), 0)
            os.close(folder)
    call(_LANDLOCK_RESTRICT, rules, 0)
    os.close(rules)


def _refuse_system_calls() -> None:
    known = _SYSTEM_CALLS.get(platform.machine())
    if known is None:
        return
    architecture, numbers = known
    refused = [*numbers]
    steps = [
        _step(_LOAD, 0, 0, _ARCHITECTURE_AT),
        _step(_JUMP_EQUAL, 1, 0, architecture),
        _step(_RETURN, 0, 0, _ERRNO | _EPERM),
        _step(_LOAD, 0, 0, _NUMBER_AT),
        # Numbers of another calling convention on the same machine.
        _step(_JUMP_GREATER_EQUAL, len(refused) + 1, 0, _X32),
        *(_step(_JUMP_EQUAL, len(refused) - place, 0, number) for place, number in enumerate(refused)),
        _step(_RETURN, 0, 0, _ALLOW),
        _step(_RETURN, 0, 0, _ERRNO | _EPERM),
    ]
    code = ctypes.create_string_buffer(b"".join(steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, program, 0, 0)


def _step(code: int, if_true: int, if_false: int, value: int) -> bytes:
    return struct.pack("@HBBI", code, if_true, if_false, value)
