"""What can go wrong while a plugin is built."""

from __future__ import annotations


class BuildError(Exception):
    """The plugin cannot be built; the text says why and what to do."""
