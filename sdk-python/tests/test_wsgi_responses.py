"""What `WsgiApp` makes of a response."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from temps_plugin.wsgi import WsgiApp
from wsgi_driver import Client, Environ, Message, answer, ask, fail, run, scope_of


def test_a_response_of_one_chunk_gets_its_content_length() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("201 Created", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1")])
        return [b"hello"]

    client = ask(app)
    assert client.status == 201
    assert client.headers == [
        (b"content-type", b"text/plain"),
        (b"set-cookie", b"a=1"),
        (b"content-length", b"5"),
    ]
    assert client.body == b"hello"
    assert client.complete
    assert len(client.sent) == 2


def test_a_stream_gets_no_content_length() -> None:
    client = ask(answer(b"a", b"b"))
    assert client.headers == []
    assert [message["body"] for message in client.sent[1:]] == [b"a", b"b", b""]
    assert client.complete


def test_a_list_of_two_gets_no_content_length() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"a", b"b"]

    client = ask(app)
    assert client.headers == []
    assert client.body == b"ab"


@pytest.mark.parametrize("chunks", [(), (b"",), (b"", b"")])
def test_an_empty_response_has_the_length_0(chunks: tuple[bytes, ...]) -> None:
    client = ask(answer(*chunks))
    assert client.headers == [(b"content-length", b"0")]
    assert client.body == b""
    assert client.complete


def test_repeated_response_headers_keep_their_order() -> None:
    headers = [("Set-Cookie", "a=1"), ("X-A", ""), ("Set-Cookie", "b=\xe4")]
    client = ask(answer(b"x", headers=headers))
    assert client.headers == [(b"set-cookie", b"a=1"), (b"x-a", b""), (b"set-cookie", b"b=\xe4")]


def test_a_body_that_fills_its_content_length_ends_at_once() -> None:
    client = ask(answer(b"ab", b"cd", headers=[("Content-Length", "4")]))
    assert [message["body"] for message in client.sent[1:]] == [b"ab", b"cd"]
    assert client.headers == [(b"content-length", b"4")]
    assert client.complete


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_other_kinds_of_bytes_are_taken(kind: Any) -> None:
    client = ask(answer(kind(b"abc")))
    assert client.body == b"abc"
    assert all(type(message["body"]) is bytes for message in client.sent[1:])


def test_headers_wait_for_the_first_chunk_with_something_in_it() -> None:
    seen: list[int] = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b""
        seen.append(len(client.sent))
        try:
            raise KeyError("changed my mind")
        except KeyError:
            start_response("503 Later", [("X-Kind", "second")], sys.exc_info())
        yield b"sorry"
        seen.append(len(client.sent))

    async def request() -> None:
        await WsgiApp(app)(scope_of(), client.receive, client.send)

    client = Client()
    run(request())
    assert seen == [0, 2]
    assert client.status == 503
    assert client.headers == [(b"x-kind", b"second")]
    assert client.body == b"sorry"


def test_start_response_may_be_called_by_the_iterable() -> None:
    class Lazy:
        def __init__(self, environ: Environ, start_response: Any) -> None:
            self.start_response = start_response

        def __iter__(self) -> Iterator[bytes]:
            self.start_response("200 OK", [])
            yield b"lazy"

    assert ask(Lazy).body == b"lazy"


def test_exc_info_after_the_headers_raises_the_error_again() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"half"
        try:
            raise KeyError("the cause")
        except KeyError:
            start_response("500 Oh", [], sys.exc_info())
        yield b"never"

    client, error = fail(app)
    assert isinstance(error, KeyError)
    assert client.body == b"half"
    assert not client.complete


def test_write_sends_at_once_and_before_what_is_returned() -> None:
    seen: list[tuple[int, bytes]] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        for chunk in (b"", b"a", b"", b"b"):
            write(chunk)
            seen.append((len(client.sent), client.body))
        return [b"c"]

    async def request() -> None:
        await WsgiApp(app)(scope_of(), client.receive, client.send)

    client = Client()
    run(request())
    assert seen == [(2, b""), (3, b"a"), (3, b"a"), (4, b"ab")]
    assert client.headers == []
    assert client.body == b"abc"
    assert client.complete


def test_each_chunk_waits_until_the_server_has_taken_the_last() -> None:
    produced: list[int] = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for number in range(5):
            produced.append(number)
            yield b"x"

    async def request() -> None:
        async def slow(message: Message) -> None:
            if message["type"] == "http.response.body" and message["body"]:
                at_send = len(produced)
                for _ in range(50):
                    await asyncio.sleep(0)
                assert len(produced) == at_send == client.body.count(b"x")

        client.on_send = slow
        await WsgiApp(app)(scope_of(), client.receive, client.send)

    client = Client()
    run(request())
    assert client.body == b"xxxxx"
    assert client.complete


@pytest.mark.parametrize(
    ("method", "status", "given", "sent"),
    [
        ("HEAD", "200 OK", [], [(b"content-length", b"4")]),
        ("HEAD", "200 OK", [("Content-Length", "9")], [(b"content-length", b"9")]),
        ("GET", "204 No Content", [], []),
        ("GET", "204 No Content", [("Content-Length", "4")], []),
        ("GET", "304 Not Modified", [], []),
        ("GET", "304 Not Modified", [("Content-Length", "9")], [(b"content-length", b"9")]),
    ],
)
@pytest.mark.parametrize("body", [[b"body"], [b""], []])
def test_responses_without_a_body(
    method: str, status: str, given: Any, sent: Any, body: list[bytes]
) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response(status, given)
        return body

    client = ask(app, method)
    if body != [b"body"] and not given:
        sent = []
    assert client.status == int(status[:3])
    assert client.headers == sent
    assert client.body == b""
    assert client.complete


def test_head_does_not_run_an_endless_stream() -> None:
    closed = threading.Event()

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        write = start_response("200 OK", [])
        write(b"a")
        write(b"b")
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    client = ask(app, "HEAD")
    assert client.body == b""
    assert client.complete
    assert closed.is_set()


def test_close_is_called_whatever_happens() -> None:
    closed: list[str] = []

    class Result:
        def __init__(self, name: str, chunks: Iterable[bytes]) -> None:
            self.name = name
            self.chunks = iter(chunks)

        def __iter__(self) -> Iterator[bytes]:
            return self.chunks

        def close(self) -> None:
            closed.append(self.name)

    def broken() -> Iterator[bytes]:
        yield b"x"
        raise KeyError("mid-stream")

    def app_of(name: str, chunks: Iterable[bytes], status: str = "200 OK") -> Any:
        def app(environ: Environ, start_response: Any) -> Result:
            if status:
                start_response(status, [])
            return Result(name, chunks)

        return app

    ask(app_of("whole", [b"x"]))
    ask(app_of("no body", [b"x"], "204 No"))
    fail(app_of("broken", broken()))
    fail(app_of("str", ["x"]))  # type: ignore[list-item]
    fail(app_of("no start", [b"x"], ""))
    assert closed == ["whole", "no body", "broken", "str", "no start"]


def test_an_error_of_close_is_not_lost() -> None:
    class Result:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

        def close(self) -> None:
            raise KeyError("in close")

    def app(environ: Environ, start_response: Any) -> Result:
        start_response("200 OK", [])
        return Result()

    client, error = fail(app)
    assert isinstance(error, KeyError)
    assert client.complete
