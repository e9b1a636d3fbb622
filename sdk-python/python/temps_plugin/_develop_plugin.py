"""One run of a plugin under development: starting it, the host's side of the handshake, its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import sys
from typing import TYPE_CHECKING, Any, cast

from ._develop_channel import json_object

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Say = Callable[[str], None]

_LINE_LIMIT = 2 * 1024 * 1024
_STEP_SECONDS = 30
# Two seconds more than the plugin has for finishing requests.
_STOP_SECONDS = 12
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class DevelopError(Exception):
    """The plugin cannot be run; the text says why."""


class Settings:
    """How to run a plugin: what the command line of ``run`` says.

    ``permissions`` is a list with commas, as the platform sends it. ``port`` 0 takes a free one.
    """

    def __init__(
        self,
        *,
        dialect: int = 2,
        port: int = 8000,
        role: str = "admin",
        permissions: str = "",
        database_url: str | None = None,
    ) -> None:
        self.dialect = dialect
        self.port = port
        self.role = role
        self.permissions = permissions
        self.database_url = database_url


class Home:
    """Where a plugin under development lives: ``data`` is kept, ``socket`` is for one run."""

    def __init__(self, data: Path, host_data: Path, socket: Path) -> None:
        self.data = data
        self.host_data = host_data
        self.socket = socket


class RunningPlugin:
    """A plugin that has written ``ready``."""

    def __init__(self, process: asyncio.subprocess.Process, secret: str, home: Home) -> None:
        self.process = process
        self.secret = secret
        self.socket = str(home.socket)
        self.manifest: dict[str, Any] = {}
        self.has_ui = False

    @property
    def name(self) -> str:
        """The manifest's name."""
        return str(self.manifest["name"])

    def kill(self) -> None:
        """End it and all it has started, at once."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def stop(self, say: Say) -> None:
        """Ask it to end, and end it when it does not."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)
        except asyncio.TimeoutError:
            say(f"the plugin did not stop within {_STOP_SECONDS} s and is ended")
            self.kill()
            await self.process.wait()

    async def report_stray_output(self, say: Say) -> None:
        """Read what the plugin writes to stdout after ``ready``, which it must not."""
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(65536):
            text = chunk[:200].decode(errors="replace").strip()
            say(f"warning: the plugin wrote to its real standard output after ready: {text!r}")


async def start(plugin: Path, settings: Settings, home: Home) -> RunningPlugin:
    """Start ``plugin`` and walk through the handshake.

    Raises `DevelopError` for a plugin that fails it, whose process has then ended.
    """
    # Hexadecimal, so that it never begins with a hyphen and looks like a flag.
    secret = secrets.token_hex(32)
    process = await _spawn(plugin, settings.dialect, secret, home)
    running = RunningPlugin(process, secret, home)
    try:
        first = await _message(running, "manifest" if settings.dialect == 1 else "hello")
        running.manifest = _manifest(first, settings.dialect)
        if settings.dialect == 2:
            await _write_launch_line(running, settings, home)
        ready = await _message(running, "ready")
        if ready.get("ready") is not True:
            raise DevelopError(f'"ready" is {ready.get("ready")!r} in its ready line, and not true')
        if settings.dialect == 2 and ready.get("protocol_version") != 2:
            found = ready.get("protocol_version")
            raise DevelopError(f'"protocol_version" is {found!r} in its ready line, and not 2')
        running.has_ui = ready.get("has_ui") is True
        return running
    except BaseException:
        running.kill()
        await process.wait()
        raise


async def _spawn(plugin: Path, dialect: int, secret: str, home: Home) -> asyncio.subprocess.Process:
    arguments = ["--socket-path", str(home.socket), "--data-dir", str(home.data)]
    if dialect == 1:
        arguments += ["--auth-secret", secret]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(plugin),
        *arguments,
        stdin=asyncio.subprocess.PIPE if dialect == 2 else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_LIMIT,
        # Ctrl-C in the terminal is for this process, which stops the plugin in order.
        start_new_session=True,
    )


async def _message(running: RunningPlugin, wanted: str) -> dict[str, Any]:
    """The next line of the handshake, an object of the type ``wanted``."""
    assert running.process.stdout is not None
    try:
        line = await asyncio.wait_for(running.process.stdout.readline(), _STEP_SECONDS)
    except asyncio.TimeoutError:
        late = f"no {wanted} line came within {_STEP_SECONDS} s"
        raise DevelopError(f"{late}; is plugin.run() reached?") from None
    except ValueError:
        raise DevelopError(f"its {wanted} line is longer than {_LINE_LIMIT} bytes") from None
    if not line.endswith(b"\n"):
        status = await running.process.wait()
        raise DevelopError(f"it ended with {exit_text(status)} before its {wanted} line")
    shown = line[:200].decode(errors="replace").strip()
    message = json_object(line)
    if message is None:
        raise DevelopError(f"a JSON object of type {wanted!r} was due on stdout, not {shown!r}")
    if message.get("type") != wanted:
        hint = "; it speaks the other dialect, see --dialect" if wanted != "ready" else ""
        raise DevelopError(f"a line of type {wanted!r} was due, not {message.get('type')!r}{hint}")
    return message


def _manifest(message: dict[str, Any], dialect: int) -> dict[str, Any]:
    if dialect == 2 and message.get("protocol_version") != 2:
        found = message.get("protocol_version")
        raise DevelopError(f'"protocol_version" is {found!r} in its hello line, and not 2')
    found = message if dialect == 1 else message.get("manifest")
    if not isinstance(found, dict):
        raise DevelopError(f'"manifest" is {found!r} in its hello line, and not an object')
    manifest = cast("dict[str, Any]", found)
    name: object = manifest.get("name")
    if not isinstance(name, str) or len(name) > 64 or not _NAME.fullmatch(name):
        raise DevelopError(
            f"the manifest's name is {name!r}; it has to be words of a-z and 0-9 joined by "
            "hyphens, 64 characters at most"
        )
    return manifest


async def _write_launch_line(running: RunningPlugin, settings: Settings, home: Home) -> None:
    assert running.process.stdin is not None
    requires_db = running.manifest.get("requires_db") is True
    if requires_db and settings.database_url is None:
        raise DevelopError("its manifest has requires_db; give it a database with --database-url")
    host_data = running.manifest.get("requires_host_data_access") is True
    if host_data:
        home.host_data.mkdir(parents=True, exist_ok=True)
    line = json.dumps(
        {
            "protocol_version": 2,
            "auth_secret": running.secret,
            "database_url": settings.database_url if requires_db else None,
            "host_data_dir": str(home.host_data) if host_data else None,
        }
    )
    # A plugin that is gone already is reported by the line that does not come.
    with contextlib.suppress(ConnectionError):
        running.process.stdin.write(line.encode() + b"\n")
        await running.process.stdin.drain()
    running.process.stdin.close()


def exit_text(status: int) -> str:
    """How a process ended, for people."""
    if status < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-status).name}"
    return f"status {status}"
