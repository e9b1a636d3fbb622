"""Noticing that a file beside a plugin has changed."""

from __future__ import annotations

import asyncio
import os

_POLL_SECONDS = 0.4
# What a plugin is made of. Not every file: a plugin may keep data beside itself.
_SUFFIXES = (
    ".css", ".html", ".j2", ".jinja", ".jinja2", ".js", ".mjs", ".py", ".svg", ".toml",
)  # fmt: skip
_SKIPPED = ("__pycache__", "node_modules", "site-packages")


class Watch:
    """The files below a directory, as they were when last looked at."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._known = self._look()

    async def changed(self) -> list[str]:
        """Wait for changes, and until they are over; returns the names of changed files."""
        changes: set[str] = set()
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            now = await asyncio.to_thread(self._look)
            known, self._known = self._known, now
            new = {name for name in known.keys() | now.keys() if known.get(name) != now.get(name)}
            changes |= new
            if changes and not new:
                return sorted(changes)

    def _look(self) -> dict[str, tuple[int, int]]:
        found: dict[str, tuple[int, int]] = {}
        for directory, below, files in os.walk(self._directory):
            if "pyvenv.cfg" in files:
                below.clear()
                continue
            below[:] = [name for name in below if name[0] != "." and name not in _SKIPPED]
            for name in files:
                if not name.endswith(_SUFFIXES):
                    continue
                path = os.path.join(directory, name)
                try:
                    status = os.stat(path)
                except OSError:
                    continue
                found[os.path.relpath(path, self._directory)] = (status.st_mtime_ns, status.st_size)
        return found
