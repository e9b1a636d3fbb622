"""``python -m temps_plugin run plugin.py``: a plugin, a small host and a browser.

The host's part is small on purpose: it starts the plugin, proxies to it as a signed-in user, opens
the channel, passes events on and starts the plugin anew when a file changes. There is no platform
behind the channel: calls are answered with an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._develop_channel import ChannelError, keep_open
from ._develop_plugin import DevelopError, Home, RunningPlugin, Settings, exit_text, start
from ._develop_proxy import Proxy
from ._develop_watch import Watch

if TYPE_CHECKING:
    from ._develop_plugin import Say

__all__ = ["DevelopError", "Settings", "develop"]


def develop(plugin: Path, settings: Settings) -> int:
    """Run ``plugin``, a Python file, until SIGINT or SIGTERM; returns the exit status.

    Raises `DevelopError` when there is nothing to run, or no port to show it at.
    """
    if not plugin.is_file():
        raise DevelopError(f"there is no file {plugin}")
    plugin = plugin.absolute()
    temporary = tempfile.mkdtemp(prefix="temps-")
    try:
        return asyncio.run(_Session(plugin, settings, Path(temporary)).run())
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _say(line: str) -> None:
    print(f"[temps] {line}", file=sys.stderr, flush=True)


class _Session:
    """From the command to Ctrl-C; lives of the plugin come and go in it."""

    def __init__(self, plugin: Path, settings: Settings, temporary: Path) -> None:
        self._plugin = plugin
        self._settings = settings
        keep = plugin.parent / ".temps"
        self._home = Home(keep / plugin.stem, keep / "host-data", temporary / "plugin.sock")
        self._proxy = Proxy(settings, _say)
        self._say: Say = _say
        self._running: RunningPlugin | None = None
        self._stop = asyncio.Event()

    async def run(self) -> int:
        self._home.data.mkdir(parents=True, exist_ok=True)
        (self._home.data.parent / ".gitignore").write_text("*\n")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._on_signal)
        server = await self._listen()
        try:
            await self._lives()
        finally:
            server.close()
        return 0

    async def _listen(self) -> asyncio.Server:
        try:
            return await self._proxy.listen()
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "is taken; choose another with --port" if taken else f"cannot be opened: {error}"
            raise DevelopError(f"port {self._settings.port} {why}") from error

    def _on_signal(self) -> None:
        if self._stop.is_set() and self._running is not None:
            self._running.kill()
        self._stop.set()

    async def _lives(self) -> None:
        watch = Watch(str(self._plugin.parent))
        stopping = asyncio.create_task(self._stop.wait())
        while not stopping.done():
            life = asyncio.create_task(self._one_life())
            changed = asyncio.create_task(watch.changed())
            waiting: set[asyncio.Task[object]] = {life, changed, stopping}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                self._report_end(life)
                await asyncio.wait({changed, stopping}, return_when=asyncio.FIRST_COMPLETED)
            else:
                life.cancel()
                with contextlib.suppress(asyncio.CancelledError, DevelopError):
                    await life
            if changed.done() and not stopping.done():
                names = changed.result()
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                self._say(f"starting again: {', '.join(names[:3])}{more} changed")
            changed.cancel()

    def _report_end(self, life: asyncio.Task[None]) -> None:
        try:
            life.result()
        except DevelopError as error:
            self._say(f"error: {error}")
            self._say("change a file to start it again")
            self._proxy.down(str(error))

    async def _one_life(self) -> None:
        """Start the plugin and stay with it; ends with `DevelopError`, or by being cancelled."""
        self._proxy.starting()
        running = self._running = await start(self._plugin, self._settings, self._home)
        helpers: list[asyncio.Task[Any]] = []
        try:
            channel = asyncio.create_task(self._keep_channel(running))
            helpers = [channel, asyncio.create_task(running.report_stray_output(self._say))]
            self._proxy.up(running)
            self._announce(running)
            ended = asyncio.create_task(running.process.wait())
            helpers.append(ended)
            await asyncio.wait({ended, channel}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done() and self._settings.dialect == 1 and channel.exception():
                self._say(f"no channel: {channel.exception()}")
                await ended
            if ended.done():
                raise DevelopError(f"it ended with {exit_text(ended.result())}")
            raise DevelopError(f"no channel: {channel.exception()}")
        finally:
            self._proxy.starting()
            await running.stop(self._say)
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)
            self._running = None

    async def _keep_channel(self, running: RunningPlugin) -> None:
        slot = self._proxy.channel
        try:
            await keep_open(running.socket, running.secret, self._settings.dialect, slot)
        except OSError as error:
            raise ChannelError(f"the socket does not accept connections ({error})") from error

    def _announce(self, running: RunningPlugin) -> None:
        name, version = running.name, running.manifest.get("version")
        url = f"http://127.0.0.1:{self._proxy.port}/api/x/{name}/"
        self._say(f"{name} {version}, dialect {self._settings.dialect}: {url}")
        if running.has_ui:
            self._say(f"its user interface: {url}ui/")
