"""The head of a built plugin on Linux: a program of some four hundred bytes that starts Python.

A host that verifies checksums runs the file through the descriptor it has opened, and closes that
on exec. The kernel then starts the interpreter of a ``#!`` line with a name that is gone. A real
executable has no such trouble: this one opens itself by ``/proc/self/exe``, leaves the descriptor
open, and becomes

    <interpreter> -ISXutf8 /proc/self/fd/<number> <the arguments it was given>

in the same process. It costs one system call more than ``#!`` does.

The machine code is assembled from ``sdk-python/launcher/*.s``; a test assembles those again and
compares. After the code come two 32-bit numbers (where the message begins, counted from the first
of them, and its length), the interpreter's path with a NUL, and the message for standard error.
"""

from __future__ import annotations

import struct

from ._build_errors import BuildError

# -I: nothing of the environment, the user's packages or the working directory gets in.
# -S: neither do packages of the interpreter, so what is not in the file fails at its first start.
# -X utf8: an empty environment means the locale "C"; text files are UTF-8 all the same.
OPTIONS = "-ISXutf8"

_ADDRESS = 0x400000
_HEADERS = 64 + 2 * 56
_LOAD, _STACK = 1, 0x6474E551
_READ, _WRITE, _EXECUTE = 4, 2, 1
# The largest page size of a supported machine.
_PAGE = 0x10000

# By the machine's name as `uname` gives it: the number ELF knows it by, and the code.
_MACHINES = {
    "x86_64": (
        62,
        "4c8b24244c8d6c24084e8d74e4104d85e4746eb802000000488d3d8900000031f60f0585c0785a4883ec"
        "40488d7c2428c60700b90a00000031d2f7f180c23048ffcf881785c075f04883ef0e49897d00488d3560"
        "000000b90e000000f3a4488d0560000000498945f8488d3d68000000498d75f048893e4c89f2b83b0000"
        "000f05488d05480000008b308b50044801c6bf02000000b8010000000f05bf7f000000b83c0000000f05"
        "2f70726f632f73656c662f657865002f70726f632f73656c662f66642f2d49535875746638006690",
    ),
    "aarch64": (
        183,
        "f30340f9f4230091950e138bb5220091130400b4600c809201050010020080d2080780d2010000d44003"
        "f837ff0301d1e4a300919f000039450180520608c51ac780051be7c0001187fc1f38e003062a60ffff35"
        "81030070c20180d2420400d12368623883fc1f38a2ffffb5840200f92003003080821ff8800300108002"
        "1ff8814200d1e20315aaa81b80d2010000d481020010220440b9200040b92100008b400080d2080880d2"
        "010000d4e00f80d2a80b80d2010000d42f70726f632f73656c662f657865002f70726f632f73656c662f"
        "66642f2d49535875746638000000",
    ),
}


def machines() -> tuple[str, ...]:
    """The machines (names as ``uname -m`` gives them) for which there is a head."""
    return tuple(_MACHINES)


def code_of(machine: str) -> bytes:
    """The machine code for ``machine``, as the assembler made it."""
    return bytes.fromhex(_MACHINES[machine][1])


def elf_head(machine: str, interpreter: str) -> bytes:
    """A complete executable that runs whatever is appended to it with ``interpreter``.

    ``interpreter`` is an absolute path. Raises `BuildError` for one that holds a NUL.
    """
    path = interpreter.encode()
    if b"\0" in path:
        raise BuildError(f"the interpreter's path {interpreter!r} holds a NUL character")
    reason = "this plugin was built for this Python, which cannot be started"
    message = f"{interpreter}: {reason}\n".encode()
    tail = struct.pack("<II", 8 + len(path) + 1, len(message)) + path + b"\0" + message
    body = code_of(machine) + tail
    size = _HEADERS + len(body)
    return _elf_header(_MACHINES[machine][0]) + _segments(size) + body


def _elf_header(machine: int) -> bytes:
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    executable, version, no_sections = 2, 1, 0
    return ident + struct.pack(
        "<HHIQQQIHHHHHH",
        executable,
        machine,
        version,
        _ADDRESS + _HEADERS,
        64,
        no_sections,
        0,
        64,
        56,
        2,
        64,
        0,
        0,
    )


def _segments(size: int) -> bytes:
    code = struct.pack(
        "<IIQQQQQQ", _LOAD, _READ | _EXECUTE, 0, _ADDRESS, _ADDRESS, size, size, _PAGE
    )
    # Says that the stack holds no code: old kernels otherwise make all readable memory executable.
    stack = struct.pack("<IIQQQQQQ", _STACK, _READ | _WRITE, 0, 0, 0, 0, 0, 16)
    return code + stack
