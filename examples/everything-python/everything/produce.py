"""Routes that make responses of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from everything.asgi import answer, disconnected, endpoint, whole_number

# Most bytes `/bytes/{n}` makes: 1 GiB.
MOST_BYTES = 1 << 30
MOST_MILLISECONDS = 2**63 - 1
# Whole periods of the pattern of `/bytes/{n}`: one chunk serves for the whole body.
CHUNK = bytes(range(251)) * 256


async def status(request: Request) -> Response:
    code = whole_number(request.path_params["code"], 200, 599)
    if code is None:
        found = request.path_params["code"]
        return bad_request(f"{found!r} is no status; allowed: 200 to 599")
    if code in (204, 205, 304):
        return Response(status_code=code)
    return JSONResponse({"status": code}, code)


async def many_bytes(scope: Scope, receive: Receive, send: Send) -> None:
    n = number_of_bytes(scope["path_params"]["n"])
    if n is None:
        found = scope["path_params"]["n"]
        error = f"{found!r} is no number of bytes; allowed: 0 to {MOST_BYTES}"
        await answer(send, 400, {"error": error})
        return
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", str(n).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for piece in pattern(0 if scope["method"] == "HEAD" else n):
        # Waits while the peer does not read: no more than a few pieces are ever in memory.
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


def number_of_bytes(text: str) -> int | None:
    return whole_number(text, 0, MOST_BYTES)


def pattern(n: int) -> Iterator[bytes]:
    """`n` bytes of which number `i` is `i` mod 251, in pieces."""
    for left in range(n, 0, -len(CHUNK)):
        yield CHUNK if left >= len(CHUNK) else CHUNK[:left]


async def server_sent_events(request: Request) -> Response:
    count = parameter(request.query_params, "count", 3)
    interval = parameter(request.query_params, "interval_ms", 0)
    if count is None or interval is None:
        return bad_request("count and interval_ms must be whole numbers")
    # Given as a `media_type`, it would get a charset.
    headers = {"content-type": "text/event-stream"}
    return StreamingResponse(_events(count, interval), headers=headers)


async def _events(count: int, interval_ms: int) -> AsyncIterator[str]:
    for i in range(count):
        if i > 0 and interval_ms > 0:
            await asyncio.sleep(interval_ms / 1000)
        yield f'id: {i}\ndata: {{"n":{i}}}\n\n'


async def slow(scope: Scope, receive: Receive, send: Send) -> None:
    ms = parameter(QueryParams(scope["query_string"]), "ms", 0)
    if ms is None:
        await answer(send, 400, {"error": "ms must be a whole number"})
        return
    try:
        await asyncio.wait_for(disconnected(receive), ms / 1000)
    except asyncio.TimeoutError:
        await answer(send, 200, {"slept_ms": ms})
        return
    except asyncio.CancelledError:
        scope["app"].state.recorded.cancelled += 1
        raise
    scope["app"].state.recorded.cancelled += 1


async def cancelled(request: Request) -> Response:
    return JSONResponse({"cancelled": request.app.state.recorded.cancelled})


async def print_body(request: Request) -> Response:
    body = await request.body()
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        return bad_request(f"the body is no text: {error}")
    print(text)
    return JSONResponse({"printed": len(body)})


async def fail(_: Request) -> Response:
    raise RuntimeError("the request asked for a failing handler")


def parameter(query: QueryParams, name: str, default: int) -> int | None:
    return whole_number(query.get(name, str(default)), 0, MOST_MILLISECONDS)


def bad_request(error: str) -> Response:
    return JSONResponse({"error": error}, 400)


routes = [
    Route("/status/{code}", status),
    Route("/bytes/{n}", endpoint(many_bytes), methods=["GET"]),
    Route("/sse", server_sent_events),
    Route("/slow", endpoint(slow), methods=["GET"]),
    Route("/cancelled", cancelled),
    Route("/print", print_body, methods=["POST"]),
    Route("/panic", fail),
]
