"""What the author's own files import, and which directory they serve as their UI.

Read from the syntax tree: nothing of the plugin runs while it is built.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING

from ._build_errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Import:
    """One import of a top-level module, ``optional`` when the file can do without it."""

    def __init__(self, name: str, file: Path, line: int, optional: bool) -> None:
        self.name = name
        self.file = file
        self.line = line
        self.optional = optional

    def __str__(self) -> str:
        return f"{self.name!r}, imported by {self.file.name} line {self.line}"


class Scan:
    """What was found in the files that ``plugin.py`` reaches by importing.

    ``imports``: those that are neither the author's own nor of the standard library.
    ``own``: the author's files and directories beside ``plugin.py`` that were reached.
    ``ui``: the directories given to ``Plugin(ui="…")`` as a literal, with where they are written.
    """

    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.own: list[Path] = []
        self.ui: list[tuple[Path, str]] = []


def scan(plugin: Path) -> Scan:
    """Follow the imports of ``plugin``, through the author's modules beside it.

    Raises `BuildError` for a file that is not Python.
    """
    found = Scan()
    waiting, seen = [plugin], {plugin}
    while waiting:
        file = waiting.pop()
        tree = _parse(file)
        found.ui += _ui_directories(tree, file)
        for item in _imports(tree, file):
            own = _own_module(plugin.parent, item.name)
            if own is None:
                if item.name not in sys.stdlib_module_names:
                    found.imports.append(item)
                continue
            if own not in found.own:
                found.own.append(own)
            for more in _python_files(own):
                if more not in seen:
                    seen.add(more)
                    waiting.append(more)
    return found


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), str(file))
    except SyntaxError as error:
        raise BuildError(f"{file} line {error.lineno} is not Python: {error.msg}") from error
    except ValueError as error:
        raise BuildError(f"{file} is not Python: {error}") from error


def _own_module(directory: Path, name: str) -> Path | None:
    """The author's file or directory that ``import name`` finds, if there is one."""
    package, module = directory / name, directory / f"{name}.py"
    if (package / "__init__.py").is_file():
        return package
    if module.is_file():
        return module
    has_code = package.is_dir() and next(iter(_python_files(package)), None) is not None
    return package if has_code else None


def _python_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(path.rglob("*.py"))


def _ui_directories(tree: ast.Module, file: Path) -> Iterator[tuple[Path, str]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and _last_name(node.func) == "Plugin"):
            continue
        for keyword in node.keywords:
            value = keyword.value
            if keyword.arg != "ui" or not isinstance(value, ast.Constant):
                continue
            if isinstance(value.value, str) and not os.path.isabs(value.value):
                where = f"ui={value.value!r} in {file.name} line {value.lineno}"
                yield file.parent / value.value, where


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _imports(tree: ast.Module, file: Path) -> Iterator[Import]:
    """The absolute imports of a file, without those for type checkers only."""
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, optional = waiting.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name.partition(".")[0], file, node.lineno, optional)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield Import(node.module.partition(".")[0], file, node.lineno, optional)
        else:
            waiting += _children(node, optional)


def _children(node: ast.AST, optional: bool) -> Iterator[tuple[ast.AST, bool]]:
    if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
        yield from ((child, optional) for child in node.orelse)
        return
    later = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Try)
    inside = optional or isinstance(node, later)
    yield from ((child, inside) for child in ast.iter_child_nodes(node))
