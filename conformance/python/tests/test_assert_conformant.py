"""The function, on the runner as it is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from temps_plugin_conformance import NotConformant, RunnerError, assert_conformant, program

FEW = ["manifest/*", "health/get"]


def test_the_program_came_with_the_package() -> None:
    assert program().parent == Path(sys.executable).parent
    done = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("temps-plugin-conformance ")


def test_a_sound_plugin_gives_its_report(sound: list[str]) -> None:
    report = assert_conformant(sound, run=FEW)
    assert report.verdict == "conformant"
    assert report.command == tuple(sound)
    passed = {(result.check, result.dialect) for result in report.results}
    assert {("health/get", 1), ("health/get", 2), ("manifest/name", 1)} <= passed
    assert report.counts["passed"] == len(report.results)


def test_dialect_and_skip_reach_the_runner(sound: list[str]) -> None:
    report = assert_conformant(sound, dialect=2, run=FEW, skip=["manifest/*"])
    assert [(result.check, result.dialect) for result in report.results] == [("health/get", 2)]


def test_a_broken_rule_is_named(defective: list[str]) -> None:
    with pytest.raises(NotConformant) as caught:
        assert_conformant(defective, run=["MF-12"])
    assert {result.check for result in caught.value.report.failures()} == {"manifest/requires-db"}
    text = str(caught.value)
    assert "not conformant" in text and "MF-12" in text and "`requires_db` is written" in text


def test_a_plugin_that_never_starts_is_not_conformant() -> None:
    with pytest.raises(NotConformant) as caught:
        assert_conformant([sys.executable, "-c", "raise SystemExit('not today')"])
    assert caught.value.report.verdict == "never_started"
    assert "not today" in str(caught.value)


def test_a_glob_that_matches_nothing_is_no_verdict(sound: list[str]) -> None:
    with pytest.raises(RunnerError, match="helth"):
        assert_conformant(sound, run=["helth/*"])


def test_a_text_in_place_of_a_list_is_refused(sound: list[str]) -> None:
    with pytest.raises(TypeError, match=r"\['health/\*'\]"):
        assert_conformant(sound, run="health/*")


def test_a_run_in_which_nothing_was_checked_is_no_verdict(sound: list[str]) -> None:
    with pytest.raises(RunnerError, match="nothing run: 0 passed"):
        assert_conformant(sound, run=["UI-01"])
