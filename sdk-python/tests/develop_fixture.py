"""A plugin by hand, without the SDK, that says what its host did. `test_develop` runs it.

It speaks both dialects over plain sockets: one request a connection, nothing checked that is not
asked about.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import signal
import struct
import sys
from typing import Any

VERSION = "1.0.0"
Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


def argument(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else ""


class Fixture:
    def __init__(self) -> None:
        self.events: list[Any] = []
        self.left = 0
        self.channel: asyncio.StreamWriter | None = None
        self.replies: asyncio.Queue[Any] = asyncio.Queue()

    async def serve(self, reader: Reader, writer: Writer) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n")[0].split(" ")
        path = target.partition("?")[0]
        headers: list[tuple[str, str]] = []
        for line in head.split("\r\n")[1:-2]:
            name, _, value = line.partition(": ")
            headers.append((name, value))
        handler: Any = getattr(self, "on_" + path.strip("/").replace("/", "_"), None)
        if path == "/_temps/channel":
            await self.serve_channel(dict(headers), reader, writer)
        elif handler is not None:
            await handler(reader, writer)
        else:
            self.answer(writer, {"method": method, "target": target, "headers": headers})
        writer.close()

    def answer(self, writer: Writer, value: object) -> None:
        body = json.dumps(value).encode()
        length = str(len(body)).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: " + length + b"\r\n\r\n" + body)

    async def on_state(self, reader: Reader, writer: Writer) -> None:
        state = {"events": self.events, "left": self.left, "pid": os.getpid(), "version": VERSION}
        self.answer(writer, state)

    async def on_upload(self, reader: Reader, writer: Writer) -> None:
        """Sends each piece of a body back as it comes, until one ends with a dot."""
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        piece = b""
        while not piece.endswith(b"."):
            piece = await reader.read(1000)
            writer.write(piece)
            await writer.drain()

    async def on_endless(self, reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhere")
        await reader.read()
        self.left += 1

    async def on_upgrade(self, reader: Reader, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n")
        while piece := await reader.read(1000):
            writer.write(piece.upper())

    async def on_silent(self, reader: Reader, writer: Writer) -> None:
        pass

    async def on_exit(self, reader: Reader, writer: Writer) -> None:
        os._exit(7)

    async def on_print(self, reader: Reader, writer: Writer) -> None:
        print("stray", flush=True)
        self.answer(writer, {})

    async def on_call(self, reader: Reader, writer: Writer) -> None:
        call = {"method": "get_project", "params": {"project_id": 1}}
        inner = call if argument("--auth-secret") else {"call": call}
        await self.send(1, json.dumps({"type": "request", "id": 5, **inner}).encode())
        self.answer(writer, await self.replies.get())

    async def on_ping(self, reader: Reader, writer: Writer) -> None:
        await self.send(9, b"are you there")
        self.answer(writer, await self.replies.get())

    async def on_drop(self, reader: Reader, writer: Writer) -> None:
        assert self.channel is not None
        self.channel.close()
        self.answer(writer, {})

    async def send(self, kind: int, payload: bytes) -> None:
        assert self.channel is not None
        self.channel.write(struct.pack(">BB", 0x80 | kind, len(payload)) + payload)
        await self.channel.drain()

    async def serve_channel(self, headers: dict[str, str], reader: Reader, writer: Writer) -> None:
        key = headers["sec-websocket-key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key).digest())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )
        self.channel = writer
        while True:
            try:
                kind, payload = await read_frame(reader)
            except (asyncio.IncompleteReadError, OSError):
                return
            if kind == 10:
                self.replies.put_nowait({"pong": payload.decode()})
                continue
            if kind == 8:
                return
            message = json.loads(payload)
            if message["type"] == "event":
                self.events.append(message["event"])
            else:
                self.replies.put_nowait(message)


async def read_frame(reader: Reader) -> tuple[int, bytes]:
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
    assert second & 0x80, "a frame of the host has to be masked"
    mask = await reader.readexactly(4)
    payload = await reader.readexactly(length)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


def say(message: object) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


async def main() -> None:
    manifest = {
        "name": "fixture",
        "version": VERSION,
        "requires_db": "NEEDS_DB" in os.environ,
        "capabilities": ["api_read"],
    }
    if argument("--auth-secret"):
        say({"type": "manifest", **manifest})
        ready = {"type": "ready", "ready": True, "has_ui": False}
    else:
        say({"type": "hello", "protocol_version": 2, "manifest": manifest})
        line = json.loads(sys.stdin.readline())
        assert sys.stdin.read() == "", "the host has to close stdin after the launch line"
        with open(os.path.join(argument("--data-dir"), "launch.json"), "w") as file:
            json.dump(line, file)
        ready = {"type": "ready", "ready": True, "has_ui": True, "protocol_version": 2}
    path = argument("--socket-path")
    if os.path.exists(path):
        os.unlink(path)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await asyncio.start_unix_server(Fixture().serve, path)
    say(ready)
    await stop.wait()
    with open(os.path.join(argument("--data-dir"), "stopped"), "w"):
        pass
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main())
