"""Routes that give a request back, and who sent it."""

from __future__ import annotations

from base64 import b64encode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from temps_plugin import Caller, PluginContext, caller

from everything.asgi import Gone, answer, endpoint, header, pull

# Most bytes `/echo` keeps to send back: 64 MiB.
ECHO_BYTES = 64 * 1024 * 1024


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        body = await _whole_body(receive)
    except Gone:
        return
    if body is None:
        error = f"the body is too large; allowed: {ECHO_BYTES} bytes"
        await answer(send, 400, {"error": error})
        return
    seen = {
        "method": scope["method"],
        "path": _text(scope["raw_path"]),
        "query": _query(scope),
        "headers": [[_text(name), _text(value)] for name, value in scope["headers"]],
        "body_base64": b64encode(body).decode("ascii"),
        "body_length": len(body),
    }
    await answer(send, 200, seen)


async def _whole_body(receive: Receive) -> bytes | None:
    """The body, or None when it is too large to keep."""
    pieces = []
    size = 0
    more = True
    while more:
        message = await pull(receive)
        piece = message.get("body", b"")
        size += len(piece)
        if size > ECHO_BYTES:
            return None
        pieces.append(piece)
        more = message.get("more_body", False)
    return b"".join(pieces)


def _query(scope: Scope) -> str | None:
    """The text after `?`. To ASGI `/echo?` and `/echo` are the same, to the SDK they are not."""
    target: bytes = scope["extensions"]["temps"]["target"]
    _, mark, query = target.partition(b"?")
    return _text(query) if mark else None


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "replace")


async def stream_echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Each piece of the body goes back as it comes, trailers included."""
    content_type = header(scope, b"content-type") or b"application/octet-stream"
    headers = [(b"content-type", content_type)]
    # HTTP/1.1 sends only trailers that were announced.
    announced = header(scope, b"trailer")
    if announced is not None:
        headers.append((b"trailer", announced))
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    await send({**start, "trailers": announced is not None})
    # An empty piece sends the head at once; else it would wait for the first piece of the body.
    await send({"type": "http.response.body", "more_body": True})
    try:
        last = await _send_back(receive, send)
    except Gone:
        return
    if announced is not None:
        trailers = last.get("trailers", [])
        await send({"type": "http.response.trailers", "headers": trailers})


async def _send_back(receive: Receive, send: Send) -> Message:
    """Sends the body back and returns its last message, which has the request's trailers."""
    while True:
        message = await pull(receive)
        more = message.get("more_body", False)
        piece = message.get("body", b"")
        await send({"type": "http.response.body", "body": piece, "more_body": more})
        if not more:
            return message


async def web_socket(socket: WebSocket) -> None:
    """When the plugin stops, the SDK sends the close frame."""
    await socket.accept()
    try:
        while (message := await socket.receive())["type"] == "websocket.receive":
            if message.get("text") is not None:
                await socket.send_text(message["text"])
            else:
                await socket.send_bytes(message["bytes"])
    except WebSocketDisconnect:
        # The peer left while its message was on its way back.
        return


async def whoami(request: Request) -> Response:
    return JSONResponse(_describe(caller(request)))


async def private(request: Request) -> Response:
    found = caller(request)
    status = 200 if found else 401
    return JSONResponse(_describe(found), status)


def _describe(found: Caller | None) -> dict[str, object]:
    if found is None:
        return {"signed_in": False}
    return {
        "signed_in": True,
        "user_id": found.user_id,
        "email": found.email,
        "role": found.role,
        "permissions": list(found.permissions),
    }


async def hello(_: Request) -> Response:
    return JSONResponse({"hello": "world"})


async def context(request: Request) -> Response:
    ctx: PluginContext = request.app.state.ctx
    seen = {
        "plugin_name": ctx.plugin_name,
        "data_dir": str(ctx.data_dir),
        "dialect": ctx.dialect,
    }
    return JSONResponse(seen)


routes = [
    Route("/stream/echo", endpoint(stream_echo), methods=["POST"]),
    WebSocketRoute("/ws", web_socket),
    Route("/whoami", whoami),
    Route("/private", private),
    Route("/public/hello", hello),
    Route("/context", context),
]
