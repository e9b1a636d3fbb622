"""A plugin around the application that `--bench-app=<module>` names."""

from __future__ import annotations

import importlib
import sys

from temps_plugin import Plugin

FLAG = "--bench-app="
module = next(word[len(FLAG) :] for word in sys.argv if word.startswith(FLAG))
plugin = Plugin("bench-serving", "1.0.0", app=importlib.import_module(module).app)

if __name__ == "__main__":
    plugin.run()
