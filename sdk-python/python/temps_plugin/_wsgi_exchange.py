"""How the two sides of a WSGI request meet: its worker thread and its ASGI task.

An ASGI task serves each request. The worker thread hands it one order at a time ("receive a chunk",
"send these messages") and waits for the answer. So everything the server sees comes from its own
task, and when that task ends, for whatever reason, the thread is told.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from io import BufferedIOBase
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    # As little as is needed of each, so that the types of any framework fit.
    Received = Mapping[str, Any]
    Message = dict[str, Any]
    Receive = Callable[[], Awaitable[Received]]
    Send = Callable[[Message], Awaitable[None]]

_T = TypeVar("_T")
# One logger for all of WSGI: authors set its level by the name of the public module.
_log = logging.getLogger("temps_plugin.wsgi")


class ClientDisconnected(ConnectionResetError):
    """The client went away, or the server gave the request up.

    Raised in the application's thread by reading `wsgi.input` and by `write()`. While a response
    is iterated there is nobody to raise it to: iteration stops and `close()` is called.
    """

    # Tracebacks are to show the name to import it by.
    __module__ = "temps_plugin.wsgi"


class RequestBody(BufferedIOBase):
    """`wsgi.input`: the request's body as a binary file that is read once, from start to end.

    It reads as `io.BytesIO` does, but holds no more than one chunk beside what a call returns.
    Every read waits until it has what was asked for or the body is over; only `read1` returns
    what is there. Reading raises `ClientDisconnected`, an `OSError`, when the client went away.

    `pull() -> (chunk, more)` fetches the next chunk; it is not called after `more` was false.
    """

    # Its repr is to show the name to import it by.
    __module__ = "temps_plugin.wsgi"

    def __init__(self, pull: Callable[[], tuple[bytes, bool]]) -> None:
        self._pull = pull
        self._chunk = b""
        self._at = 0
        self._over = False

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = sys.maxsize if size is None or size < 0 else size
        parts: list[bytes] = []
        while wanted > 0 and self._has_some():
            part = self._take(self._at + wanted)
            parts.append(part)
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int | None = -1, /) -> bytes:
        if size == 0 or not self._has_some():
            return b""
        return self._take(len(self._chunk) if size is None or size < 0 else self._at + size)

    def readline(self, size: int | None = -1, /) -> bytes:
        wanted = sys.maxsize if size is None or size < 0 else size
        parts: list[bytes] = []
        while wanted > 0 and self._has_some():
            newline = self._chunk.find(b"\n", self._at, self._at + wanted)
            part = self._take(newline + 1 if newline >= 0 else self._at + wanted)
            parts.append(part)
            if newline >= 0:
                break
            wanted -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readlines(self, hint: int | None = -1, /) -> list[bytes]:
        lines: list[bytes] = []
        total = 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def _has_some(self) -> bool:
        """Fetches until there is something to take; false at the end of the body."""
        if self.closed:
            raise ValueError("wsgi.input was closed by the application; it cannot be read any more")
        while self._at >= len(self._chunk):
            if self._over:
                return False
            self._chunk, more = self._pull()
            self._at = 0
            self._over = not more
        return True

    def _take(self, end: int) -> bytes:
        part = self._chunk[self._at : end]
        self._at += len(part)
        if self._at >= len(self._chunk):
            self._chunk, self._at = b"", 0
        return part


class Exchange:
    """One request, where its worker thread and its ASGI task meet.

    `pull`, `push` and `finish` are for the thread; everything else is the task's. `started` says
    whether the server has taken the head of a response, `gone` whether the client has left.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._loop = asyncio.get_running_loop()
        self._receive = receive
        self._send = send
        self.started = False
        self.gone = False
        self._order: Callable[[], Awaitable[Any]] | None = None
        self._turn = threading.Lock()
        # A queue, as the end of the task may put a second answer beside one not yet taken.
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._waiter: asyncio.Future[None] | None = None
        self._finished = False
        self._error: BaseException | None = None
        self._closed = False
        self._held: Received | None = None
        self._body_over = False
        self._ahead: asyncio.Task[Received] | None = None

    def pull(self) -> tuple[bytes, bool]:
        """The next chunk of the request's body, and whether there may be more."""
        message = self._ask(self._next_body)
        return bytes(message.get("body", b"")), bool(message.get("more_body", False))

    def push(self, *messages: Message) -> None:
        """Sends messages, and returns once the server has taken them all."""
        self._ask(lambda: self._send_all(messages))

    def finish(self, error: BaseException | None) -> None:
        """Says that the thread has done its work, and what went wrong."""
        if self._closed and error is not None and not comes_from_disconnect(error):
            _log.error("the WSGI application failed after its request was over", exc_info=error)
        self._error = error
        self._finished = True
        self._wake_task()

    def _ask(self, order: Callable[[], Awaitable[_T]]) -> _T:
        with self._turn:
            if not self._closed:
                self._order = order
                self._wake_task()
                answer, error = self._answers.get()
                if error is None:
                    return answer  # type: ignore[no-any-return]
                try:
                    raise error
                finally:
                    del error
        raise _over()

    def _wake_task(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            # The loop is closed, so the task has ended, or will never run again.
            self._answers.put((None, _over()))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def serve(self) -> BaseException | None:
        """Carries out the thread's orders until it has finished; returns what went wrong there."""
        try:
            while not self._finished:
                self._waiter = self._loop.create_future()
                await self._waiter
                order, self._order = self._order, None
                if order is None:
                    continue
                try:
                    self._answers.put((await order(), None))
                except Exception as error:
                    self._answers.put((None, error))
            error_there, self._error = self._error, None
            return error_there
        finally:
            self._closed = True
            self._answers.put((None, _over()))
            if self._ahead is not None:
                self._ahead.cancel()

    async def _send_all(self, messages: tuple[Message, ...]) -> None:
        if self.gone:
            raise ClientDisconnected("the client went away before the response was over")
        try:
            for message in messages:
                await self._send(message)
                self.started = True
        except OSError as error:
            self.gone = True
            raise ClientDisconnected("the client went away during the response") from error
        if messages[-1].get("more_body"):
            self._look_ahead()

    async def _next_body(self) -> Received:
        while self._held is None and not self.gone:
            if self._ahead is None:
                self._keep(await self._receive_one())
            else:
                # Its callback is older than this wait, so the message is kept when we go on.
                await asyncio.wait([self._ahead])
        if self._held is None:
            raise ClientDisconnected("the client went away before the request's body was complete")
        message, self._held = self._held, None
        return message

    def _look_ahead(self) -> None:
        """Listens for the client's leaving while a response streams.

        Many servers say it in `receive()` only. No more than one chunk of a body is held for it.
        """
        full = self._held is not None and self._held.get("more_body")
        if self._ahead is None and not full and not self.gone and not self._closed:
            self._ahead = self._loop.create_task(self._receive_one())
            self._ahead.add_done_callback(self._arrived)

    def _arrived(self, ahead: asyncio.Task[Received]) -> None:
        self._ahead = None
        if ahead.cancelled():
            return
        error = ahead.exception()
        if error is None:
            if self._keep(ahead.result()):
                self._look_ahead()
        else:
            _log.error("the ASGI server's receive() failed", exc_info=error)
            self.gone = True

    async def _receive_one(self) -> Received:
        try:
            return await self._receive()
        except OSError:
            return {"type": "http.disconnect"}

    def _keep(self, message: Received) -> bool:
        """Takes note of a message; true when the next one can only be that the client left."""
        if message["type"] != "http.request":
            self.gone = True
            return False
        if self._body_over:
            # A server that repeats the end of the body: it has nothing more to tell.
            return False
        self._held = message
        self._body_over = not message.get("more_body", False)
        return self._body_over


def _over() -> ClientDisconnected:
    return ClientDisconnected("the request is over: the server gave it up, or it was answered")


def comes_from_disconnect(error: BaseException | None) -> bool:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ClientDisconnected):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
