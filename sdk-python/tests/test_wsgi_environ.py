"""The environ that `WsgiApp` makes of an ASGI scope."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from wsgi_driver import Environ, ask


def environ_for(**scope: Any) -> Environ:
    seen: list[Environ] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("200 OK", [])
        return [b""]

    ask(app, **scope)
    return seen[0]


def test_environ_of_a_unix_socket() -> None:
    environ = environ_for(path="/a b", query_string=b"x=1&y=%20", server=("/run/p.sock", None))
    assert type(environ) is dict
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["PATH_INFO"] == "/a b"
    assert environ["QUERY_STRING"] == "x=1&y=%20"
    assert environ["SERVER_NAME"] == "localhost"
    assert environ["SERVER_PORT"] == "80"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["REMOTE_ADDR"] == ""
    assert "CONTENT_LENGTH" not in environ
    assert "CONTENT_TYPE" not in environ
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.input_terminated"] is True
    assert environ["wsgi.multithread"] is True
    assert environ["wsgi.multiprocess"] is False
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.errors"] is sys.stderr
    assert "temps.caller" not in environ


@pytest.mark.parametrize("server", [None, ("/run/p.sock", None), ("/run/p.sock", -1), ("", 0)])
def test_a_server_without_a_port_is_localhost(server: Any) -> None:
    plain = environ_for(server=server)
    assert (plain["SERVER_NAME"], plain["SERVER_PORT"]) == ("localhost", "80")
    secure = environ_for(server=server, scheme="https")
    assert (secure["SERVER_NAME"], secure["SERVER_PORT"]) == ("localhost", "443")
    assert secure["wsgi.url_scheme"] == "https"


def test_environ_of_a_tcp_socket() -> None:
    environ = environ_for(server=("10.0.0.1", 8000), client=("10.0.0.9", 5123))
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("10.0.0.1", "8000")
    assert environ["REMOTE_ADDR"] == "10.0.0.9"


@pytest.mark.parametrize(
    ("root_path", "path", "script_name", "path_info"),
    [
        ("", "/", "", "/"),
        ("", "", "", "/"),
        ("/app", "/app/x", "/app", "/x"),
        ("/app", "/app", "/app", ""),
        ("/app/", "/app/x", "/app", "/x"),
        ("/", "/x", "", "/x"),
        ("/app", "/application", "/app", "/application"),
        ("/app", "/x", "/app", "/x"),
        ("/ä", "/ä/ö", "/ä", "/ö"),
    ],
)
def test_paths(root_path: str, path: str, script_name: str, path_info: str) -> None:
    environ = environ_for(root_path=root_path, path=path)
    assert environ["SCRIPT_NAME"].encode("latin-1").decode() == script_name
    assert environ["PATH_INFO"].encode("latin-1").decode() == path_info


def test_a_path_that_is_not_utf_8_keeps_its_bytes() -> None:
    path = b"/\xff\xc3\xa4".decode("utf-8", "surrogateescape")
    environ = environ_for(path=path)
    assert environ["PATH_INFO"].encode("latin-1") == b"/\xff\xc3\xa4"


def test_headers() -> None:
    environ = environ_for(
        headers=[
            (b"host", b"example.org"),
            (b"content-type", b"text/plain"),
            (b"content-length", b"0"),
            (b"content-length", b"0"),
            (b"accept", b"text/html"),
            (b"accept", b"*/*"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
            (b"x-name", b"\xe4"),
        ]
    )
    assert environ["HTTP_HOST"] == "example.org"
    assert environ["CONTENT_TYPE"] == "text/plain"
    assert environ["CONTENT_LENGTH"] == "0"
    assert "HTTP_CONTENT_TYPE" not in environ
    assert "HTTP_CONTENT_LENGTH" not in environ
    assert environ["HTTP_ACCEPT"] == "text/html,*/*"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_X_NAME"] == "\xe4"


@pytest.mark.parametrize("spoof_first", [True, False])
def test_a_header_with_an_underscore_shadows_nothing(spoof_first: bool) -> None:
    headers = [(b"x-temps-user-id", b"7")]
    spoofed = [(b"x_temps_user_id", b"1"), (b"x-temps_user-id", b"1"), (b"content_length", b"9")]
    environ = environ_for(headers=spoofed + headers if spoof_first else headers + spoofed)
    assert environ["HTTP_X_TEMPS_USER_ID"] == "7"
    assert "CONTENT_LENGTH" not in environ
    alone = environ_for(headers=spoofed)
    assert "HTTP_X_TEMPS_USER_ID" not in alone


def test_the_caller_is_taken_from_the_scope_only() -> None:
    person = object()
    there = environ_for(extensions={"temps": {"caller": person}})
    assert there["temps.caller"] is person
    nobody = environ_for(extensions={"temps": {"caller": None}})
    assert nobody["temps.caller"] is None
    spoofed = environ_for(extensions=None, headers=[(b"temps.caller", b"me")])
    assert "temps.caller" not in spoofed
