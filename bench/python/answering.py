"""A plugin whose event handler sends 128 bytes to the socket that `--bench-socket=<path>` names."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from temps_plugin import Plugin

if TYPE_CHECKING:
    from temps_plugin import PluginContext, PluginEvent

FLAG = "--bench-socket="
PONG = bytes([7]) * 128

plugin = Plugin("bench-answering", "1.0.0")
answers = socket.socket(socket.AF_UNIX)


@plugin.on_event("*")
async def answer(ctx: PluginContext, event: PluginEvent) -> None:
    answers.sendall(PONG)


if __name__ == "__main__":
    answers.connect(next(word[len(FLAG) :] for word in sys.argv if word.startswith(FLAG)))
    plugin.run()
