"""The fixture, in a pytest of its own."""

from __future__ import annotations

import pytest


def outcome(pytester: pytest.Pytester, command: list[str]) -> tuple[pytest.RunResult, str]:
    pytester.makepyfile(
        f"""
        def test_plugin(conformance):
            report = conformance({command!r}, run=["MF-12"])
            assert report.verdict == "conformant"
        """
    )
    result = pytester.runpytest_subprocess("--junitxml=junit.xml", "-p", "no:cacheprovider")
    return result, (pytester.path / "junit.xml").read_text()


def test_a_sound_plugin_passes(pytester: pytest.Pytester, sound: list[str]) -> None:
    result, junit = outcome(pytester, sound)
    result.assert_outcomes(passed=1)
    assert '<property name="conformance_passed" value="2"' in junit


def test_a_defective_plugin_fails_with_the_report(
    pytester: pytest.Pytester, defective: list[str]
) -> None:
    result, junit = outcome(pytester, defective)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAILED manifest/requires-db (dialect 1; MUST: MF-12)*"])
    assert '<property name="conformance_failed" value="2"' in junit


def test_paths_are_those_of_the_root_directory(pytester: pytest.Pytester, sound: list[str]) -> None:
    pytester.path.joinpath("start").write_text(f'#!/bin/sh\nexec {" ".join(sound)} "$@"\n')
    pytester.path.joinpath("start").chmod(0o755)
    pytester.makeini("[pytest]")
    inner = pytester.mkdir("inner")
    inner.joinpath("test_it.py").write_text(
        "def test_plugin(conformance):\n    conformance('./start', run=['health/get'])\n"
    )
    pytester.chdir()
    result = pytester.runpytest_subprocess("--rootdir", pytester.path, inner)
    result.assert_outcomes(passed=1)
