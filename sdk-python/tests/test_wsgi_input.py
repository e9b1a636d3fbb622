"""`wsgi.input`: the request's body as a file."""

from __future__ import annotations

import io
import random
import sys
import traceback
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from temps_plugin.wsgi import ClientDisconnected, RequestBody, WsgiApp
from wsgi_driver import Client, Environ, Message, ask, run, scope_of


def body_of(chunks: list[bytes]) -> RequestBody:
    rest = iter([(chunk, at < len(chunks) - 1) for at, chunk in enumerate(chunks)])
    return RequestBody(lambda: next(rest, (b"", False)))


def split(whole: bytes, chance: random.Random) -> list[bytes]:
    """`whole` in chunks of any size, some of them empty."""
    chunks: list[bytes] = []
    at = 0
    while at < len(whole):
        size = chance.choice([0, 1, 2, 3, 7, 50, 400])
        chunks.append(whole[at : at + size])
        at += size
    if not chunks or chance.random() < 0.3:
        chunks.append(b"")
    return chunks


def operation(chance: random.Random) -> tuple[str, Callable[[Any], Any]]:
    size = chance.choice([None, -1, -7, 0, 1, 2, 3, 10, 100, 1000, sys.maxsize])
    into = chance.choice([0, 1, 5, 200])

    def readinto(file: Any) -> tuple[int, bytes]:
        buffer = bytearray(into)
        return file.readinto(buffer), bytes(buffer)

    return chance.choice(
        [
            ("read()", lambda file: file.read()),
            (f"read({size})", lambda file: file.read(size)),
            (f"read({size})", lambda file: file.read(size)),
            ("readline()", lambda file: file.readline()),
            (f"readline({size})", lambda file: file.readline(size)),
            (f"readlines({size})", lambda file: file.readlines(size)),
            ("next", lambda file: next(file, b"")),
            (f"readinto({into})", readinto),
        ]
    )


@pytest.mark.parametrize("seed", range(600))
def test_the_body_reads_as_bytesio(seed: int) -> None:
    chance = random.Random(seed)
    whole = bytes(chance.choices(b"ab\n\r", weights=[8, 8, 2, 1], k=chance.choice([0, 1, 30, 900])))
    chunks = split(whole, chance)
    body, model = body_of(chunks), io.BytesIO(whole)
    done: list[str] = []
    for _ in range(40):
        name, operate = operation(chance)
        done.append(name)
        assert operate(body) == operate(model), (chunks, done)
    assert body.read() == model.read()
    assert list(body) == []


def test_read1_gives_what_is_there() -> None:
    body = body_of([b"", b"abc", b"defg"])
    assert body.read1(0) == b""
    assert body.read1(2) == b"ab"
    assert body.read1(None) == b"c"
    assert body.read1() == b"defg"
    assert body.read1() == b""


def test_the_body_serves_as_a_text_file() -> None:
    body: Any = body_of([b"gr\xc3", b"\xbcn\nbl", b"au"])
    text = io.TextIOWrapper(body, encoding="utf-8")
    assert list(text) == ["grün\n", "blau"]


def test_a_body_that_was_closed_says_so() -> None:
    body = body_of([b"abc"])
    body.close()
    with pytest.raises(ValueError, match=r"wsgi.input was closed"):
        body.read(1)


def test_a_long_line_in_small_chunks_is_read_in_linear_time() -> None:
    count = 200_000
    rest = iter(range(count))
    pulls = 0

    def pull() -> tuple[bytes, bool]:
        nonlocal pulls
        pulls += 1
        return b"x", next(rest) < count - 1

    assert len(RequestBody(pull).readline()) == count
    assert pulls == count


def test_the_body_is_pulled_only_as_it_is_read() -> None:
    pulled: list[int] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"]
        for size in (2, 2, 4):
            body.read(size)
            pulled.append(client.pulled)
        start_response("200 OK", [])
        return [b"ok"]

    async def request() -> None:
        pulled.append(client.pulled)
        await WsgiApp(app)(scope_of("POST"), client.receive, client.send)

    client = Client([b"abcd", b"efgh", b"ijkl"])
    run(request())
    assert pulled == [0, 1, 1, 2]
    assert client.pulled == 2


def test_a_body_of_2_gib_streams_with_flat_memory() -> None:
    chunk = bytes(1 << 20)
    count = 2048
    peak = 0

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        nonlocal peak
        total = 0
        while part := environ["wsgi.input"].read(1 << 18):
            total += len(part)
        peak = tracemalloc.get_traced_memory()[1]
        start_response("200 OK", [])
        return [str(total).encode()]

    tracemalloc.start()
    try:
        # A fresh object each time: one chunk held back would show.
        client = ask(app, "POST", (bytearray(chunk) for _ in range(count)))  # type: ignore[misc]
    finally:
        tracemalloc.stop()
    assert client.body == str(count << 20).encode()
    assert peak < 16 << 20


def test_reading_past_the_end_asks_for_nothing() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        parts = [environ["wsgi.input"].read(), environ["wsgi.input"].read(5)]
        start_response("200 OK", [])
        return [repr(parts).encode()]

    client = ask(app, "POST", [b"ab", b"c"])
    assert client.body == b"[b'abc', b'']"


def test_reading_when_the_client_went_away_is_an_oserror() -> None:
    errors: list[BaseException] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        for _ in range(2):
            try:
                environ["wsgi.input"].read(10)
            except OSError as error:
                errors.append(error)
        raise errors[0]

    async def request() -> Client:
        client = Client([b"abc", b"never delivered"])

        async def receive() -> Message:
            message = await client.receive()
            client.gone.set()
            return message

        await WsgiApp(app)(scope_of("POST"), receive, client.send)
        return client

    client = run(request())
    assert [type(error) for error in errors] == [ClientDisconnected] * 2
    assert isinstance(errors[0], ConnectionResetError)
    shown = "".join(traceback.format_exception_only(type(errors[0]), errors[0]))
    assert shown.startswith("temps_plugin.wsgi.ClientDisconnected: ")
    assert "went away before the request's body was complete" in str(errors[0])
    assert client.sent == []
