"""Write plugins for Temps, the self-hosted deployment platform, in Python.

A plugin is one executable file. The platform starts it, serves its routes at `/api/x/{name}/…`,
answers its questions and tells it what happens. This package does everything between that contract
and your code: the handshake, the socket server, authentication, the channel, draining.

```python
from fastapi import FastAPI
from temps_plugin import Plugin

app = FastAPI()
plugin = Plugin("hello", "1.0.0", app=app)


@app.get("/hello")
async def hello():
    return {"hello": "world"}


if __name__ == "__main__":
    plugin.run()
```
"""

from __future__ import annotations

import sys

from . import _stdio
from ._core import Caller
from .calling import caller
from .context import PluginContext
from .errors import TempsError
from .lowlevel import Launch, emit_manifest, emit_ready, run_server
from .plugin import Plugin
from .wire import NavEntry, PluginEvent, PluginManifest, UiManifest, UiRoute

__all__ = [
    "Caller",
    "Launch",
    "NavEntry",
    "Plugin",
    "PluginContext",
    "PluginEvent",
    "PluginManifest",
    "TempsError",
    "UiManifest",
    "UiRoute",
    "caller",
    "emit_manifest",
    "emit_ready",
    "run_server",
]

# Started by a host, stdout belongs to the handshake from here on: what the author's modules print
# while they are loaded goes to stderr.
if any(argument.partition("=")[0] == "--socket-path" for argument in sys.argv[1:]):
    _stdio.claim()
