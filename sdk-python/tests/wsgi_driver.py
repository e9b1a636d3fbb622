"""A small ASGI server that drives `WsgiApp`, for the tests of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from typing import Any

from temps_plugin.wsgi import WsgiApp

LIMIT = 30.0
"""Seconds after which a test that hangs fails. No test takes a noticeable part of it."""

Environ = dict[str, Any]
Message = MutableMapping[str, Any]


class Client:
    """The server's side of one request: feeds `receive()` and keeps what `send()` is given."""

    def __init__(self, chunks: Iterable[bytes] = (b"",)) -> None:
        self.chunks = iter(chunks)
        self.coming: bytes | None = next(self.chunks, b"")
        self.pulled = 0
        self.sent: list[Message] = []
        self.gone = asyncio.Event()
        self.send_error: Exception | None = None
        self.on_send: Callable[[Message], Awaitable[None]] | None = None

    async def receive(self) -> Message:
        if self.gone.is_set() or self.coming is None:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        self.pulled += 1
        chunk, self.coming = self.coming, next(self.chunks, None)
        return {"type": "http.request", "body": chunk, "more_body": self.coming is not None}

    async def send(self, message: Message) -> None:
        if self.send_error is not None:
            error, self.send_error = self.send_error, None
            raise error
        self.sent.append(message)
        if self.on_send is not None:
            await self.on_send(message)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        headers: list[tuple[bytes, bytes]] = self.sent[0]["headers"]
        return headers

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def complete(self) -> bool:
        types = [message["type"] for message in self.sent]
        assert types == ["http.response.start"] + ["http.response.body"] * (len(types) - 1), types
        ends = [not message.get("more_body", False) for message in self.sent[1:]]
        assert not any(ends[:-1]), "a message after the end of the response"
        return bool(ends) and ends[-1]


def scope_of(method: str = "GET", path: str = "/", **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogateescape"),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": None,
        "server": None,
        **more,
    }


def run(test: Awaitable[Any]) -> Any:
    async def limited() -> Any:
        return await asyncio.wait_for(test, LIMIT)

    return asyncio.run(limited())


def ask(app: Any, method: str = "GET", chunks: Iterable[bytes] = (b"",), **scope: Any) -> Client:
    """One request to a WSGI application, from start to end."""

    async def request() -> Client:
        client = Client(chunks)
        await WsgiApp(app)(scope_of(method, **scope), client.receive, client.send)
        return client

    result: Client = run(request())
    return result


def answer(*chunks: bytes, status: str = "200 OK", headers: Any = ()) -> Any:
    """A WSGI application that answers a stream of these chunks."""

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response(status, list(headers))
        yield from chunks

    return app


async def until(condition: Callable[[], bool]) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0)

    await asyncio.wait_for(poll(), LIMIT)


def fail(app: Any, method: str = "GET") -> tuple[Client, BaseException | None]:
    """A request that goes wrong: what was sent, and what the server was told."""
    raised: BaseException | None = None

    async def request() -> Client:
        nonlocal raised
        client = Client()
        try:
            await WsgiApp(app)(scope_of(method), client.receive, client.send)
        except Exception as error:
            raised = error
        return client

    client = run(request())
    return client, raised
