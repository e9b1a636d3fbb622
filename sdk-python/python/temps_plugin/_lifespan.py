"""ASGI's lifespan protocol: the application is told that it starts and that it ends."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ._interface import AsgiApp

_log = logging.getLogger("temps_plugin")


class Lifespan:
    """One application's lifespan. An application that does not support it is served without."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._started: asyncio.Future[None] | None = None
        self._stopped: asyncio.Future[None] | None = None
        self._state: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> dict[str, Any]:
        """Tells of the start; the state for requests. `RuntimeError` when the start has failed."""
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        self._inbox.put_nowait({"type": "lifespan.startup"})
        self._task = loop.create_task(self._run())
        await self._started
        return self._state

    async def stop(self) -> None:
        """Tells of the end, and waits for the application's word on it."""
        if self._task is None or self._task.done() or self._stopped is None:
            return
        self._inbox.put_nowait({"type": "lifespan.shutdown"})
        await self._stopped

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self._state,
        }
        try:
            await self._app(scope, self._inbox.get, self._send)
        except BaseException as error:
            self._failed(error)
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            for future in (self._started, self._stopped):
                if future is not None and not future.done():
                    future.set_result(None)

    def _failed(self, error: BaseException) -> None:
        if self._started is None or self._started.done():
            _log.error("the application's lifespan failed", exc_info=error)
        elif isinstance(error, Exception):
            # The specification's way to say that there is no support for it.
            _log.debug("the application has no lifespan: %r", error)
        else:
            # SystemExit and its like: the author wants the plugin not to start.
            reason = RuntimeError(f"the application did not start: {error!r}")
            self._started.set_exception(reason)

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.complete" and self._started and not self._started.done():
            self._started.set_result(None)
        elif kind == "lifespan.startup.failed" and self._started and not self._started.done():
            reason = message.get("message") or "the application gave no reason"
            self._started.set_exception(RuntimeError(f"the application did not start: {reason}"))
        elif kind == "lifespan.shutdown.complete" and self._stopped and not self._stopped.done():
            self._stopped.set_result(None)
        elif kind == "lifespan.shutdown.failed" and self._stopped and not self._stopped.done():
            _log.error("the application did not stop cleanly: %s", message.get("message", ""))
            self._stopped.set_result(None)
        else:
            raise RuntimeError(f"{kind!r} out of turn in the lifespan")
