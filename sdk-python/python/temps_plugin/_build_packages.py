"""Which installed packages a plugin needs, and the files they consist of.

Everything comes from the environment that runs the build, so what was tested is what is packed, and
no network is needed.
"""

from __future__ import annotations

import csv
import importlib
import importlib.metadata as metadata
import json
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast

from ._build_errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from packaging.requirements import Requirement

    from ._build_imports import Import

_EXTRA = "install what building needs: pip install 'temps-plugin[build]'"


def declared_requirements(project_file: Path) -> list[str]:
    """``[project] dependencies`` of a ``pyproject.toml``; empty when there is no such file."""
    if not project_file.is_file():
        return []
    try:
        found: Any = _read_toml(project_file).get("project", {}).get("dependencies", [])
    except AttributeError:
        raise BuildError(f"{project_file}: [project] is not a table") from None
    dependencies = cast("list[object]", found) if isinstance(found, list) else [None]
    wrong = [item for item in dependencies if not isinstance(item, str)]
    if wrong:
        where = f"{project_file}: [project] dependencies"
        raise BuildError(f"{where} has to be a list of texts; {wrong[0]!r} is none")
    return cast("list[str]", dependencies)


def _read_toml(file: Path) -> Any:
    try:
        toml = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError as error:
        raise BuildError(f"reading {file} under Python 3.10 needs 'tomli'; {_EXTRA}") from error
    try:
        return toml.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise BuildError(f"{file} is not TOML: {error}") from error


class Packages:
    """Packages chosen from the running environment, each with all it requires itself."""

    def __init__(self) -> None:
        self._chosen: dict[str, metadata.Distribution] = {}
        self._done: set[tuple[str, str]] = set()
        self._missing: list[str] = []

    @property
    def names(self) -> list[str]:
        """Names and versions, sorted."""
        return sorted(f"{d.metadata['Name']} {d.version}" for d in self._chosen.values())

    def add_requirement(self, text: str, source: str) -> None:
        """Choose what ``text`` (a PEP 508 requirement, such as ``flask>=3``) names.

        ``source`` says where it was written. Raises `BuildError` for text that is no requirement.
        What is not installed is reported by `check`.
        """
        waiting: list[tuple[Requirement, str, tuple[str, ...]]] = []
        waiting.append((_requirement(text, source), source, ("",)))
        while waiting:
            wanted, wanted_by, extras = waiting.pop()
            if wanted.marker and not any(wanted.marker.evaluate({"extra": e}) for e in extras):
                continue
            found = self._installed(wanted, wanted_by)
            if found is None:
                continue
            for extra in ("", *sorted(wanted.extras)):
                step = (_normal(wanted.name), extra)
                if step in self._done:
                    continue
                self._done.add(step)
                by = found.metadata["Name"]
                waiting += [
                    (_requirement(line, by), by, ("", extra)) for line in found.requires or ()
                ]

    def _installed(self, wanted: Requirement, wanted_by: str) -> metadata.Distribution | None:
        line = str(wanted).partition(";")[0].strip()
        try:
            found = metadata.distribution(wanted.name)
        except metadata.PackageNotFoundError:
            self._missing.append(f"{line} (needed by {wanted_by}) is not installed")
            return None
        if not wanted.specifier.contains(found.version, prereleases=True):
            has = f"{wanted.name} {found.version} is installed"
            self._missing.append(f"{line} (needed by {wanted_by}), but {has}")
            return None
        self._chosen.setdefault(_normal(wanted.name), found)
        return found

    def add_imports(self, imports: Iterable[Import]) -> list[str]:
        """Choose the packages of modules that were imported without being required.

        Returns the names of those it had to add.
        """
        providers = metadata.packages_distributions()
        added: list[str] = []
        for item in imports:
            names = sorted({_normal(name) for name in providers.get(item.name, ())})
            if any(name in self._chosen for name in names):
                continue
            if len(names) > 1:
                choice = ", ".join(names)
                self._missing.append(f"{item}, is in {choice}: name one with --requirement")
            elif names:
                self.add_requirement(names[0], item.file.name)
                added.append(names[0])
            elif not item.optional:
                self._missing.append(f"{item}, is neither installed nor a file beside it")
        return added

    def check(self) -> None:
        """Raises `BuildError` that names everything that was wanted and is not there."""
        if self._missing:
            lines = "".join(f"\n  {line}" for line in dict.fromkeys(self._missing))
            raise BuildError(f"not in this environment ({sys.prefix}):{lines}")

    def files(self) -> Iterator[tuple[str, Path]]:
        """Every file of the chosen packages, by its path below ``site-packages``."""
        for _, package in sorted(self._chosen.items()):
            yield from _files_of(package)


def _requirement(text: str, source: str) -> Requirement:
    requirements = _packaging("requirements")
    try:
        requirement: Requirement = requirements.Requirement(text)
        return requirement
    except requirements.InvalidRequirement as error:
        raise BuildError(f"{text!r} ({source}) is not a requirement: {error}") from error


def _normal(name: str) -> str:
    normal: str = _packaging("utils").canonicalize_name(name)
    return normal


def _packaging(module: str) -> ModuleType:
    """A module of `packaging`, which only building needs."""
    try:
        return importlib.import_module(f"packaging.{module}")
    except ImportError as error:
        raise BuildError(f"the package 'packaging' is missing; {_EXTRA}") from error


def _files_of(package: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    name = package.metadata["Name"]
    again = f"install it from a wheel: pip install --force-reinstall --no-deps {name}"
    origin = json.loads(package.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        place = origin.get("url", "a directory")
        raise BuildError(f"{name} is installed in editable mode from {place}; pip install it whole")
    record = package.read_text("RECORD")
    if record is None:
        raise BuildError(f"{name} has no list of its files; {again}")
    # Not `Distribution.files`: that leaves out what is missing, from Python 3.12 on.
    for row in csv.reader(record.splitlines()):
        entry = PurePosixPath(row[0])
        # Scripts and headers lie outside; compiled files are made anew.
        if ".." in entry.parts or entry.is_absolute() or "__pycache__" in entry.parts:
            continue
        file = Path(str(package.locate_file(entry)))
        if not file.is_file():
            raise BuildError(f"{file} of {name} is missing; {again}")
        yield str(entry), file
