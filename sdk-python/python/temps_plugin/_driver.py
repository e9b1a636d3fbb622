"""What the native module tells of: requests, WebSockets and hooks, each an asyncio task.

Everything here runs on the event loop's thread.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING

from . import _core
from ._interface import as_asgi, is_coroutine_function
from ._lifespan import Lifespan
from .context import PluginContext
from .wire import PluginEvent

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from .plugin import EventHandler, Hook, Plugin

_log = logging.getLogger("temps_plugin")


class Driver:
    """The author's side of a running plugin."""

    def __init__(
        self, plugin: Plugin, loop: asyncio.AbstractEventLoop, runtime: _core.Runtime
    ) -> None:
        self.code = 0
        self.has_ended = False
        self._plugin = plugin
        self._loop = loop
        self._runtime = runtime
        self._app = as_asgi(plugin.app, plugin._interface)
        self._lifespan = Lifespan(self._app)
        self._name = plugin.manifest.name
        self._task_factory = loop.get_task_factory
        # The loop itself keeps only weak references to tasks.
        self._hooks: set[asyncio.Task[None]] = set()

    def _create_task(self, running: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        # What the loop itself does without a factory, but for numbering its tasks: that is a good
        # part of making one.
        if self._task_factory() is None:
            return asyncio.Task(running, loop=self._loop, name=self._name)
        return self._loop.create_task(running)

    def request(self, scope: dict[str, Any], request: _core.Request) -> None:
        """Serves an HTTP request."""
        request.task = self._create_task(self._serve(scope, request))

    async def _serve(self, scope: dict[str, Any], request: _core.Request) -> None:
        failed = False
        try:
            await self._app(scope, request.receive, request.send)
        except asyncio.CancelledError:
            # The plugin ends: nobody waits for an answer. When the peer went away, `finish` knows.
            failed = self.has_ended
        # A handler that raises SystemExit or KeyboardInterrupt fails like any other.
        except BaseException as error:
            failed = True
            self._log_failure(scope, error, request.gone)
        finally:
            if request.finish() and not failed:
                _log.error(
                    "%s: %s %s: the application ended without a complete response",
                    self._name,
                    scope["method"],
                    scope["path"],
                )

    def websocket(self, scope: dict[str, Any], socket: _core.WebSocket) -> None:
        """Serves a WebSocket."""
        socket.task = self._create_task(self._converse(scope, socket))

    async def _converse(self, scope: dict[str, Any], socket: _core.WebSocket) -> None:
        failed = True
        try:
            await self._app(scope, socket.receive, socket.send)
            failed = False
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self._log_failure(scope, error, socket.gone)
        finally:
            if socket.finish(failed) and not failed:
                _log.error(
                    "%s: WebSocket %s: the application neither accepted nor refused it",
                    self._name,
                    scope["path"],
                )

    def _log_failure(self, scope: dict[str, Any], error: BaseException, gone: bool) -> None:
        method = scope.get("method", "WebSocket")
        if gone and _comes_from_reset(error):
            _log.info("%s: %s %s: the peer has gone away", self._name, method, scope["path"])
            return
        _log.error(
            "%s: %s %s: the application failed", self._name, method, scope["path"], exc_info=error
        )

    def start(self, native: _core.Context, done: _core.Completion) -> None:
        """Starts the application and runs the start hooks."""
        self._plugin._ctx = PluginContext(native)
        self._hook(self._start(done), done)

    async def _start(self, done: _core.Completion) -> None:
        state = await self._lifespan.start()
        self._runtime.set_state(state)
        for hook in self._plugin._on_start:
            await self._call_hook(hook)
        done.succeed(self._openapi())

    def _openapi(self) -> str | None:
        document = self._plugin._openapi
        if document is None:
            # FastAPI's way; other frameworks have no such method.
            document = getattr(self._plugin.app, "openapi", None)
        try:
            document = document() if callable(document) else document
            return None if document is None else json.dumps(document)
        except Exception:
            _log.warning("left out the OpenAPI document", exc_info=True)
            return None

    def shutdown(self, done: _core.Completion) -> None:
        """Runs the shutdown hooks and ends the application."""
        self._hook(self._shutdown(done), done)

    async def _shutdown(self, done: _core.Completion) -> None:
        for hook in self._plugin._on_shutdown:
            try:
                await self._call_hook(hook)
            except BaseException as error:
                self._log_hook(error, "a shutdown hook failed")
        await self._lifespan.stop()
        done.succeed()

    def event(self, text: str, done: _core.Completion) -> None:
        """Hands an event to the handlers that ask for it."""
        self._hook(self._event(text, done), done)

    async def _event(self, text: str, done: _core.Completion) -> None:
        event = PluginEvent.from_json(json.loads(text))
        for pattern, handler in self._plugin._on_event:
            if not _core.matches(pattern, event.event_type):
                continue
            try:
                await self._call_handler(handler, event)
            except BaseException as error:
                what = f"the handler for {pattern} failed on {event.event_type} {event.id}"
                self._log_hook(error, what)
        done.succeed()

    def _log_hook(self, error: BaseException, what: str) -> None:
        """Logs what author code raised, SystemExit and its like included: the plugin goes on."""
        if self.has_ended and isinstance(error, asyncio.CancelledError):
            raise error
        _log.error("%s: %s", self._name, what, exc_info=error)

    def ended(self, code: int) -> None:
        """The plugin has ended. Said a second time, it changes nothing."""
        if self.has_ended:
            return
        self.code = code
        self.has_ended = True
        self._loop.stop()

    def _hook(self, running: Coroutine[Any, Any, None], done: _core.Completion) -> None:
        task = self._create_task(self._complete(running, done))
        self._hooks.add(task)
        task.add_done_callback(self._hooks.discard)

    async def _complete(self, running: Coroutine[Any, Any, None], done: _core.Completion) -> None:
        try:
            await running
        except BaseException as error:
            _log.error("%s: a hook failed", self._name, exc_info=error)
            done.fail(f"{type(error).__name__}: {error}")
            if isinstance(error, asyncio.CancelledError):
                raise

    async def _call_hook(self, hook: Hook) -> None:
        await self._call(hook, self._plugin.ctx)

    async def _call_handler(self, handler: EventHandler, event: PluginEvent) -> None:
        await self._call(handler, self._plugin.ctx, event)

    async def _call(self, function: Any, *arguments: Any) -> None:
        """Calls author code: coroutine functions here, plain ones in a thread: they may block."""
        if is_coroutine_function(function):
            await function(*arguments)
            return
        result: Any = await self._loop.run_in_executor(None, function, *arguments)
        # A callable object or a partial may still return something to await.
        if hasattr(result, "__await__"):
            await result


def _comes_from_reset(error: BaseException) -> bool:
    """Whether a connection that broke is behind `error`: frameworks raise their own upon it, or a
    group of several."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        cause = left.pop()
        if cause is None or id(cause) in seen:
            continue
        if isinstance(cause, ConnectionResetError):
            return True
        seen.add(id(cause))
        left += [cause.__cause__, cause.__context__, *getattr(cause, "exceptions", ())]
    return False
