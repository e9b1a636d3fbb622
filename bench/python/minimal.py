"""The smallest plugin there is. Without `--bench-uvloop` it finds no uvloop, which comes into the
environment for others and which the package by itself does not bring."""

from __future__ import annotations

import sys

if "--bench-uvloop" not in sys.argv:
    # A None in this place is what an import that finds nothing comes to.
    sys.modules["uvloop"] = None  # type: ignore[assignment]

from temps_plugin import Plugin

plugin = Plugin("bench-minimal", "1.0.0")

if __name__ == "__main__":
    plugin.run()
