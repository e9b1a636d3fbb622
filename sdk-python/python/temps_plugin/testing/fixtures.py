"""The pytest fixture. pytest finds it by itself once the package is installed."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ._run import TestPlugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ._run import RunningPlugin

__all__ = ["run_plugin"]


@pytest.fixture
def run_plugin() -> Iterator[Callable[..., RunningPlugin]]:
    """Runs a plugin until the end of the test: `running = run_plugin(plugin, dialect=1)`.

    It takes what `TestPlugin` takes.
    """
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(TestPlugin(*args, **kwargs))
