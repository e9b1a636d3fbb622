"""A Slack that answers as it is told and remembers what it was sent."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

PATH = "/services/SECRET"

# Answers nothing, and keeps the connection.
NEVER = object()


def refuse(status: int, reason: str = "", **headers: str) -> bytes:
    """An answer that is no success."""
    fields = {"content-length": str(len(reason)), "connection": "close", **headers}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return ("\r\n".join(lines) + f"\r\n\r\n{reason}").encode()


class FakeSlack:
    def __init__(self, answers: tuple[Any, ...]) -> None:
        self._answers = list(answers)
        self._messages: list[Any] = []
        self._news = asyncio.Condition()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    @classmethod
    async def start(cls, *answers: Any) -> FakeSlack:
        fake = cls(answers)
        fake._server = await asyncio.start_server(fake._serve, "127.0.0.1", 0)
        return fake

    def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.close()

    @property
    def address(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    @property
    def webhook(self) -> str:
        return f"http://{self.address}{PATH}"

    @property
    def masked(self) -> str:
        return f"http://{self.address}/…"

    async def received(self, count: int) -> list[Any]:
        """All messages, once there are so many."""
        async with self._news:
            enough = self._news.wait_for(lambda: len(self._messages) >= count)
            await asyncio.wait_for(enough, 20)
            return list(self._messages)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        assert head.startswith(f"post {PATH.lower()} ")
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        message = json.loads(await reader.readexactly(int(fields["content-length"])))
        answer = self._answers.pop(0) if self._answers else refuse(200, "ok")
        async with self._news:
            self._messages.append(message)
            self._news.notify_all()
        if answer is not NEVER:
            writer.write(answer)
            writer.close()
            self._open.discard(writer)
