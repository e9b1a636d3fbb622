"""Where `caller()` finds who sent a request, and what it does not take for a caller."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from temps_plugin import caller

# Native callers cannot be made here; `caller()` hands on whatever the server has put there.
ADA: Any = "ada"


def scope(who: Any) -> dict[str, Any]:
    return {"type": "http", "headers": [], "extensions": {"temps": {"caller": who}}}


def environ(who: Any) -> dict[str, Any]:
    return {"REQUEST_METHOD": "GET", "temps.caller": who}


@pytest.mark.parametrize("who", [ADA, None])
def test_the_caller_is_found_wherever_a_framework_keeps_it(who: Any) -> None:
    for request in (
        scope(who),
        environ(who),
        SimpleNamespace(scope=scope(who)),
        SimpleNamespace(environ=environ(who)),
        SimpleNamespace(META=environ(who)),
        # Django under ASGI has both, and the scope is the one that knows.
        SimpleNamespace(scope=scope(who), META={"REQUEST_METHOD": "GET"}),
    ):
        assert caller(request) == who


def test_the_requests_of_frameworks_are_understood() -> None:
    flask = pytest.importorskip("flask")
    starlette = pytest.importorskip("starlette.requests")
    assert caller(starlette.Request(scope(ADA))) == ADA
    assert caller(starlette.HTTPConnection(scope(ADA))) == ADA
    app = flask.Flask(__name__)
    with app.test_request_context("/", environ_overrides={"temps.caller": ADA}):
        assert caller(flask.request) == ADA


def test_nothing_but_the_servers_word_makes_a_caller() -> None:
    spoofed = {
        "REQUEST_METHOD": "GET",
        "HTTP_X_TEMPS_USER_ID": "1",
        "HTTP_TEMPS_CALLER": "root",
    }
    assert caller(spoofed) is None
    assert caller({"type": "http", "headers": [(b"x-temps-user-id", b"1")]}) is None
    assert caller({"type": "http", "extensions": None}) is None
    assert caller({"type": "websocket", "extensions": {"temps": {}}}) is None


@pytest.mark.parametrize("request_", [None, 7, "GET /", {}, {"path": "/"}, object()])
def test_what_is_no_request_is_refused(request_: Any) -> None:
    with pytest.raises(TypeError, match=r"caller\(\) was given a \w+.*ASGI scope"):
        caller(request_)
