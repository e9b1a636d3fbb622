"""A plugin that runs inside a test."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypedDict

from .. import _core
from .._run import live
from ..wire import PluginManifest
from ._platform import TestPlatform
from ._request import TestResponse, lines_of

if TYPE_CHECKING:
    import asyncio
    import os
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Any

    from typing_extensions import Unpack

    from .._driver import Driver
    from ..plugin import Plugin
    from ..wire import PluginEvent
    from ._request import HeaderLines, TestUser

# Stands for "not given" where None is a value like any other.
_NOTHING: Any = object()

LOOP_END = 5.0
"""Seconds that the plugin's event loop may take to end once the plugin has."""


class Sending(TypedDict, total=False):
    """What a request may have besides its method and its path.

    `user` is who sends it; nobody is signed in without one. `json` or `body` is its body. Without
    `signed` the host's signature is left out.
    """

    user: TestUser | None
    headers: HeaderLines
    body: bytes
    json: Any
    signed: bool


class TestPlugin:
    """Says how a plugin under test is started; `with TestPlugin(plugin) as running:` starts it.

    `platform` answers the plugin's calls; an empty one unless given. `dialect` is the host's, 1 or
    2. `data_dir` outlives the run, `socket_path` is known before it; both are temporary otherwise.
    `database_url` is for a plugin with `requires_db`. `arguments` are more of the command line.
    Without `channel` none is opened, as by a host that never comes; `open_channel()` opens it.
    """

    # Keeps pytest from taking it for a test.
    __test__ = False

    def __init__(
        self,
        plugin: Plugin,
        *,
        platform: TestPlatform | None = None,
        dialect: int = 2,
        data_dir: str | os.PathLike[str] | None = None,
        socket_path: str | os.PathLike[str] | None = None,
        database_url: str | None = None,
        arguments: Iterable[str] = (),
        channel: bool = True,
    ) -> None:
        self._plugin = plugin
        self._platform = TestPlatform() if platform is None else platform
        self._start: _core._Start = {
            "dialect": dialect,
            "data_dir": data_dir,
            "socket_path": socket_path,
            "database_url": database_url,
            "arguments": list(arguments),
            "channel": channel,
        }
        self._running: RunningPlugin | None = None

    def start(self) -> RunningPlugin:
        """Starts the plugin and opens its channel. Raises whatever would have ended the process:
        `ValueError` for a bad manifest, `TempsError` for a failed start hook, …"""
        thread = _LoopThread(self._plugin)
        try:
            native = _core.TestRun(thread.runtime, self._platform._native, self._start)
        except BaseException:
            thread.end()
            raise
        return RunningPlugin(self._plugin, self._platform, native, thread)

    def __enter__(self) -> RunningPlugin:
        self._running = self.start()
        return self._running

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        if error is None:
            running.stop()
            return
        # The test has failed already; how the plugin ended must not hide why.
        with suppress(Exception):
            running.stop()


class RunningPlugin:
    """A plugin that runs inside a test. Its methods are for every thread but its event loop's."""

    def __init__(
        self, plugin: Plugin, platform: TestPlatform, native: _core.TestRun, thread: _LoopThread
    ) -> None:
        self.plugin = plugin
        self.platform = platform
        self._native = native
        self._thread = thread

    @property
    def manifest(self) -> PluginManifest:
        """What the plugin announced."""
        return PluginManifest.from_json(json.loads(self._native.manifest))

    @property
    def ready(self) -> dict[str, Any]:
        """What the plugin said when it was ready: `has_ui`, `openapi`, …"""
        line: dict[str, Any] = json.loads(self._native.ready)
        return line

    @property
    def socket_path(self) -> Path:
        """The plugin's socket, for requests that `request` cannot make."""
        return self._native.socket_path

    @property
    def data_dir(self) -> Path:
        """The plugin's data directory."""
        return self._native.data_dir

    def request(self, method: str, path: str, **sending: Unpack[Sending]) -> TestResponse:
        """Sends a request as the host does, and reads the whole response.

        `request("POST", "/notes", user=TestUser("1", "ada@example.org"), json={"text": "hi"})`.
        Raises `TempsError` when the plugin gives no response, or breaks off in the middle of it.
        """
        self._thread.must_be_another()
        headers = lines_of(sending.get("headers", ()))
        body = sending.get("body", b"")
        value = sending.get("json", _NOTHING)
        if value is not _NOTHING:
            body = json.dumps(value).encode()
            headers.append(("content-type", "application/json"))
        sent: _core._Sending = {
            "headers": headers,
            "body": body,
            "user": _as_tuple(sending.get("user")),
            "signed": sending.get("signed", True),
        }
        return TestResponse(*self._native.request(method, path, sent))

    def get(self, path: str, **sending: Unpack[Sending]) -> TestResponse:
        """A `GET` request."""
        return self.request("GET", path, **sending)

    def post(self, path: str, **sending: Unpack[Sending]) -> TestResponse:
        """A `POST` request."""
        return self.request("POST", path, **sending)

    def put(self, path: str, **sending: Unpack[Sending]) -> TestResponse:
        """A `PUT` request."""
        return self.request("PUT", path, **sending)

    def delete(self, path: str, **sending: Unpack[Sending]) -> TestResponse:
        """A `DELETE` request."""
        return self.request("DELETE", path, **sending)

    def patch(self, path: str, **sending: Unpack[Sending]) -> TestResponse:
        """A `PATCH` request."""
        return self.request("PATCH", path, **sending)

    def deliver(self, event: PluginEvent) -> None:
        """Delivers an event and waits until the handlers are through with it, however they fare.

        Like any host it delivers only what the manifest asks for. Raises `InvalidRequest` for
        another event, and `Disconnected` without a channel.
        """
        self._thread.must_be_another()
        self._native.deliver(json.dumps(event.to_json()))

    def drop_channel(self) -> None:
        """Cuts the channel, as a host that dies does."""
        self._thread.must_be_another()
        self._native.drop_channel()

    def open_channel(self) -> None:
        """Opens the channel again after `drop_channel`."""
        self._thread.must_be_another()
        self._native.open_channel()

    def stop(self) -> None:
        """Asks the plugin to stop, as SIGTERM does, and waits until it has.

        Raises whatever would have made the process exit with another code than 0. Once it has
        stopped this does nothing.
        """
        self._thread.must_be_another()
        try:
            self._native.stop()
        finally:
            self._thread.end()


def _as_tuple(user: TestUser | None) -> tuple[str, str, str, list[str], str | None] | None:
    if user is None:
        return None
    return user.id, user.email, user.role, user.permissions, user.actor_token


class _LoopThread:
    """The thread of a plugin's event loop."""

    def __init__(self, plugin: Plugin) -> None:
        self._attached = threading.Event()
        self._error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._driver: Driver | None = None
        self._runtime: _core.Runtime | None = None
        self._thread = threading.Thread(
            target=self._live, args=(plugin,), name="test-plugin", daemon=True
        )
        self._thread.start()
        self._attached.wait()
        if self._error is not None:
            raise self._error

    @property
    def runtime(self) -> _core.Runtime:
        """The native side of the plugin."""
        assert self._runtime is not None
        return self._runtime

    def _live(self, plugin: Plugin) -> None:
        try:
            live(plugin, self._attach)
        except BaseException as error:
            if self._attached.is_set():
                raise
            self._error = error
        finally:
            self._attached.set()

    def _attach(
        self, runtime: _core.Runtime, driver: Driver, loop: asyncio.AbstractEventLoop
    ) -> None:
        runtime.attach(driver, loop)
        self._runtime, self._driver, self._loop = runtime, driver, loop
        self._attached.set()

    def must_be_another(self) -> None:
        """Waiting for the plugin on its own event loop would wait for ever."""
        if threading.current_thread() is self._thread:
            raise RuntimeError(
                "the plugin's event loop would wait for itself: use this in the test, not in the "
                "plugin's handlers"
            )

    def end(self) -> None:
        """Ends the loop, and waits until it has. Once it has ended this does nothing."""
        loop, driver = self._loop, self._driver
        self._loop = self._driver = self._runtime = None
        if loop is None or driver is None:
            return
        # A loop that has closed has ended already.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(driver.ended, 0)
        self._thread.join(LOOP_END)
        if self._thread.is_alive():
            raise RuntimeError(
                f"the plugin has stopped, but its code holds the event loop {LOOP_END} s later"
            )
