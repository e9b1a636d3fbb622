"""The least an ASGI application does: one route, one answer, its length declared."""

from __future__ import annotations

from typing import Any

# What the JSON route of the Rust side answers, byte for byte.
BODY = b'{"id":7,"name":"shop","state":"ready","labels":["blue","round"],"score":0.5}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(BODY)).encode()),
    ],
}
END = {"type": "http.response.body", "body": BODY}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise RuntimeError(f"{scope['type']} is not supported")
    await send(START)
    await send(END)
