#!/usr/bin/env python3
"""A Temps plugin without an SDK: CPython 3.10 or later, its standard library, and PROTOCOL.md.

It keeps a list of the deployments it is told about, asks the platform what their projects are
called, and answers `GET /deployments` with the list. The text in brackets behind a sentence names
the rules of schema/PROTOCOL.md that the code below it keeps.

From top to bottom: arguments, standard streams, handshake, socket file, HTTP, who is asking,
WebSocket, channel, events, what this plugin is for, and its life from start to exit.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import collections
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import re
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

NAME = "plain-python"
MANIFEST: dict[str, Any] = {
    "name": NAME,
    "version": "0.1.0",
    "display_name": "Deployments, in plain Python",
    "description": "The deployments of late, with the names of their projects",
    "requires_db": False,  # Always written [MF-12].
    "host_permissions": ["events_read", "projects_read"],
    "events": ["deployment.*"],
}

HEALTH, EVENTS, CHANNEL, RESERVED = "/health", "/_events", "/_temps/channel", "/_temps"
LAUNCH_LINE_BYTES = 64 * 1024
HEAD_BYTES = 64 * 1024
BODY_BYTES = 16 * 1024 * 1024
MESSAGE_BYTES = 32 * 1024 * 1024
SOCKET_PATH_BYTES = 104 if sys.platform == "darwin" else 108
HANDSHAKE_SECONDS = 30.0
FIRST_CHANNEL_SECONDS = 30.0
DRAIN_SECONDS = 10.0
CALL_SECONDS = 10.0
CLOSE_SECONDS = 1.0


class Refusal(Exception):
    """Why the plugin does not start or go on. Its text is written to standard error."""


def log(level: str, message: str, **facts: object) -> None:
    """One line of JSON on standard error, never with the secret in it [IO-06, IO-07, IO-09]."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    record = {"timestamp": now, "level": level, "plugin": NAME, "message": message, **facts}
    # Nobody may be reading any more, which is no reason to stop.
    with contextlib.suppress(OSError):
        os.write(2, json.dumps(record).encode() + b"\n")


def parse_json(data: bytes | str) -> Any:
    """JSON as RFC 8259 has it. Raises ValueError for everything else."""

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"{word} is no JSON")

    text = data if isinstance(data, str) else data.decode("utf-8")
    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


# Arguments -----------------------------------------------------------------------------------

FLAGS = ("--socket-path", "--data-dir", "--auth-secret", "--database-url", "--host-api-url")


@dataclass(frozen=True)
class Arguments:
    """What the host said on the command line."""

    socket_path: str
    data_dir: str
    auth_secret: str | None = field(repr=False)
    unknown: tuple[str, ...] = ()

    @property
    def dialect(self) -> int:
        """Dialect 1 is the one with the secret among the arguments [LA-08]."""
        return 2 if self.auth_secret is None else 1


def parse_arguments(words: Sequence[str]) -> Arguments:
    """Reads flags in either spelling, passes over what it does not know [LA-09 to LA-11]."""
    found: dict[str, str] = {}
    unknown: list[str] = []
    rest = collections.deque(words)
    while rest:
        flag, joined, value = rest.popleft().partition("=")
        if flag in FLAGS:
            if not joined and rest and not rest[0].startswith("--"):
                value = rest.popleft()
            found[flag] = value
        elif flag.startswith("--"):
            unknown.append(flag)
    for flag in ("--socket-path", "--data-dir"):
        if not found.get(flag):
            raise Refusal(f"{flag} or its value is missing: an absolute path [LA-13, LA-14]")
    if found.get("--auth-secret") == "":
        raise Refusal("--auth-secret has no value: leave it out (dialect 2) or give the secret")
    secret = found.get("--auth-secret")
    return Arguments(found["--socket-path"], found["--data-dir"], secret, tuple(unknown))


# Standard streams and handshake --------------------------------------------------------------


def take_stdout() -> int:
    """Keeps standard output for the handshake and turns descriptor 1 to standard error, so that
    nothing printed by accident gets into the protocol [IO-01, IO-05]."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest free number, which is this one.
    handshake = os.dup(1)
    os.dup2(2, 1)
    return handshake


def write_line(descriptor: int, message: dict[str, Any]) -> None:
    """One handshake message: one line, at once [HS-01, HS-03]."""
    line = json.dumps(message).encode() + b"\n"
    try:
        while line:
            line = line[os.write(descriptor, line) :]
    except OSError as error:
        raise Refusal(f"the host does not read the handshake: {error.strerror}") from error


def first_line(dialect: int) -> dict[str, Any]:
    """Who this is [HS-12, HS-16]."""
    if dialect == 1:
        return {"type": "manifest", **MANIFEST}
    return {"type": "hello", "protocol_version": 2, "manifest": MANIFEST}


def ready_line(dialect: int) -> dict[str, Any]:
    """That it can be talked to [HS-13, HS-18]."""
    ready: dict[str, Any] = {"type": "ready", "ready": True, "has_ui": False}
    return ready if dialect == 1 else {**ready, "protocol_version": 2}


def judge_launch_line(line: bytes) -> str:
    """Takes the secret out of a launch line, or refuses the line without quoting it: the secret
    is in there somewhere [HS-26 to HS-33, IO-09]."""
    try:
        launch = parse_json(line.removesuffix(b"\r"))  # [HS-02]
    except ValueError:
        launch = None
    if not isinstance(launch, dict):
        raise Refusal("the launch line is not a JSON object [HS-26]")
    if launch.get("protocol_version") != 2:
        raise Refusal("the launch line's protocol_version is not the number 2 [HS-27]")
    secret = launch.get("auth_secret")
    if not isinstance(secret, str) or not re.fullmatch(r"[A-Za-z0-9_-]{32,256}", secret):
        raise Refusal(
            "the launch line's auth_secret is not 32 to 256 characters of A-Z a-z 0-9 _ - "
            "[HS-28, HS-29]"
        )
    for member, rule in (("database_url", "HS-31"), ("host_data_dir", "HS-33")):
        if launch.get(member) is not None:
            raise Refusal(f"the launch line has a {member}, which nobody asked for [{rule}]")
    return secret


def collect_launch_line() -> bytes:
    """Reads standard input up to the end of the line, or to one byte over the limit [HS-35]."""
    collected = b""
    while b"\n" not in collected and len(collected) <= LAUNCH_LINE_BYTES:
        try:
            piece = os.read(0, LAUNCH_LINE_BYTES + 1 - len(collected))
        except OSError:
            piece = b""
        if not piece:
            break
        collected += piece
    return collected


async def read_launch_line() -> bytes:
    """The launch line without its end [HS-34, HS-35, HS-36]."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bytes] = loop.create_future()

    def hand_over(collected: bytes) -> None:
        if not arrived.done():
            arrived.set_result(collected)

    def read() -> None:
        collected = collect_launch_line()
        # The loop is gone when the plugin was stopped in the meantime.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(hand_over, collected)

    # A thread, because standard input may be something that an event loop can't watch; a daemon,
    # because a signal may come while it waits [LC-14].
    threading.Thread(target=read, daemon=True).start()
    try:
        collected = await asyncio.wait_for(arrived, HANDSHAKE_SECONDS)
    except asyncio.TimeoutError:
        raise Refusal("no launch line within 30 s of hello [HS-36]") from None
    line, end, _ = collected.partition(b"\n")
    if len(line) + 1 > LAUNCH_LINE_BYTES:
        raise Refusal("the launch line is longer than 64 KiB [HS-35]")
    if not end:
        raise Refusal("standard input ended before the launch line did [HS-34]")
    return line


# Socket file ---------------------------------------------------------------------------------


def listen(path: str) -> socket.socket:
    """Listens at `path`, over what a former process left there [SO-01 to SO-05, SO-07]."""
    if len(os.fsencode(path)) + 1 > SOCKET_PATH_BYTES:
        raise Refusal(
            f"the socket path {path} is too long: with its NUL it may have {SOCKET_PATH_BYTES} "
            "bytes [SO-04]"
        )
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # Nobody else gets in, not even for the moment before a chmod.
    try:
        remove_stale_socket(path)
        listener.bind(path)
        os.chmod(path, 0o600)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise Refusal(f"can't listen at {path}: {error.strerror} [HS-39]") from error
    finally:
        os.umask(before)
    return listener


def remove_stale_socket(path: str) -> None:
    """Removes a socket file, and nothing else [SO-02, SO-07]."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise Refusal(f"{path} is there already and is no socket: not removed [SO-07]")
    os.unlink(path)


# HTTP ----------------------------------------------------------------------------------------

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
REASONS = {
    101: "Switching Protocols",
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Content Too Large",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    505: "HTTP Version Not Supported",
}


class BadRequest(Exception):
    """What is no HTTP request that can be served: a status and the reason for it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Request:
    """The head of a request. Names of headers are in lower case, repeated ones all there."""

    method: str
    path: str
    version: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)

    def all(self, name: str) -> list[str]:
        """The values of a header. Names with underscores are other names [AU-14]."""
        return [value for found, value in self.headers if found == name]

    def tokens(self, name: str) -> list[str]:
        """The values of a header that is a list, in lower case."""
        parts = ",".join(self.all(name)).split(",")
        return [part.strip().lower() for part in parts if part.strip()]

    @property
    def keeps_connection(self) -> bool:
        """[HT-02]"""
        wishes = self.tokens("connection")
        return "close" not in wishes and (self.version == "1.1" or "keep-alive" in wishes)

    @property
    def length(self) -> int | None:
        """How many bytes of body follow; None for chunks."""
        codings, lengths = self.tokens("transfer-encoding"), set(self.tokens("content-length"))
        if codings and lengths:
            raise BadRequest(400, "both Transfer-Encoding and Content-Length")
        if codings:
            if codings != ["chunked"]:
                raise BadRequest(501, "a transfer coding other than chunked")
            return None
        if len(lengths) > 1 or not all(re.fullmatch(r"[0-9]{1,15}", text) for text in lengths):
            raise BadRequest(400, "a Content-Length that is no length")
        return int(lengths.pop()) if lengths else 0


def parse_head(head: bytes) -> Request:
    """Reads a request's head, up to its empty line."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    matched = re.fullmatch(r"(\S+) (\S+) HTTP/([0-9]\.[0-9])", first)
    if matched is None or not TOKEN.fullmatch(matched[1]):
        raise BadRequest(400, "the first line is none of HTTP's")
    if matched[3] not in ("1.0", "1.1"):
        raise BadRequest(505, "HTTP/1.1 is spoken here")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not TOKEN.fullmatch(name) or re.search(r"[\0\r\n]", value):
            raise BadRequest(400, "a header that is none")
        headers.append((name.lower(), value.strip(" \t")))
    target = re.sub(r"^https?://[^/?#]*", "", matched[2], flags=re.IGNORECASE)
    path = target.partition("?")[0]
    return Request(matched[1], path, matched[3], tuple(headers))


class Body:
    """The body of a request, read only as far as somebody asks [HT-17, HT-20]."""

    def __init__(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader, self._writer = reader, writer
        length = request.length
        self._waits = "100-continue" in request.tokens("expect") and request.version == "1.1"
        self._pieces = self._chunks() if length is None else self._counted(length)

    async def read(self) -> bytes:
        """All of it. Raises BadRequest when it is too long."""
        if self._waits:
            self._waits = False
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        collected = bytearray()
        async for piece in self._pieces:
            collected += piece
            if len(collected) > BODY_BYTES:
                raise BadRequest(413, f"a body of more than {BODY_BYTES} bytes")
        return bytes(collected)

    async def discard(self) -> bool:
        """Passes over what was not read; whether another request may follow on the connection."""
        if self._waits:
            return False  # The peer may go on with the body or without it.
        async for _ in self._pieces:
            pass
        return True

    async def _counted(self, left: int) -> AsyncIterator[bytes]:
        while left > 0:
            piece = await self._reader.read(min(left, HEAD_BYTES))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            yield piece

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            size = (await self._reader.readuntil(b"\r\n")).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
                raise BadRequest(400, "a chunk without a size")
            if int(size, 16) == 0:
                break
            async for piece in self._counted(int(size, 16)):
                yield piece
            if await self._reader.readexactly(2) != b"\r\n":
                raise BadRequest(400, "a chunk that is longer than it says")
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass  # Trailers.


@dataclass(frozen=True)
class Response:
    """A whole response."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    def encode(self, request: Request | None, keep: bool) -> bytes:
        """The bytes of it; a `HEAD` gets them without the body [HT-34]."""
        lines = [f"HTTP/1.1 {self.status} {REASONS[self.status]}"]
        if self.status != 101:
            lines += [f"content-type: {self.content_type}", f"content-length: {len(self.body)}"]
            lines += [] if keep else ["connection: close"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head if request is not None and request.method == "HEAD" else head + self.body


def problem(status: int, detail: str, *headers: tuple[str, str]) -> Response:
    """A problem document (RFC 9457)."""
    document = {
        "type": "about:blank",
        "title": REASONS[status],
        "status": status,
        "detail": detail,
    }
    body = json.dumps(document).encode()
    return Response(status, body, "application/problem+json", headers)


# Who is asking -------------------------------------------------------------------------------


class Gate:
    """Compares what a request brings with the secret."""

    def __init__(self, secret: str, dialect: int) -> None:
        self._secret, self._dialect = os.fsencode(secret), dialect

    def admits(self, request: Request) -> bool:
        """Whether a request may go on; if not it is owed a 401, wherever it goes [AU-07]."""
        if request.path == HEALTH and request.method in ("GET", "HEAD"):
            return True  # [AU-08]
        signature = self._proof(request, "x-temps-auth-signature")
        if self._dialect == 2:
            return signature is True  # [AU-02, AU-03, AU-20]
        if request.path != EVENTS:
            return signature is not False  # [AU-10, AU-11]
        proofs = (signature, self._proof(request, "x-temps-auth"))
        return True in proofs and False not in proofs  # [AU-16 to AU-19]

    def _proof(self, request: Request, name: str) -> bool | None:
        """Whether a header holds the secret; None without it. In constant time [AU-04]."""
        values = [value.encode("latin-1") for value in request.all(name)]
        if not values:
            return None
        return all([hmac.compare_digest(value, self._secret) for value in values])


# WebSocket (RFC 6455), the server's side -----------------------------------------------------

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Broken(Exception):
    """The peer broke the rules of WebSocket: the close code that says how."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def accept_key(request: Request) -> str | None:
    """The answer to an upgrade, or None when the request is no proper one."""
    if request.method != "GET" or request.version != "1.1":
        return None
    if "websocket" not in request.tokens("upgrade"):
        return None
    if "upgrade" not in request.tokens("connection"):
        return None
    keys = request.all("sec-websocket-key")
    if request.all("sec-websocket-version") != ["13"] or len(keys) != 1:
        return None
    try:
        if len(base64.b64decode(keys[0], validate=True)) != 16:
            return None
    except binascii.Error:
        return None
    digest = hashlib.sha1(f"{keys[0]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    return base64.b64encode(digest).decode()


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """A whole message in one frame. A server does not mask."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, size])
    elif size < 0x10000:
        head = bytes([0x80 | opcode, 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, 127]) + size.to_bytes(8, "big")
    return head + payload


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Takes the client's mask off, as one large number: a loop over 16 MiB would take seconds."""
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    number = int.from_bytes(payload, "little") ^ int.from_bytes(repeated, "little")
    return number.to_bytes(size, "little")


async def read_frame(reader: asyncio.StreamReader, room: int) -> tuple[bool, int, bytes]:
    """The next frame: whether it is the last of its message, opcode, payload."""
    first, second = await reader.readexactly(2)
    final, opcode, size = bool(first & 0x80), first & 0x0F, second & 0x7F
    if first & 0x70 or opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
        raise Broken(1002, "a frame of no known kind")
    if not second & 0x80:
        raise Broken(1002, "a frame that is not masked")
    if opcode >= CLOSE and (not final or size > 125):
        raise Broken(1002, "a control frame in parts or of more than 125 bytes")
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    if size > room:
        raise Broken(1009, f"a message of more than {MESSAGE_BYTES} bytes")
    mask = await reader.readexactly(4)
    return final, opcode, unmask(await reader.readexactly(size), mask)


class WebSocket:
    """One end of an open WebSocket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._sending = asyncio.Lock()
        self._closed = False

    async def receive(self) -> str | bytes | None:
        """The next message, put together from its frames; None after a close frame. Pings are
        answered on the way [CH-36, CH-37]."""
        kind, collected = CONTINUATION, bytearray()
        while True:
            final, opcode, payload = await read_frame(self._reader, MESSAGE_BYTES - len(collected))
            if opcode == CLOSE:
                await self.close(payload[:2])
                return None
            if opcode == PING:
                await self._send(PONG, payload)
            if opcode >= CLOSE:
                continue
            if (opcode == CONTINUATION) != (kind != CONTINUATION):
                raise Broken(1002, "a frame that does not continue what was begun")
            kind = kind or opcode
            collected += payload
            if final:
                return self._message(kind, bytes(collected))

    async def send_text(self, text: str) -> None:
        """Sends a message [CH-16]."""
        await self._send(TEXT, text.encode())

    async def close(self, code: bytes) -> None:
        """Sends a close frame, once."""
        await self._send(CLOSE, code)
        self._closed = True

    async def _send(self, opcode: int, payload: bytes) -> None:
        async with self._sending:
            if not self._closed:
                self._writer.write(encode_frame(opcode, payload))
                await self._writer.drain()

    @staticmethod
    def _message(kind: int, payload: bytes) -> str | bytes:
        if kind == BINARY:
            return payload
        try:
            return payload.decode("utf-8")
        except UnicodeDecodeError:
            raise Broken(1007, "a text message that is no UTF-8") from None


# Channel -------------------------------------------------------------------------------------


class CallFailed(Exception):
    """Why a call has no result. `code` is the host's own when it was the host that said no, also
    one that this document does not list [CH-45, CH-46]."""

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class Channel:
    """The place for the one live channel there may be, and the calls that wait for an answer."""

    def __init__(self, dialect: int, on_event: Callable[[Event], None]) -> None:
        self._dialect, self._on_event = dialect, on_event
        self._live: WebSocket | None = None
        self._ended = asyncio.Event()
        self._pending: dict[int, tuple[str, asyncio.Future[Any]]] = {}
        self._ids = itertools.count(1)  # [CH-20, CH-21]
        self.opened = asyncio.Event()  # Set for good by the first one [CH-11].

    @property
    def is_live(self) -> bool:
        """[CH-03]"""
        return self._live is not None

    async def run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves a connection that has been upgraded, until it ends [CH-04, CH-05]."""
        live = self._live = WebSocket(reader, writer)
        self._ended.clear()
        self.opened.set()
        log("info", "the channel is open")
        try:
            while (message := await live.receive()) is not None:
                self._take(message)
        except Broken as error:
            log("warning", "the host broke the channel", reason=str(error))
            await live.close(error.code.to_bytes(2, "big"))
        finally:
            self._live = None
            self._ended.set()
            self._fail_calls()
            log("info", "the channel has ended")

    async def close(self) -> None:
        """Ends the channel with a close frame before the process goes [LC-10]."""
        if self._live is not None:
            with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
                await asyncio.wait_for(self._live.close((1001).to_bytes(2, "big")), CLOSE_SECONDS)
                await asyncio.wait_for(self._ended.wait(), CLOSE_SECONDS)

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Asks the host and waits for its answer, which may come in any order and not for ever
        [CH-29, CH-48, CH-50]. Raises CallFailed."""
        live, number = self._live, next(self._ids)
        if live is None:
            raise CallFailed("there is no channel")  # At once [CH-07].
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[number] = (method, answer)
        try:
            frame = encode_request(self._dialect, number, method, params)
            await asyncio.wait_for(live.send_text(frame), CALL_SECONDS)
            return await asyncio.wait_for(answer, CALL_SECONDS)
        except ConnectionError:
            raise CallFailed("the channel was lost") from None
        except asyncio.TimeoutError:
            raise CallFailed(f"no answer within {CALL_SECONDS:g} s") from None
        finally:
            del self._pending[number]  # Also when nobody waits any more [CH-52].

    def _fail_calls(self) -> None:
        for _, answer in self._pending.values():
            if not answer.done():
                answer.set_exception(CallFailed("the channel was lost"))  # [CH-06]

    def _take(self, message: str | bytes) -> None:
        """Does what a message asks for; what can't be read is skipped and logged
        [CH-30 to CH-33]."""
        try:
            if isinstance(message, bytes):
                raise ValueError("a binary message")
            frame = parse_json(message)
            kind = frame.get("type") if isinstance(frame, dict) else None
            if kind == "event":
                self._on_event(parse_event(frame.get("event")))
            elif kind == "response":
                self._answer(frame)
            else:
                raise ValueError("neither an event nor a response")
        except ValueError as error:
            log("warning", "skipped a message of the host", reason=str(error))

    def _answer(self, frame: dict[str, Any]) -> None:
        number = frame.get("id")
        waiting = self._pending.get(number) if type(number) is int else None
        if waiting is None or waiting[1].done():
            raise ValueError("a response to no call under way")  # [CH-31]
        method, answer = waiting
        try:
            answer.set_result(read_outcome(self._dialect, method, frame))
        except CallFailed as error:
            answer.set_exception(error)


def encode_request(dialect: int, number: int, method: str, params: dict[str, Any]) -> str:
    """A request as the dialect writes it [CH-18, CH-19, CH-22, CH-23]."""
    call = {"method": method, "params": params}
    inner = call if dialect == 1 else {"call": call}
    return json.dumps({"type": "request", "id": number, **inner})


def read_outcome(dialect: int, method: str, frame: dict[str, Any]) -> Any:
    """The result in a response. Raises CallFailed for an error, and for what is neither
    [CH-34, CH-35]."""
    if dialect == 1:
        error = frame.get("error")
        found, result = "result" in frame, frame.get("result")
    else:
        outcome = frame.get("outcome")
        outcome = outcome if isinstance(outcome, dict) else {}
        error, ok = outcome.get("err"), outcome.get("ok")
        found = isinstance(ok, dict) and "result" in ok
        result = ok["result"] if isinstance(ok, dict) and found else None
        answered = ok.get("method") if isinstance(ok, dict) else None
        if found and answered != method:
            raise CallFailed(f"asked for {method}, answered for {answered}")
    if isinstance(error, dict):
        code, message = error.get("code"), error.get("message")
        if isinstance(code, str) and isinstance(message, str):
            raise CallFailed(message, code)
    if error is not None or not found:
        raise CallFailed(f"the answer to {method} has neither a result nor an error")
    return result


# Events --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """What happened, as the host tells it."""

    id: str
    event_type: str
    timestamp: str
    project_id: int | None
    data: Any


def parse_event(value: Any) -> Event:
    """Reads an envelope, leniently where nothing depends on it [EV-06 to EV-14]. Raises
    ValueError for what is no event."""
    if not isinstance(value, dict):
        raise ValueError("an event that is no object")
    for member in ("id", "event_type", "timestamp"):
        text = value.get(member)
        if not isinstance(text, str) or (not text and member != "timestamp"):
            raise ValueError(f"an event whose {member} is no text or empty")
    project_id = value.get("project_id")
    if project_id is not None and (type(project_id) is not int or abs(project_id) >= 2**31):
        raise ValueError("an event whose project_id is no integer of 32 bits")
    return Event(
        value["id"], value["event_type"], value["timestamp"], project_id, value.get("data", {})
    )


class EventQueue:
    """Hands events to author code one at a time, in the order in which they came [EV-22]. It is
    not bounded: what a host has written is not to be lost, and an envelope is small."""

    def __init__(self, handler: Callable[[Event], Awaitable[None]]) -> None:
        self._handler = handler
        self._waiting: asyncio.Queue[Event] = asyncio.Queue()
        self.put = self._waiting.put_nowait
        self.handed_over = self._waiting.join  # Waits until there is none left.

    async def deliver(self) -> None:
        """For ever. Beside it the channel is read, so that handlers can make calls [EV-26]."""
        while True:
            event = await self._waiting.get()
            try:
                await self._handler(event)
            except Exception as error:  # Whatever it was, the next one follows [EV-23 to EV-25].
                log("error", "an event handler failed", event=event.id, error=repr(error))
            finally:
                self._waiting.task_done()


# What this plugin is for ---------------------------------------------------------------------


class Deployments:
    """The last deployments there were news of, kept in the data directory."""

    KEPT = 100

    def __init__(self, data_dir: Path, call: Callable[[str, dict[str, Any]], Awaitable[Any]]):
        self._call = call
        self._file = data_dir / "deployments.json"
        self._known: dict[int, dict[str, Any]] = self._load()

    def _load(self) -> dict[int, dict[str, Any]]:
        try:
            entries = parse_json(self._file.read_bytes())
            return {entry["deployment_id"]: entry for entry in entries}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as error:
            log("warning", "deployments of former runs can't be read", error=repr(error))
            return {}

    def save(self) -> None:
        """Writes the file whole or not at all. A full disk costs the memory of a restart, not the
        plugin."""
        partial = self._file.with_suffix(".new")
        try:
            partial.write_text(json.dumps(list(self._known.values())))
            partial.replace(self._file)
        except OSError as error:
            log("warning", "deployments can't be written down", error=repr(error))

    async def on_event(self, event: Event) -> None:
        """Takes note of a deployment."""
        number = event.data.get("deployment_id") if isinstance(event.data, dict) else None
        if not event.event_type.startswith("deployment.") or type(number) is not int:
            log("info", "an event that is about no deployment", event=event.id)
            return
        self._known.pop(number, None)  # The latest news stand last.
        self._known[number] = {
            "deployment_id": number,
            "state": event.event_type.removeprefix("deployment."),
            "project_id": event.project_id,
            "project": await self._project_name(event.project_id),
            "at": event.timestamp,
        }
        while len(self._known) > self.KEPT:
            del self._known[next(iter(self._known))]

    async def _project_name(self, project_id: int | None) -> str | None:
        """What the project is called. The platform may say no at any time [MF-32]."""
        if project_id is None:
            return None
        try:
            project = await self._call("get_project", {"project_id": project_id})
        except CallFailed as error:
            log("warning", "a project stays without a name", error=str(error), code=error.code)
            return None
        name = project.get("name") if isinstance(project, dict) else None
        return name if isinstance(name, str) else None

    def answer(self, request: Request) -> Response:
        """The routes: there is one."""
        if request.path != "/deployments":
            return problem(404, "there is no such route")  # [HT-08]
        if request.method not in ("GET", "HEAD"):
            return problem(405, "only GET", ("allow", "GET, HEAD"))
        newest_first = list(self._known.values())[::-1]
        return Response(200, json.dumps({"deployments": newest_first}).encode())


# Life ----------------------------------------------------------------------------------------


class Plugin:
    """The plugin from its open socket to its exit."""

    def __init__(self, arguments: Arguments, secret: str) -> None:
        self._path, dialect = arguments.socket_path, arguments.dialect
        self._gate = Gate(secret, dialect)
        self.channel = Channel(dialect, lambda event: self._events.put(event))
        self._deployments = Deployments(Path(arguments.data_dir), self.channel.call)
        self._events = EventQueue(self._deployments.on_event)
        self._delivery: asyncio.Task[None] | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._under_way: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Opens the socket and serves it [SO-01, HS-38]."""
        self._delivery = asyncio.create_task(self._events.deliver())
        listener = listen(self._path)
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listener, limit=HEAD_BYTES, backlog=1024
        )

    async def stop(self) -> None:
        """The order that loses nothing [LC-03 to LC-11]."""
        if self._server is None:
            return
        self._server.close()  # [LC-03]
        for connection in self._connections - self._under_way:
            connection.cancel()  # Idle ones count as nothing [LC-06].
        drained = asyncio.ensure_future(self._drain())
        await asyncio.wait({drained}, timeout=DRAIN_SECONDS)  # [LC-04]
        drained.cancel()
        for connection in self._connections:
            connection.cancel()  # [LC-05]
        self._deployments.save()  # This plugin's shutdown hook [LC-07].
        self.remove_socket()
        await self.channel.close()

    async def _drain(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self._events.handed_over()  # What was answered with 200 is handed over [HT-14].

    def remove_socket(self) -> None:
        """[LC-09]"""
        with contextlib.suppress(OSError):
            os.unlink(self._path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request by request [HT-01, HT-02]. Whatever the peer does to it is its
        end and nothing worse [HT-33]."""
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        # drain() then waits until everything is written, so that stopping loses nothing.
        writer.transport.set_write_buffer_limits(high=0)
        try:
            while await self._exchange(reader, writer, task):
                pass
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            self._under_way.discard(task)
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, task: asyncio.Task[None]
    ) -> bool:
        """One request and its response; whether another may follow."""
        try:
            request = parse_head(await reader.readuntil(b"\r\n\r\n"))
            body = Body(request, reader, writer)
        except asyncio.LimitOverrunError:
            return await self._refuse(writer, BadRequest(431, f"more than {HEAD_BYTES} bytes"))
        except BadRequest as error:
            return await self._refuse(writer, error)
        self._under_way.add(task)
        try:
            response = await self._answer(request, body)
            stopping = self._server is None or not self._server.is_serving()
            keep = request.keeps_connection and not stopping
            writer.write(response.encode(request, keep))
            if response.status == 101:
                # No channel but this one is let in from here on: nothing was awaited in between.
                self._connections.discard(task)
                self._under_way.discard(task)
                await self.channel.run(reader, writer)
                return False
            await writer.drain()
        finally:
            self._under_way.discard(task)
        try:
            return await body.discard() and keep
        except BadRequest:
            return False  # It has its answer already.

    async def _refuse(self, writer: asyncio.StreamWriter, error: BadRequest) -> bool:
        writer.write(problem(error.status, str(error)).encode(None, keep=False))
        await writer.drain()
        return False

    async def _answer(self, request: Request, body: Body) -> Response:
        """Who answers which path. Nothing reserved gets to author code [HT-11, AU-09]."""
        if not self._gate.admits(request):
            return problem(401, "the host has to prove itself")  # Before the body [AU-05].
        path = request.path
        if path == HEALTH:
            if request.method in ("GET", "HEAD"):
                return Response(200, b"ok", "text/plain")  # [HT-03, HT-34]
            return problem(405, "only GET", ("allow", "GET, HEAD"))
        if path == EVENTS:
            return await self._take_event(request, body)
        if path == CHANNEL:
            return self._upgrade(request)
        if path == RESERVED or path.startswith(f"{RESERVED}/"):
            return problem(404, "there is no such route")  # [HT-16]
        try:
            return self._deployments.answer(request)
        except Exception as error:  # [HT-21 to HT-23]
            log("error", "a handler failed", error=repr(error))
            return problem(500, "the handler failed")

    async def _take_event(self, request: Request, body: Body) -> Response:
        """[EV-32 to EV-36, HT-15]"""
        if request.method != "POST":
            return problem(405, "only POST", ("allow", "POST"))
        try:
            event = parse_event(parse_json(await body.read()))
        except BadRequest as error:
            return problem(error.status, str(error))
        except ValueError as error:
            return problem(400, f"no event: {type(error).__name__}: {error}"[:200])
        self._events.put(event)
        return Response(200, b"{}")

    def _upgrade(self, request: Request) -> Response:
        """[CH-02, CH-03, HT-16]"""
        key = accept_key(request)
        if key is None:
            return problem(400, "this is for WebSocket upgrades, version 13")
        if self.channel.is_live:
            return problem(409, "there is a live channel")
        headers = (("connection", "Upgrade"), ("upgrade", "websocket"))
        return Response(101, headers=(*headers, ("sec-websocket-accept", key)))


def obey_signals(before_end: list[Callable[[], None]]) -> asyncio.Event:
    """Says when to stop: at the first SIGTERM or SIGINT. A second one ends the process at once
    [LC-01, LC-02, LC-13]."""
    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            for action in before_end:
                action()
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return stop


async def shake_hands(arguments: Arguments, stdout: int) -> Plugin:
    """From the first line to the last [HS-17, HS-38]."""
    write_line(stdout, first_line(arguments.dialect))
    secret = arguments.auth_secret
    if secret is None:
        secret = judge_launch_line(await read_launch_line())
    try:
        os.makedirs(arguments.data_dir, exist_ok=True)  # [LA-20, LA-21]
    except OSError as error:
        raise Refusal(f"no data directory at {arguments.data_dir}: {error.strerror}") from error
    plugin = Plugin(arguments, secret)
    await plugin.start()
    try:
        write_line(stdout, ready_line(arguments.dialect))
    except Refusal:
        plugin.remove_socket()
        raise
    os.close(stdout)  # The rest of this life has no way to write to it [IO-01].
    return plugin


async def until(event: asyncio.Event, work: asyncio.Task[Any], seconds: float | None) -> None:
    """Waits for the event, the end of `work` or the end of the time, whichever comes first."""
    waiting = asyncio.ensure_future(event.wait())
    await asyncio.wait({waiting, work}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def live(arguments: Arguments, stdout: int) -> None:
    """The whole life. Raises Refusal when it ends badly."""
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: log("error", str(context.get("message")), error=repr(context))
    )
    before_end: list[Callable[[], None]] = []
    stop = obey_signals(before_end)
    start = asyncio.create_task(shake_hands(arguments, stdout))
    await until(stop, start, None)
    if not start.done():
        start.cancel()  # Signalled during the handshake [LC-14].
        return
    plugin = start.result()
    before_end.append(plugin.remove_socket)
    opened = asyncio.create_task(plugin.channel.opened.wait())
    await until(stop, opened, FIRST_CHANNEL_SECONDS)
    if not stop.is_set() and not opened.done():
        await plugin.stop()
        raise Refusal("no channel was opened within 30 s of ready [CH-09]")
    await stop.wait()
    log("info", "stopping")
    await plugin.stop()


def main() -> int:
    """Returns the exit status."""
    try:
        stdout = take_stdout()
        arguments = parse_arguments(sys.argv[1:])
        for flag in arguments.unknown:
            log("warning", f"unknown flag {flag}")  # Without its value [LA-12].
        asyncio.run(live(arguments, stdout))
    except Refusal as refusal:
        log("error", str(refusal))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
