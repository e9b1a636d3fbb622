"""Which of the author's own files go into a built plugin."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ._build_errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ._build_imports import Scan

# Beside a plugin, but no part of it, unless it imports them.
_NOT_MODULES = ("conftest.py", "setup.py", "noxfile.py")
_NOT_PACKAGES = ("test", "tests")


class Sources:
    """Files by their path below the plugin's directory, with ``/`` between names."""

    def __init__(self, plugin: Path) -> None:
        self.root = plugin.parent
        self.files: dict[str, Path] = {}
        self._add(plugin)

    def add_modules(self, scan: Scan) -> None:
        """Add every module and package beside the plugin, and what it was seen to import."""
        for path in sorted(self.root.iterdir()):
            if path in scan.own or _is_module(path):
                self._add_tree(path, hidden=False)

    def add_ui(self, scan: Scan) -> None:
        """Add the directories named by ``Plugin(ui="…")``."""
        for directory, where in scan.ui:
            if not directory.is_dir():
                raise BuildError(f"{where}: there is no directory {directory}; is the UI built?")
            self._add_tree(directory, hidden=True)

    def add_included(self, paths: Iterable[Path]) -> None:
        """Add files and whole directories, which have to lie below the plugin's directory."""
        for path in paths:
            if not path.exists():
                raise BuildError(f"--include {path}: there is no such file or directory")
            self._add_tree(path.absolute(), hidden=True)

    def left_out(self) -> list[str]:
        """Directories beside the plugin of which nothing was taken."""
        taken = {name.partition("/")[0] for name in self.files}
        return sorted(
            path.name
            for path in self.root.iterdir()
            if path.is_dir() and path.name not in taken and not _is_hidden(path.name)
        )

    def _add_tree(self, path: Path, *, hidden: bool) -> None:
        for file in [path] if path.is_file() else _walk(path, hidden):
            self._add(file)

    def _add(self, file: Path) -> None:
        # The path as it is written: `..` is resolved, symbolic links keep the name they have here.
        plain = os.path.normpath(file)
        name = os.path.relpath(plain, os.path.normpath(self.root)).replace(os.sep, "/")
        if name.startswith("../"):
            raise BuildError(f"{plain} lies outside the plugin's directory {self.root}")
        self.files[name] = file


def _is_module(path: Path) -> bool:
    name = path.name
    if path.is_dir():
        is_package = (path / "__init__.py").is_file()
        return is_package and name not in _NOT_PACKAGES and not _is_hidden(name)
    is_test = name.startswith("test_") or name.endswith("_test.py") or name in _NOT_MODULES
    return path.suffix == ".py" and not is_test and not _is_hidden(name)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def _walk(top: Path, hidden: bool) -> Iterator[Path]:
    """The files below ``top``, links followed, in a fixed order."""
    above: set[str] = set()
    waiting = [top]
    while waiting:
        directory = waiting.pop()
        real = os.path.realpath(directory)
        if real in above:
            continue
        above.add(real)
        for path in sorted(directory.iterdir()):
            if path.name == "__pycache__" or (not hidden and _is_hidden(path.name)):
                continue
            if path.is_dir():
                waiting.append(path)
            elif path.is_file():
                yield path
