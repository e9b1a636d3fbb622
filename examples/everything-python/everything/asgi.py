"""A few words of plain ASGI, for routes that need the protocol itself."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Gone(Exception):
    """The caller went away."""


def endpoint(handler: ASGIApp) -> ASGIApp:
    """`handler` as Starlette's router takes it: a plain function would be given a `Request`."""

    class Endpoint:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await handler(scope, receive, send)

    return Endpoint()


async def pull(receive: Receive) -> Message:
    """The next piece of the body; `Gone` when the caller went away instead."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    return message


async def disconnected(receive: Receive) -> None:
    """Waits until the caller goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def answer(send: Send, status: int, value: Any) -> None:
    """Sends JSON."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header; `name` in lower case."""
    return next((value for found, value in scope["headers"] if found == name), None)


def whole_number(text: str, low: int, high: int) -> int | None:
    """The number that `text` is, from `low` to `high`, or None. `int` would take `1_0` for one."""
    # Longer ones are out of every range, and too long ones make `int` raise.
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(2**64))):
        return None
    number = int(text)
    return number if low <= number <= high else None
