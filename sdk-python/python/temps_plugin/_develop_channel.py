"""The host's end of the channel, for a plugin under development.

It delivers events. There is no platform behind it, so every call is answered with an error.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import struct
from typing import Any, cast

_ACCEPT_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
# An api_call carries up to 32 MiB, a third more in base64.
_MESSAGE_LIMIT = 64 * 1024 * 1024
_NO_PLATFORM = {
    "code": "internal",
    "message": "there is no platform behind `python -m temps_plugin run`",
}


def json_object(text: bytes) -> dict[str, Any] | None:
    """The JSON object that ``text`` is, or None when it is none."""
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


class ChannelError(Exception):
    """The channel was refused or has ended."""


class Channel:
    """An open channel. Make one with `dial`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, dialect: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._dialect = dialect

    async def serve(self) -> None:
        """Answer calls until the channel ends, which raises `ChannelError`."""
        try:
            while True:
                kind, payload = await self._message()
                if kind == _TEXT:
                    await self._answer(payload)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ChannelError("the plugin has closed the channel") from error

    async def send_event(self, event: dict[str, Any]) -> None:
        """Deliver one event, the envelope as PROTOCOL.md describes it."""
        await self._send(_TEXT, json.dumps({"type": "event", "event": event}).encode())

    def close(self) -> None:
        """End it with a close frame."""
        if not self._writer.is_closing():
            self._writer.write(_frame(_CLOSE, struct.pack(">H", 1000)))
            self._writer.close()

    async def _answer(self, payload: bytes) -> None:
        request = json_object(payload)
        if request is None or request.get("type") != "request":
            return
        reply: dict[str, Any] = {"type": "response", "id": request.get("id")}
        if self._dialect == 1:
            reply["error"] = _NO_PLATFORM
        else:
            reply["outcome"] = {"err": _NO_PLATFORM}
        await self._send(_TEXT, json.dumps(reply).encode())

    async def _send(self, kind: int, payload: bytes) -> None:
        self._writer.write(_frame(kind, payload))
        await self._writer.drain()

    async def _message(self) -> tuple[int, bytes]:
        """The next message, fragments joined; pings are answered on the way."""
        message_kind, message = _TEXT, bytearray()
        while True:
            final, kind, payload = await self._read_frame(_MESSAGE_LIMIT - len(message))
            if kind == _CLOSE:
                self.close()
                raise ChannelError("the plugin has closed the channel")
            if kind == _PING:
                await self._send(_PONG, payload)
            if kind >= _CLOSE:
                continue
            message_kind = kind or message_kind
            message += payload
            if final:
                return message_kind, bytes(message)

    async def _read_frame(self, limit: int) -> tuple[bool, int, bytes]:
        first, second = await self._reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack(">H", await self._reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", await self._reader.readexactly(8))
        if second & 0x80 or length > limit:
            self.close()
            raise ChannelError("the plugin sent a frame that is masked or too long")
        return bool(first & 0x80), first & 0x0F, await self._reader.readexactly(length)


async def dial(socket: str, secret: str, dialect: int) -> Channel:
    """Open the channel of the plugin at ``socket``. Raises `ChannelError` or `OSError`."""
    reader, writer = await asyncio.open_unix_connection(socket)
    key = base64.b64encode(os.urandom(16))
    request = (
        "GET /_temps/channel HTTP/1.1\r\nhost: plugin\r\nconnection: Upgrade\r\n"
        "upgrade: websocket\r\nsec-websocket-version: 13\r\n"
        f"sec-websocket-key: {key.decode()}\r\nx-temps-auth-signature: {secret}\r\n\r\n"
    )
    try:
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        status, accept = _answer_of(head)
        expected = base64.b64encode(hashlib.sha1(key + _ACCEPT_KEY).digest())
        if status != b"101" or accept != expected:
            raise ChannelError(f"the channel was answered with {status.decode(errors='replace')}")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        writer.close()
        raise ChannelError("the channel was not answered with HTTP") from error
    except BaseException:
        writer.close()
        raise
    return Channel(reader, writer, dialect)


def _answer_of(head: bytes) -> tuple[bytes, bytes]:
    """The status and ``sec-websocket-accept`` of a response head."""
    lines = head.split(b"\r\n")
    accept = b""
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-accept":
            accept = value.strip()
    words = lines[0].split()
    return words[1] if len(words) > 1 else lines[0], accept


def _frame(kind: int, payload: bytes) -> bytes:
    """One whole frame, masked as a client has to."""
    length = len(payload)
    if length < 126:
        head = struct.pack(">BB", 0x80 | kind, 0x80 | length)
    elif length < 65536:
        head = struct.pack(">BBH", 0x80 | kind, 0x80 | 126, length)
    else:
        head = struct.pack(">BBQ", 0x80 | kind, 0x80 | 127, length)
    # The mask is there against caches between browser and server; on this socket zeros will do.
    return head + bytes(4) + payload


async def keep_open(socket: str, secret: str, dialect: int, hold: ChannelSlot) -> None:
    """Have a channel for as long as the plugin lives, dialling again when it is lost.

    Raises `ChannelError` or `OSError` when the first one cannot be opened.
    """
    pause = 0.5
    hold.channel = await dial(socket, secret, dialect)
    while True:
        try:
            with contextlib.suppress(ChannelError):
                await hold.channel.serve()
        finally:
            hold.channel.close()
            hold.channel = None
        while hold.channel is None:
            await asyncio.sleep(pause)
            pause = min(pause * 2, 30)
            with contextlib.suppress(ChannelError, OSError):
                hold.channel = await dial(socket, secret, dialect)


class ChannelSlot:
    """Where the live channel can be found, if there is one."""

    def __init__(self) -> None:
        self.channel: Channel | None = None
