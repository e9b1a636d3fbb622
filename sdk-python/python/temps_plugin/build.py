"""``python -m temps_plugin build plugin.py``: one executable file from a plugin and its packages.

The file holds the author's modules, the packages they need and a program that starts them. It runs
under an empty environment, from any directory, and needs on the target machine only the Python
interpreter whose path is written into it (and, with native modules, the same CPU and C library).

What is in it, from the front:

1. On Linux a small native program (`_build_elf`), elsewhere or with ``--script`` a ``#!`` line.
   Either starts the interpreter with this very file. A host that verifies checksums runs a
   descriptor and not a name, which a ``#!`` line does not survive and the native program does.
2. A zip archive with everything that has to be a real file: native modules, data, the UI.
3. A tiny zip archive with `_build_launcher` as ``__main__.py``. It unpacks number 2 once, into a
   private cache directory, and then runs the plugin in the same process.

Why not a ready-made tool. Spawn to first line of a plugin that imports asyncio and json, medians
of one run: plain script 56 ms; this 48 ms, less because `site` is left out; PEX with ``--venv``
145 ms, because it starts an interpreter twice; PEX as a zipapp 382 ms; PyInstaller's single file
264 ms, because it unpacks itself at every start. Neither form of PEX starts from a descriptor, its
cache is under HOME or lost when the process ends, and ``--venv`` changes the command line by which
a host recognises the process it has started.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import os
import platform
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from . import _build_launcher as launcher
from ._build_elf import OPTIONS, elf_head, machines
from ._build_errors import BuildError
from ._build_imports import scan
from ._build_packages import Packages, declared_requirements
from ._build_sources import Sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType

    Report = Callable[[str], None]

# Linux cuts a longer `#!` line off.
_LONGEST_SCRIPT_LINE = 127
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_NATIVE = re.compile(r"\.(so|dylib)(\.[0-9]+)*$")


class Built:
    """The result: where the file is and what it needs.

    ``size`` is in bytes; ``packages`` are names with versions; ``needs`` are sentences for people.
    """

    def __init__(self, path: Path, packages: list[str], needs: list[str]) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.packages = packages
        self.needs = needs


def build(
    plugin: Path,
    *,
    output: Path | None = None,
    include: Iterable[Path] = (),
    requirements: Iterable[str] = (),
    interpreter: str | None = None,
    script: bool = False,
    report: Report = lambda line: None,
) -> Built:
    """Build ``plugin``, a Python file, into one executable file.

    ``output`` is that file (default: the plugin's name without ``.py``, in the working directory).
    ``include`` are files and directories beside the plugin to take along. ``requirements`` are PEP
    508 texts, beside those of a ``pyproject.toml`` in the plugin's directory. ``interpreter`` is
    the absolute path of Python on the target machine. ``script`` makes a ``#!`` script of it.
    ``report`` gets a line for people now and then. Raises `BuildError`.
    """
    if not plugin.is_file():
        raise BuildError(f"there is no file {plugin}")
    plugin = Path(os.path.abspath(plugin))
    target = _output(plugin, output)
    python, machine = _interpreter(interpreter, report), _machine(script)
    head = _head(python, machine)
    found = scan(plugin)
    sources = Sources(plugin)
    sources.add_modules(found)
    sources.add_ui(found)
    sources.add_included(include)
    packages = Packages()
    project = plugin.parent / "pyproject.toml"
    for text in declared_requirements(project):
        packages.add_requirement(text, project.name)
    for text in requirements:
        packages.add_requirement(text, "--requirement")
    added = packages.add_imports(found.imports)
    packages.check()
    if added:
        report(f"added because they are imported: {', '.join(added)}")
    if sources.left_out():
        report(f"left out (see --include): {', '.join(f'{d}/' for d in sources.left_out())}")
    files = {f"{launcher.APP}/{name}": file for name, file in sources.files.items()}
    for name, file in packages.files():
        files.setdefault(f"{launcher.PACKAGES}/{name}", file)
    native = _write(target, head, files, plugin, report)
    return Built(target, packages.names, _needs(python, machine, native))


def _output(plugin: Path, output: Path | None) -> Path:
    target = Path(os.path.abspath(output or plugin.stem))
    if target.is_dir():
        raise BuildError(f"{target} is a directory; name the file to write with -o")
    if target.exists() and target.samefile(plugin):
        raise BuildError(f"{target} is the plugin itself; name another file with -o")
    if not target.parent.is_dir():
        raise BuildError(f"there is no directory {target.parent} to write {target.name} to")
    return target


def _interpreter(given: str | None, report: Report) -> str:
    if given is None:
        # In a virtual environment the interpreter it was made from, which outlives it.
        return os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
    if not os.path.isabs(given):
        raise BuildError(f"--python {given}: the path has to be absolute")
    if not os.path.exists(given):
        report(f"{given} is not on this machine: it has to be {launcher.python_name()} there")
        return given
    code = "import sys; print(sys.implementation.cache_tag + sys.abiflags)"
    try:
        answer = subprocess.run([given, "-ISc", code], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"--python {given} does not run: {error}") from error
    tag = answer.stdout.strip()
    if tag != launcher.python_tag():
        other = f"is {tag!r}" if tag else "is no Python"
        raise BuildError(
            f"--python {given} {other}, but packages are taken from {sys.executable}, which is "
            f"{launcher.python_tag()!r}: run the build with the Python of the target machine"
        )
    return given


def _machine(script: bool) -> str | None:
    """The machine to make a native program for, or None for a ``#!`` script."""
    machine = platform.machine()
    fits = sys.platform == "linux" and machine in machines()
    return machine if fits and not script else None


def _head(python: str, machine: str | None) -> bytes:
    if machine is not None:
        return elf_head(machine, python)
    line = f"#!{python} {OPTIONS}\n".encode()
    if len(line) > _LONGEST_SCRIPT_LINE or b" " in python.encode():
        raise BuildError(
            f"the interpreter's path {python} has a blank or is too long for the first line of a "
            "script; name another path to it with --python"
        )
    return line


def _write(target: Path, head: bytes, files: dict[str, Path], plugin: Path, report: Report) -> bool:
    """Write the file, whole or not at all; returns whether there are native modules in it."""
    payload, digest = _payload(files, report)
    native = any(_NATIVE.search(name) for name in files)
    facts: launcher.Build = {
        "name": re.sub(r"[^A-Za-z0-9_.-]", "_", plugin.stem),
        "id": digest,
        "python": launcher.python_tag(),
        "python_name": launcher.python_name(),
        "entry": plugin.name,
        "payload_at": len(head),
        "payload_size": len(payload),
        "native": native,
        "pth": any(re.fullmatch(rf"{launcher.PACKAGES}/[^/]+\.pth", name) for name in files),
    }
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(head)
            file.write(payload)
            _write_launcher(file, facts)
        partial.chmod(0o755)
        partial.replace(target)
    except OSError as error:
        raise BuildError(f"cannot write {target}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    return native


def _payload(files: dict[str, Path], report: Report) -> tuple[bytes, str]:
    """The inner archive, and a hash over names and contents of what is in it."""
    digest = hashlib.sha256(launcher.python_tag().encode())
    buffer = io.BytesIO()
    next_report = time.monotonic() + 2
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for done, (name, file) in enumerate(sorted(files.items())):
            if time.monotonic() > next_report:
                report(f"packing: {done} of {len(files)} files")
                next_report += 2
            content = file.read_bytes()
            executable = bool(file.stat().st_mode & 0o111)
            digest.update(f"\0{name}\0{executable:d}\0{len(content)}\0".encode() + content)
            _add(packed, name, content, executable)
            if name.endswith(".py"):
                _add_compiled(packed, name, file, content)
    return buffer.getvalue(), digest.hexdigest()[:20]


def _add(packed: zipfile.ZipFile, name: str, content: bytes, executable: bool = False) -> None:
    entry = zipfile.ZipInfo(name, _ZIP_TIME)
    entry.compress_type = packed.compression
    entry.external_attr = (0o700 if executable else 0o600) << 16
    packed.writestr(entry, content)


def _add_compiled(packed: zipfile.ZipFile, name: str, file: Path, content: bytes) -> None:
    code = _code_of(file, content)
    if code is not None:
        # Says that nobody need compare it with its source: the two never change.
        header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")
        compiled = header + importlib.util.source_hash(content) + code
        _add(packed, importlib.util.cache_from_source(name), compiled)


def _code_of(file: Path, content: bytes) -> bytes | None:
    """The marshalled code of a source file, from where Python keeps it or compiled now."""
    status = file.stat()
    stamp = (int(status.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little")
    stamp += (status.st_size & 0xFFFFFFFF).to_bytes(4, "little")
    try:
        kept = Path(importlib.util.cache_from_source(str(file))).read_bytes()
        if kept[:16] == importlib.util.MAGIC_NUMBER + bytes(4) + stamp:
            return kept[16:]
    except OSError:
        pass
    try:
        code: CodeType = compile(content, str(file), "exec", dont_inherit=True, optimize=0)
    except (SyntaxError, ValueError):
        # Packages carry templates and files for other versions that nobody imports.
        return None
    return marshal.dumps(code)


def _write_launcher(file: io.BufferedWriter, facts: launcher.Build) -> None:
    source = Path(launcher.__file__).read_bytes() + f"\n\nmain({facts!r})\n".encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as outer:
        _add(outer, "__main__.py", source)
        code = compile(source, "the plugin's launcher", "exec", dont_inherit=True, optimize=0)
        header = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little")
        compiled = header + importlib.util.source_hash(source) + marshal.dumps(code)
        _add(outer, "__main__.pyc", compiled)


def _needs(python: str, machine: str | None, native: bool) -> list[str]:
    needs = [f"{launcher.python_name()} at {python}"]
    if machine is not None:
        needs.append(f"Linux on {machine}")
    if native:
        libc, version = platform.libc_ver()
        libc_text = f"{libc} {version} or later" if libc else "the same C library"
        needs.append(f"{platform.machine()} with {libc_text}, for native modules")
    return needs
