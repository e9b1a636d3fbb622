"""The standard streams of a plugin: stdout belongs to the handshake, prints go to stderr."""

from __future__ import annotations

import sys

from . import _core


def claim() -> None:
    """Keeps stdout for the handshake from now on. Doing it again changes nothing."""
    _core.claim_stdout()
    # Prints land on stderr, between log lines: whole lines, at once.
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(line_buffering=True)
