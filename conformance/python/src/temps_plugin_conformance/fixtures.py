"""The pytest plugin: the fixture ``conformance``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ._report import NotConformant, Report
from ._runner import Text, assert_conformant

Conformance = Callable[..., Report]


@pytest.fixture
def conformance(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Conformance:
    """`temps_plugin_conformance.assert_conformant` for a test.

    It starts the plugin in pytest's root directory, so that paths mean the same wherever pytest
    is started, and leaves the counts in the test's properties, where JUnit XML has them.
    """

    def run(command: Text | Sequence[Text], **options: Any) -> Report:
        __tracebackhide__ = True
        options.setdefault("cwd", os.fspath(request.config.rootpath))
        try:
            report = assert_conformant(command, **options)
        except NotConformant as error:
            _note(record_property, error.report)
            pytest.fail(str(error), pytrace=False)
        _note(record_property, report)
        return report

    return run


def _note(record_property: Callable[[str, object], None], report: Report) -> None:
    for what, count in report.counts.items():
        record_property(f"conformance_{what}", count)
