"""Plugins to be judged: a sound one, and the same with one thing wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

# Found by pytest's root directory, since tests may run far from the repository.
EXAMPLE = Path(__file__).parents[3] / "examples" / "plain-python" / "plugin.py"


@pytest.fixture
def sound() -> list[str]:
    return [sys.executable, str(EXAMPLE)]


@pytest.fixture
def defective(tmp_path: Path) -> list[str]:
    source, line = EXAMPLE.read_text(), '"requires_db": False,'
    assert line in source
    plugin = tmp_path / "plugin.py"
    plugin.write_text(source.replace(line, ""))
    return [sys.executable, str(plugin)]
