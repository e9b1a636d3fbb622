"""The native head of a built plugin: its bytes are those of the assembly beside it."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from temps_plugin._build_elf import OPTIONS, code_of, elf_head, machines
from temps_plugin._build_errors import BuildError


@pytest.mark.parametrize("machine", machines())
def test_the_machine_code_is_what_its_source_says(machine: str, tmp_path: Path) -> None:
    assembler = shutil.which("llvm-mc")
    if assembler is None:
        pytest.skip("llvm-mc is not installed")
    source = Path(__file__).parents[1] / "launcher" / f"{machine}.s"
    target = tmp_path / "code.o"
    triple = f"-triple={machine}-linux-gnu"
    subprocess.run([assembler, triple, "-filetype=obj", source, "-o", target], check=True)
    assert section(target.read_bytes(), b".text") == code_of(machine)
    assert b"/proc/self/fd/" + OPTIONS.encode() + b"\0" in code_of(machine)


def section(elf: bytes, wanted: bytes) -> bytes:
    """The content of one section of a 64-bit ELF file."""
    (table,) = struct.unpack_from("<Q", elf, 40)
    size, count, names_at = struct.unpack_from("<HHH", elf, 58)
    headers = [struct.unpack_from("<IIQQQQ", elf, table + size * i) for i in range(count)]
    names = headers[names_at][4]
    for name, _, _, _, offset, length in headers:
        if elf[names + name :].split(b"\0", 1)[0] == wanted:
            return elf[offset : offset + length]
    raise AssertionError(f"no section {wanted!r}")


def test_a_path_that_no_program_can_have_is_refused() -> None:
    with pytest.raises(BuildError, match="NUL"):
        elf_head("x86_64", "/a\0b")
