"""HTTP, between a client on the socket and an ASGI application: bodies, the scope, answers."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from conftest import (
    Dial,
    Receive,
    RunApp,
    Scope,
    Send,
    StartHosted,
    answer,
    http_only,
    piece,
    read_all,
    start,
)
from temps_plugin import caller
from temps_plugin.testing import TestUser

# --- bodies of requests ---------------------------------------------------------------------------


def test_a_body_comes_piece_by_piece_as_it_is_sent(run_app: RunApp, dial: Dial) -> None:
    pieces: list[bytes] = []
    came = threading.Semaphore(0)

    async def act(receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await receive()
            pieces.append(message["body"])
            more = message["more_body"]
            came.release()
        await answer(send, str(len(pieces)).encode())

    connection = dial(run_app(http_only(act)))
    peer = connection.raw("POST", "/upload", "transfer-encoding: chunked", "connection: close")
    for text in (b"one", b"two", b"three"):
        peer.sendall(b"%x\r\n%s\r\n" % (len(text), text))
        assert came.acquire(timeout=10)
        assert pieces[-1] == text
    peer.sendall(b"0\r\n\r\n")
    assert read_all(peer).startswith(b"HTTP/1.1 200")
    assert b"".join(pieces) == b"onetwothree"


def test_a_receive_that_gave_up_loses_nothing(run_app: RunApp, dial: Dial) -> None:
    gave_up = threading.Event()

    async def act(receive: Receive, send: Send) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(receive(), 0.01)
        gave_up.set()
        # What comes now finds nobody who waits; it is for the next who does.
        await answer_later.wait()
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        await answer(send, body)

    answer_later = asyncio.Event()
    running = run_app(http_only(act))
    peer = dial(running).raw("POST", "/upload", "content-length: 11", "connection: close")
    assert gave_up.wait(10)
    peer.sendall(b"hello ")
    # The loop has turned, and the piece has come.
    assert running.get("/ok").text == "ok"
    running._thread._loop.call_soon_threadsafe(answer_later.set)  # type: ignore[union-attr]
    peer.sendall(b"world")
    assert read_all(peer).endswith(b"hello world")


def test_two_readers_of_one_body_are_refused(run_app: RunApp, dial: Dial) -> None:
    async def act(receive: Receive, send: Send) -> None:
        first = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another task"):
            await receive()
        first.cancel()
        await answer(send)

    peer = dial(run_app(http_only(act))).raw("POST", "/x", "content-length: 1", "connection: close")
    assert read_all(peer).startswith(b"HTTP/1.1 200")


def test_an_early_answer_reaches_a_client_that_is_still_sending(
    run_app: RunApp, dial: Dial
) -> None:
    async def act(receive: Receive, send: Send) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(receive(), 0.01)
        await answer(send, b"enough", 413)

    size = 8 * 1024 * 1024
    peer = dial(run_app(http_only(act))).raw(
        "POST", "/upload", f"content-length: {size}", "connection: close"
    )
    # The answer is there before anything of the body is.
    assert peer.recv(1, socket.MSG_PEEK)
    peer.sendall(bytes(size))
    assert read_all(peer).startswith(b"HTTP/1.1 413")


UPLOAD = """
    from temps_plugin import Plugin

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        size, more = 0, True
        while more:
            message = await receive()
            size += len(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(size).encode()})

    Plugin("uploads", "1.0.0", app=app, channel_deadline=None).run()
"""


def test_two_gibibytes_stream_through_with_flat_memory(host: StartHosted) -> None:
    hosted = host(UPLOAD)
    hosted.handshake()
    chunk = bytes(1024 * 1024)
    before = hosted.memory()
    connection = hosted.dial()
    connection.start("POST", "/", (chunk for _ in range(2048)), content_length=str(2048 << 20))
    assert connection.getresponse().read() == str(2048 << 20).encode()
    connection.close()
    assert hosted.memory() - before < 32 * 1024 * 1024
    assert hosted.stop() == 0


def test_a_handler_that_holds_the_loop_does_not_hold_health(run_app: RunApp, dial: Dial) -> None:
    entered, release = threading.Event(), threading.Event()

    async def act(receive: Receive, send: Send) -> None:
        entered.set()
        release.wait()
        await answer(send)

    running = run_app(http_only(act))
    held = dial(running)
    held.start("GET", "/hold")
    assert entered.wait(10)
    assert running.get("/health").json() == {"status": "ok"}
    release.set()
    assert held.getresponse().read() == b"ok"


def test_a_handler_that_holds_the_loop_does_not_hold_the_answer_before_it(
    run_app: RunApp, dial: Dial
) -> None:
    entered, release, arrived = threading.Event(), threading.Event(), threading.Event()
    in_time: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if scope["path"] == "/first":
            entered.set()
            release.wait()
        if scope["path"] == "/holding":
            in_time.append(arrived.wait(10))
        await answer(send, scope["path"].encode())

    running = run_app(app)
    peers = {path: dial(running) for path in ("/first", "/quick", "/holding")}
    for path, peer in peers.items():
        peer.start("GET", path)
        assert entered.wait(10)
        # Once the second one is answered, what came before the first one is with the event loop.
        for _ in range(2):
            assert running.get("/health").status == 200
    # The event loop finds both at once.
    release.set()
    assert peers["/quick"].getresponse().read() == b"/quick"
    arrived.set()
    assert peers["/holding"].getresponse().read() == b"/holding"
    assert in_time == [True]


def test_requests_that_come_at_once_are_all_answered(run_app: RunApp, dial: Dial) -> None:
    entered, release = threading.Event(), threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if scope["path"] == "/first":
            entered.set()
            release.wait()
        await answer(send, scope["path"].encode())

    running = run_app(app)
    peers = {f"/{number}": dial(running) for number in range(30)}
    first = dial(running)
    first.start("GET", "/first")
    assert entered.wait(10)
    for path, peer in peers.items():
        peer.start("GET", path)
    release.set()
    for path, peer in [("/first", first), *peers.items()]:
        assert peer.getresponse().read() == path.encode()
    # The connections go on, one request at a time now.
    for path, peer in peers.items():
        peer.start("GET", f"{path}/again")
        assert peer.getresponse().read() == f"{path}/again".encode()


# --- the scope ------------------------------------------------------------------------------------


class Seen:
    """An application that keeps the scope of each request."""

    def __init__(self) -> None:
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        self.scope = scope
        await answer(send)


def test_the_scope_is_that_of_the_specification(run_app: RunApp) -> None:
    seen = Seen()
    running = run_app(seen)
    running.post(
        "/caf%C3%A9/a%2Fb?q=1&r=%20",
        headers=[("X-Mixed", "Case"), ("x-twice", "1"), ("x-twice", "2")],
    )
    scope = seen.scope
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    assert scope["http_version"] == "1.1"
    assert scope["method"] == "POST"
    assert scope["scheme"] == "http"
    assert scope["path"] == "/café/a/b"
    assert scope["raw_path"] == b"/caf%C3%A9/a%2Fb"
    assert scope["query_string"] == b"q=1&r=%20"
    assert scope["root_path"] == ""
    assert scope["server"] == (str(running.socket_path), None)
    assert scope["client"] is None
    assert scope["state"] == {}
    assert (b"x-mixed", b"Case") in scope["headers"]
    assert [value for name, value in scope["headers"] if name == b"x-twice"] == [b"1", b"2"]
    assert "temps" in scope["extensions"]
    assert "http.response.trailers" in scope["extensions"]
    assert scope["extensions"]["temps"]["target"] == b"/caf%C3%A9/a%2Fb?q=1&r=%20"


def test_credentials_are_not_in_the_scope(run_app: RunApp) -> None:
    seen = Seen()
    running = run_app(seen)
    secret = running.plugin.ctx.auth_secret
    user = TestUser("7", "ada@example.org", actor_token="the-token")
    running.get("/", user=user, headers={"x-temps-auth": secret})
    assert secret not in repr(seen.scope)
    assert "the-token" not in repr(seen.scope)


def test_the_caller_is_who_the_host_says(run_app: RunApp) -> None:
    seen = Seen()
    running = run_app(seen)
    user = TestUser("7", "ada@example.org", role="admin", permissions=["projects:read"])
    running.get("/", user=user)
    found = caller(seen.scope)
    assert found is not None
    assert (found.user_id, found.email, found.role) == ("7", "ada@example.org", "admin")
    assert found.permissions == ("projects:read",)
    assert found.is_admin and found.has_permission("projects:read")
    assert not found.has_permission("projects:write")
    running.get("/")
    assert caller(seen.scope) is None


@pytest.mark.parametrize("separator", ["-", "_"])
def test_headers_alone_make_no_caller(separator: str, run_app: RunApp) -> None:
    seen = Seen()
    running = run_app(seen, dialect=1)
    spoofed = {
        f"x{separator}temps{separator}user{separator}{name}": value
        for name, value in [("id", "7"), ("email", "ada@example.org"), ("role", "admin")]
    }
    reply = running.get("/", headers=spoofed, signed=False)
    assert reply.status == 200
    assert caller(seen.scope) is None


def test_a_wrong_signature_never_reaches_the_application(run_app: RunApp) -> None:
    seen = Seen()
    running = run_app(seen)
    assert running.get("/", signed=False).status == 401
    wrong = {"x-temps-auth-signature": "f" * 32}
    assert running.get("/", signed=False, headers=wrong).status == 401
    assert seen.scope == {}


# --- answers --------------------------------------------------------------------------------------


def test_pieces_reach_the_client_one_by_one(run_app: RunApp, dial: Dial) -> None:
    proceed = asyncio.Event()

    async def act(receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-type", b"text/event-stream")))
        await send(piece(b"data: 1\n\n"))
        await proceed.wait()
        await send(piece(b"data: 2\n\n", more=False))

    running = run_app(http_only(act))
    connection = dial(running)
    connection.start("GET", "/events")
    reply = connection.getresponse()
    assert reply.read(9) == b"data: 1\n\n"
    running._thread._loop.call_soon_threadsafe(proceed.set)  # type: ignore[union-attr]
    assert reply.read() == b"data: 2\n\n"


def test_trailers_follow_the_body(run_app: RunApp, dial: Dial) -> None:
    async def act(receive: Receive, send: Send) -> None:
        head = start(200, (b"trailer", b"x-sum"))
        await send({**head, "trailers": True})
        await send(piece(b"body", more=False))
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"7")]})

    peer = dial(run_app(http_only(act))).raw("GET", "/", "te: trailers", "connection: close")
    assert read_all(peer).endswith(b"4\r\nbody\r\n0\r\nx-sum: 7\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_body_has_none(status: int, run_app: RunApp) -> None:
    async def act(receive: Receive, send: Send) -> None:
        await answer(send, b"not to be seen", status)

    reply = run_app(http_only(act)).get("/")
    assert (reply.status, reply.body) == (status, b"")


def test_bytes_like_bodies_are_taken(run_app: RunApp) -> None:
    async def act(receive: Receive, send: Send) -> None:
        await send(start(200))
        await send({"type": "http.response.body", "body": bytearray(b"a"), "more_body": True})
        await send({"type": "http.response.body", "body": memoryview(b"b"), "more_body": False})

    assert run_app(http_only(act)).get("/").body == b"ab"
