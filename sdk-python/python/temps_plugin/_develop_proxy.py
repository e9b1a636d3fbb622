"""The host's proxy for a plugin under development: HTTP on 127.0.0.1 to the plugin's socket.

One request a connection. What follows its head is carried both ways unread, so bodies stream,
trailers arrive and an upgraded connection is whatever both sides make of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import secrets
import socket
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ._develop_channel import ChannelSlot, json_object

if TYPE_CHECKING:
    from ._develop_plugin import RunningPlugin, Say, Settings

_CHUNK = 65536
_EVENT_LIMIT = 1024 * 1024
_START_SECONDS = 60
_NOT_PASSED_ON = (
    b"connection", b"keep-alive", b"proxy-connection",
    b"cookie", b"authorization", b"proxy-authorization",
)  # fmt: skip


class Refused(Exception):
    """The request is answered here, with a status and a reason for the developer."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail


class Request:
    """The head of a request: header names are in lower case, values as they came."""

    def __init__(self, method: str, target: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.method = method
        self.target = target
        self.headers = headers

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header."""
        return next((value for found, value in self.headers if found == name), None)


class Proxy:
    """Listens for as long as ``run`` runs; ``plugin`` comes and goes.

    ``idle`` is why there is no plugin to wait for, or None while one is starting.
    """

    def __init__(self, settings: Settings, say: Say) -> None:
        self.channel = ChannelSlot()
        self._settings = settings
        self._say = say
        self._plugin: RunningPlugin | None = None
        self._idle: str | None = None
        self._settled = asyncio.Event()
        self._actor_token = secrets.token_urlsafe(32)
        self.port = 0

    async def listen(self) -> asyncio.Server:
        """Open the port. Raises `OSError` when it is taken."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self._settings.port)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def starting(self) -> None:
        """A plugin is being started: let requests wait for it."""
        self._plugin, self._idle = None, None
        self._settled.clear()

    def up(self, plugin: RunningPlugin) -> None:
        """Send requests to ``plugin``."""
        self._plugin = plugin
        self._settled.set()

    def down(self, reason: str) -> None:
        """There is no plugin, and none is coming before something changes."""
        self._plugin, self._idle = None, reason
        self._settled.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            try:
                await self._handle(reader, writer)
            except Refused as refusal:
                await _respond(writer, refusal.status, refusal.title, _problem(refusal))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _read_head(reader)
        self._check_origin(request)
        if request.method == "POST" and request.target == "/events":
            await self._take_event(request, reader, writer)
            return
        plugin = await self._current()
        prefix = f"/api/x/{plugin.name}"
        path, mark, query = request.target.partition("?")
        if path == "/":
            place = f"{prefix}/ui/" if plugin.has_ui else f"{prefix}/"
            await _respond(writer, 307, "Temporary Redirect", b"", f"location: {place}\r\n")
            return
        if path != prefix and not path.startswith(f"{prefix}/"):
            raise Refused(404, "Not Found", f"The plugin is at {prefix}/.")
        inner = path.removeprefix(prefix) or "/"
        if _is_reserved(inner):
            raise Refused(404, "Not Found", "The platform keeps this path for itself.")
        head = self._head_for(plugin, request, inner + mark + query)
        await self._forward(plugin, head, request, reader, writer)

    async def _current(self) -> RunningPlugin:
        try:
            await asyncio.wait_for(self._settled.wait(), _START_SECONDS)
        except asyncio.TimeoutError:
            raise Refused(502, "Bad Gateway", "The plugin is still starting.") from None
        if self._plugin is None:
            raise Refused(502, "Bad Gateway", f"The plugin is not running: {self._idle}.")
        return self._plugin

    def _check_origin(self, request: Request) -> None:
        """Keep other web pages out: whoever asks here is signed in."""
        hosts = [f"{name}:{self.port}" for name in ("127.0.0.1", "localhost")]
        host = (request.header(b"host") or b"").decode("latin-1").lower()
        if host not in hosts:
            raise Refused(403, "Forbidden", f"The host has to be {hosts[0]}, not {host!r}.")
        origin = request.header(b"origin")
        if origin is not None and origin.decode("latin-1") not in [f"http://{h}" for h in hosts]:
            raise Refused(403, "Forbidden", "Only pages of this server may ask here.")

    def _head_for(self, plugin: RunningPlugin, request: Request, target: str) -> bytes:
        """The head of the request to the plugin, with what the platform adds."""
        upgrade = b"upgrade" in (request.header(b"connection") or b"").lower()
        lines = [f"{request.method} {target} HTTP/1.1".encode("latin-1")]
        for name, value in request.headers:
            if name not in _NOT_PASSED_ON and not name.startswith(b"x-temps-"):
                lines.append(name + b": " + value)
        lines.append(b"connection: upgrade" if upgrade else b"connection: close")
        ours = {
            "plugin": plugin.name,
            "request-id": str(uuid.uuid4()),
            "user-id": "1",
            "user-email": "developer@localhost",
            "user-role": self._settings.role,
            "user-permissions": self._settings.permissions,
            "auth-signature": plugin.secret,
        }
        if self._settings.dialect == 2 and plugin.manifest.get("capabilities"):
            ours["actor-token"] = self._actor_token
        lines += [f"x-temps-{name}: {value}".encode() for name, value in ours.items()]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    async def _forward(
        self,
        plugin: RunningPlugin,
        head: bytes,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        inner = await _connect(plugin.socket)
        sending = asyncio.create_task(_send_request(head, reader, inner))
        receiving = asyncio.create_task(_pass_back(inner, writer))
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
            caller_left = sending.done() and sending.result() and not receiving.done()
            if not caller_left:
                first = await receiving
                if not first:
                    raise Refused(502, "Bad Gateway", "The plugin gave no answer.")
                status = first[9:12].decode("latin-1")
                self._say(f"{request.method} {request.target} {status}")
        finally:
            sending.cancel()
            receiving.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)
            inner.close()

    async def _take_event(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        length = request.header(b"content-length") or b""
        if not length.isdigit() or int(length) > _EVENT_LIMIT:
            raise Refused(411, "Length Required", "An event needs a Content-Length up to 1 MiB.")
        event = _event_of(await reader.readexactly(int(length)))
        await self._current()
        if self.channel.channel is None:
            raise Refused(503, "Service Unavailable", "The plugin has no channel open.")
        await self.channel.channel.send_event(event)
        await _respond(writer, 202, "Accepted", json.dumps(event).encode())


async def _read_head(reader: asyncio.StreamReader) -> Request:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        detail = "The head of the request is over 64 KiB."
        raise Refused(431, "Request Header Fields Too Large", detail) from None
    lines = head[:-4].split(b"\r\n")
    words = lines[0].split(b" ")
    if len(words) != 3 or not words[1].startswith(b"/") or b"\n" in head.replace(b"\r\n", b""):
        raise Refused(400, "Bad Request", "This is no HTTP/1.1 request for a path.")
    headers: list[tuple[bytes, bytes]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip() or b"\r" in line:
            raise Refused(400, "Bad Request", "A header of the request is malformed.")
        headers.append((name.lower(), value.strip()))
    return Request(words[0].decode("latin-1"), words[1].decode("latin-1"), headers)


def _is_reserved(path: str) -> bool:
    """Whether a path is the platform's own, however it is written."""
    for _ in range(3):
        path = unquote(path)
    segments: list[str] = []
    for segment in path.replace("\\", "/").split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(segment)
    return segments[:1] == ["_temps"] or segments == ["_events"]


async def _connect(path: str) -> socket.socket:
    """A connection to the plugin.

    A bare socket and no stream: one that cannot be written to any more can still be read from, and
    a plugin may answer and close before it has read a body.
    """
    inner = socket.socket(socket.AF_UNIX)
    inner.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(inner, path)
    except OSError:
        inner.close()
        raise Refused(502, "Bad Gateway", "The plugin does not accept connections.") from None
    return inner


async def _send_request(head: bytes, reader: asyncio.StreamReader, inner: socket.socket) -> bool:
    """Send a request; returns whether it was the caller that ended it, and not the plugin."""
    loop = asyncio.get_running_loop()
    piece = head
    while piece:
        try:
            await loop.sock_sendall(inner, piece)
        except OSError:
            return False
        try:
            piece = await reader.read(_CHUNK)
        except OSError:
            return True
    return True


async def _pass_back(inner: socket.socket, writer: asyncio.StreamWriter) -> bytes:
    """Pass on what the plugin sends until it ends; returns the first of it."""
    loop = asyncio.get_running_loop()
    first = b""
    with contextlib.suppress(OSError):
        while piece := await loop.sock_recv(inner, _CHUNK):
            first = first or piece[:64]
            writer.write(piece)
            await writer.drain()
    return first


def _event_of(body: bytes) -> dict[str, Any]:
    """The envelope of an event, with an id and a time when it has none."""
    event = json_object(body)
    if event is None or not isinstance(event.get("event_type"), str):
        detail = 'An event is a JSON object with an "event_type" like "deployment.succeeded".'
        raise Refused(400, "Bad Request", detail)
    now = datetime.datetime.now(datetime.timezone.utc)
    usual: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "project_id": None,
        "data": {},
    }
    return {**usual, **event}


def _problem(refusal: Refused) -> bytes:
    return json.dumps(
        {
            "type": "about:blank",
            "title": refusal.title,
            "status": refusal.status,
            "detail": refusal.detail,
        }
    ).encode()


async def _respond(
    writer: asyncio.StreamWriter, status: int, title: str, body: bytes, headers: str = ""
) -> None:
    kind = "application/problem+json" if status >= 400 else "application/json"
    head = (
        f"HTTP/1.1 {status} {title}\r\n{headers}content-type: {kind}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    writer.write(head.encode("latin-1") + body)
    await writer.drain()
