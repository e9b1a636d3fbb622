"""What applications get wrong, and what `WsgiApp` says then."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from temps_plugin.wsgi import WsgiApp
from wsgi_driver import Client, Environ, fail, run, scope_of


def app_with(status: Any = "200 OK", headers: Any = (), result: Any = (b"x",)) -> Any:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response(status, headers)
        return result

    return app


def raising(error: BaseException) -> Any:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [])
        raise error

    return app


def without_start(result: list[bytes]) -> Any:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        return result

    return app


def twice(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return [b"x"]


MISTAKES: dict[str, tuple[Any, str]] = {
    "status 99": (app_with("99 x"), "the status is '99 x'; it takes a number from 200 to 999"),
    "status 100": (app_with("100 Continue"), "the status is '100 Continue'"),
    "status abc": (app_with("abc"), "the status is 'abc'"),
    "status 200OK": (app_with("200OK"), "the status is '200OK'"),
    "status empty": (app_with(""), "the status is ''"),
    "status digits": (app_with("٢٠٠ OK"), "the status is '٢٠٠ OK'"),
    "status long": (app_with("0200 OK"), "the status is '0200 OK'"),
    "status int": (app_with(200), "the status is of type int"),
    "headers dict": (app_with(headers={"a": "b"}), "the response headers are a dict"),
    "headers pair": (app_with(headers=("ab",)), "a response header is 'ab'"),
    "headers bytes": (app_with(headers=((b"a", "b"),)), "name and value are str"),
    "header name": (app_with(headers=(("a b", "c"),)), "'a b' is no name"),
    "header name empty": (app_with(headers=(("", "c"),)), "'' is no name"),
    "header newline": (app_with(headers=(("X-A", "b\r\nSet-Cookie: c"),)), "X-A has a newline"),
    "header wide": (app_with(headers=(("X-A", "€"),)), "X-A has characters outside of latin-1"),
    "hop-by-hop": (
        app_with(headers=(("Connection", "close"),)),
        "Connection belongs to the server",
    ),
    "transfer": (app_with(headers=(("Transfer-Encoding", "chunked"),)), "hop-by-hop"),
    "length text": (app_with(headers=(("Content-Length", "x"),)), "Content-Length is 'x'"),
    "length twice": (app_with(headers=(("Content-Length", "1"),) * 2), "one number, once"),
    "length short": (
        app_with(headers=(("Content-Length", "0"),)),
        "announced Content-Length 0, and its body has 1 bytes or more",
    ),
    "length long": (
        app_with(headers=(("Content-Length", "2"),)),
        "announced Content-Length 2, and its body ended after 1 bytes",
    ),
    "length, no body": (
        app_with(headers=(("Content-Length", "2"),), result=()),
        "announced Content-Length 2, and its body ended after 0 bytes",
    ),
    "str chunk": (app_with(result=["x"]), "a chunk of the response's body is of type str"),
    "str result": (app_with(result="x"), "the application returned a str"),
    "bytes result": (app_with(result=b"x"), "the application returned a bytes"),
    "None result": (app_with(result=None), "the application returned a NoneType"),
    "no start": (without_start([b"x"]), "before it called start_response()"),
    "nothing": (without_start([]), "without calling start_response()"),
    "twice": (twice, "start_response() was called a second time"),
    "raises": (raising(KeyError("mine")), "mine"),
    "SystemExit": (raising(SystemExit("leaving")), "leaving"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt("stop")), "stop"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_before_anything_was_sent_is_a_500(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    app, message = MISTAKES[name]
    client, raised = fail(app)
    assert raised is None
    assert client.status == 500
    assert client.body == b"Internal Server Error"
    assert client.complete
    [record] = caplog.records
    assert (record.name, record.levelno) == ("temps_plugin.wsgi", logging.ERROR)
    assert record.exc_info is not None
    assert message in str(record.exc_info[1])
    assert record.exc_info[2] is not None


def test_a_500_for_head_has_no_body() -> None:
    client, _ = fail(raising(KeyError("mine")), "HEAD")
    assert client.status == 500
    assert client.body == b""
    assert client.complete


def late(*more: Any, headers: Any = ()) -> Any:
    def app(environ: Environ, start_response: Any) -> Iterator[Any]:
        start_response("200 OK", list(headers))
        yield b"half"
        for item in more:
            if isinstance(item, BaseException):
                raise item
            yield item

    return app


@pytest.mark.parametrize(
    ("app", "kind", "message"),
    [
        (late(KeyError("mine")), KeyError, "mine"),
        (late("str"), TypeError, "is of type str"),
        (late(SystemExit(3)), RuntimeError, "the WSGI application raised SystemExit"),
        (late(KeyboardInterrupt()), RuntimeError, "raised KeyboardInterrupt"),
        (late(b"more", headers=[("Content-Length", "6")]), RuntimeError, "8 bytes or more"),
        (late(headers=[("Content-Length", "6")]), RuntimeError, "ended after 4 bytes"),
    ],
)
def test_a_mistake_in_mid_stream_goes_to_the_server(app: Any, kind: Any, message: str) -> None:
    client, raised = fail(app)
    assert isinstance(raised, kind)
    assert message in str(raised)
    assert client.status == 200
    assert client.body == b"half"
    assert not client.complete


def test_more_than_the_content_length_is_never_sent() -> None:
    client, raised = fail(late(b"x", headers=[("Content-Length", "4")]))
    assert isinstance(raised, RuntimeError)
    assert "announced Content-Length 4" in str(raised)
    assert client.body == b"half"
    assert client.complete


def test_write_after_the_end_is_refused() -> None:
    class Result:
        def __init__(self, write: Any) -> None:
            self.write = write

        def __iter__(self) -> Iterator[bytes]:
            yield b"a"

        def close(self) -> None:
            self.write(b"b")

    def app(environ: Environ, start_response: Any) -> Result:
        return Result(start_response("200 OK", []))

    client, raised = fail(app)
    assert isinstance(raised, RuntimeError)
    assert "after the response was over" in str(raised)
    assert client.body == b"a"
    assert client.complete


def test_an_error_of_the_servers_send_reaches_the_application() -> None:
    seen: list[BaseException] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        try:
            write(b"x")
        except ValueError as error:
            seen.append(error)
            raise
        return []

    async def request() -> None:
        client = Client()
        refusal = client.send_error = ValueError("refused by the server")
        await WsgiApp(app)(scope_of(), client.receive, client.send)
        assert seen == [refusal]
        # The server took nothing of the first response.
        assert client.status == 500
        assert client.complete

    run(request())
