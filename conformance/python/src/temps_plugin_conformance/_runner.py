"""Runs the program that comes with this package."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from ._report import NotConformant, Report

_NAME = "temps-plugin-conformance"
_CONFORMANT, _NOT_CONFORMANT, _NEVER_STARTED = 0, 1, 3

Text = str | os.PathLike[str]


class RunnerError(RuntimeError):
    """The run itself went wrong, so that nothing is known of the plugin: a selection that selects
    nothing, a file that can't be read, a fault of the runner."""


def program() -> Path:
    """Where the runner is: the program that was installed with this package.

    Raises `RunnerError` when it is not there.
    """
    schemes = [sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")]
    places = [Path(sysconfig.get_path("scripts", scheme)) for scheme in schemes]
    # `pip install --target` puts programs beside the packages.
    places.append(Path(__file__).parents[1] / "bin")
    for place in places:
        if (place / _NAME).is_file():
            return place / _NAME
    looked = ", ".join(str(place) for place in places)
    raise RunnerError(f"no {_NAME} in {looked}: install the package from a wheel")


def assert_conformant(
    command: Text | Sequence[Text],
    *,
    dialect: Literal[1, 2, "both"] = "both",
    run: Iterable[str] = (),
    skip: Iterable[str] = (),
    known_failing: Text | None = None,
    config: Text | None = None,
    arguments: Iterable[str] = (),
    cwd: Text | None = None,
) -> Report:
    """Hold a plugin to the protocol; return the report if it keeps it.

    ``command`` is the plugin's program, or a list of the program and its own arguments. The
    protocol's flags are put behind it. ``dialect`` is the one to check, or ``"both"``. ``run`` and
    ``skip`` are globs on ids of checks and rules, such as ``"channel/*"`` and ``"HS-28"``.
    ``known_failing`` is a file of failures that are known, ``config`` a ``conformance.toml`` with
    sample requests. ``arguments`` go to the runner as they are, for all of its other flags.
    ``cwd`` is where it is started.

    Raises `NotConformant`, an `AssertionError` whose text is the report, when the plugin breaks a
    rule or does not start, and `RunnerError` when the run itself goes wrong.
    """
    parts = [command] if isinstance(command, str | os.PathLike) else list(command)
    words = [str(program()), "run", "--format", "json", "--dialect", str(dialect)]
    for flag, globs in (("--run", run), ("--skip", skip)):
        words += [word for glob in _several(globs) for word in (flag, glob)]
    for flag, file in (("--known-failing", known_failing), ("--config", config)):
        words += [flag, os.fspath(file)] if file is not None else []
    words += [*_several(arguments), "--", *(os.fspath(part) for part in parts)]
    done = subprocess.run(words, capture_output=True, cwd=cwd, check=False)
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode not in (_CONFORMANT, _NOT_CONFORMANT, _NEVER_STARTED):
        found = str(Report.read(json.loads(done.stdout))) if done.stdout else ""
        text = "\n\n".join(part for part in (found, said) if part)
        raise RunnerError(f"the runner ended with status {done.returncode}:\n{text}")
    report = Report.read(json.loads(done.stdout))
    if done.returncode != _CONFORMANT:
        raise NotConformant(report, said)
    return report


def _several(texts: Iterable[str]) -> list[str]:
    """A list of texts. A single text is one by mistake: it would be taken for its letters."""
    if isinstance(texts, str):
        raise TypeError(f"a list of texts is needed, such as [{texts!r}]")
    return list(texts)
