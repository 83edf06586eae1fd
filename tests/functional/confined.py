"""Starts the appliance as the systemd unit confines it: without writable code in memory, and with fewer system calls.

`python tests/functional/confined.py [options of run.py]`. systemd's own confinement needs systemd to run; the kernel's
part of it, which could break a library, is the same here.
"""

import ctypes
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

NUMBERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
RUN = Path(__file__).resolve().parents[2] / "run.py"

SET_SECCOMP, SECCOMP_FILTER = 22, 2
SET_NO_NEW_PRIVILEGES = 38
SET_MEMORY_DENY_WRITE_EXECUTE, REFUSE_EXEC_GAIN = 65, 1
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE_WITH_EPERM = 0x7FFF0000, 0x00050001

libc = ctypes.CDLL(None, use_errno=True)


class Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def confine() -> None:
    allowed = calls_of("@system-service") - calls_of("@privileged") - calls_of("@resources")
    refused = sorted(number for name, number in numbers().items() if name not in allowed)
    steps = [struct.pack("HBBI", LOAD, 0, 0, 0)]  # the number of the call
    for number in refused:
        steps += [
            struct.pack("HBBI", JUMP_IF_EQUAL, 0, 1, number),
            struct.pack("HBBI", RETURN, 0, 0, REFUSE_WITH_EPERM),
        ]
    steps.append(struct.pack("HBBI", RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(steps))
    control(SET_NO_NEW_PRIVILEGES, 1)
    control(SET_MEMORY_DENY_WRITE_EXECUTE, REFUSE_EXEC_GAIN)
    control(SET_SECCOMP, SECCOMP_FILTER, ctypes.byref(Program(len(steps), ctypes.cast(code, ctypes.c_void_p))))


def numbers() -> dict[str, int]:
    found = re.findall(r"^#define __NR_(\w+)\s+(\d+)", NUMBERS.read_text(), re.MULTILINE)
    return {name: int(number) for name, number in found}


def calls_of(group: str) -> set[str]:
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    members = {line.strip() for line in listed[1:] if line.strip() and not line.strip().startswith("#")}
    groups = {member for member in members if member.startswith("@")}
    return (members - groups).union(*(calls_of(one) for one in groups))


def control(*arguments: object) -> None:
    if libc.prctl(*arguments, *[0] * (5 - len(arguments))) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {arguments[0]}")


if __name__ == "__main__":
    confine()
    os.execv(sys.executable, [sys.executable, str(RUN), *sys.argv[1:]])
