"""Author code that goes wrong on request: answers that are none, bodies left alone, responses that
break off, hooks that hold."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from temps_plugin import PluginContext

from everything.asgi import answer, endpoint
from everything.produce import number_of_bytes, parameter, pattern

# How often a start hook that holds looks whether it may go on, in seconds.
HOLD_POLL = 0.01


async def give_answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Whatever ASGI can express goes to the SDK unchecked."""
    wanted: dict[str, Any] = await Request(scope, receive).json()
    headers = [(name.encode(), value.encode()) for name, value in wanted["headers"]]
    await send({"type": "http.response.start", "status": wanted["status"], "headers": headers})
    await send({"type": "http.response.body", "body": wanted["body"].encode()})


async def unread(scope: Scope, receive: Receive, send: Send) -> None:
    ms = parameter(QueryParams(scope["query_string"]), "ms", 0)
    if ms is None:
        await answer(send, 400, {"error": "ms must be a whole number"})
        return
    await asyncio.sleep(ms / 1000)
    await answer(send, 200, {"read": 0})


async def broken(scope: Scope, receive: Receive, send: Send) -> None:
    n = number_of_bytes(scope["path_params"]["n"])
    if n is None:
        await answer(send, 400, {"error": "that is no number of bytes"})
        return
    headers = [(b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in pattern(n):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    raise RuntimeError("the request asked for a response that breaks off")


async def hidden(_: Request) -> Response:
    """The SDK's own route hides this one."""
    return JSONResponse({"error": "this is the SDK's to answer"}, 418)


async def hold_start(ctx: PluginContext) -> None:
    """Waits for as long as `hold-start` is in the data directory."""
    hold = ctx.data_dir / "hold-start"
    while hold.exists():
        await asyncio.sleep(HOLD_POLL)


def stop_is_to_fail(ctx: PluginContext) -> bool:
    """Whether `fail-stop` is in the data directory."""
    return (ctx.data_dir / "fail-stop").exists()


routes = [
    Route("/answer", endpoint(give_answer), methods=["POST"]),
    Route("/unread", endpoint(unread), methods=["POST"]),
    Route("/broken/{n}", endpoint(broken), methods=["GET"]),
    Route("/health", hidden, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
]
