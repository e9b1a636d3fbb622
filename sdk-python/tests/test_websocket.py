"""WebSockets, between a client on the socket and an ASGI application."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
from conftest import Dial, Logs, RunApp, answer, read_all
from temps_plugin import caller
from temps_plugin.testing import RunningPlugin
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, unix_connect
from websockets.typing import Subprotocol

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Act = Callable[[Receive, Send], Awaitable[None]]
Open = Callable[..., ClientConnection]

ACCEPT = {"type": "websocket.accept"}


@pytest.fixture
def connect() -> Iterator[Open]:
    """Opens a WebSocket to a plugin under test, signed by the host."""
    with ExitStack() as stack:

        def open_one(running: RunningPlugin, path: str = "/ws", **more: Any) -> ClientConnection:
            headers = {"x-temps-auth-signature": running.plugin.ctx.auth_secret}
            headers.update(more.pop("headers", {}))
            peer = cast(Any, unix_connect)(
                str(running.socket_path),
                f"ws://plugin{path}",
                additional_headers=headers,
                compression=None,
                close_timeout=10,
                **more,
            )
            connection: ClientConnection = stack.enter_context(peer)
            return connection

        yield open_one


def conversation(act: Act) -> Any:
    """An application whose WebSockets do `act`; `/ok` answers HTTP."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            assert (await receive())["type"] == "websocket.connect"
            await act(receive, send)
        else:
            assert scope["type"] == "http"
            await answer(send)

    return app


async def echo(receive: Receive, send: Send) -> None:
    await send(ACCEPT)
    while (message := await receive())["type"] == "websocket.receive":
        kind = "text" if message.get("text") is not None else "bytes"
        await send({"type": "websocket.send", kind: message[kind]})


@pytest.mark.parametrize(
    "message", ["grüße", "", b"\x00\xff", b"", "x" * 1_000_000, bytes(1_000_000)]
)
def test_text_and_bytes_go_both_ways(message: str | bytes, run_app: RunApp, connect: Open) -> None:
    peer = connect(run_app(conversation(echo)), max_size=None)
    peer.send(message)
    assert peer.recv(10) == message


def test_the_largest_message_of_the_protocol_comes_through(run_app: RunApp, connect: Open) -> None:
    peer = connect(run_app(conversation(echo)), max_size=None)
    message = bytes(16 * 1024 * 1024)
    peer.send(message)
    assert peer.recv(20) == message


def test_a_message_over_the_limit_closes_with_1009(run_app: RunApp, connect: Open) -> None:
    codes: list[int] = []
    ended = threading.Event()

    async def act(receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        codes.append((await receive())["code"])
        ended.set()

    peer = connect(run_app(conversation(act)))
    with pytest.raises(ConnectionClosed):
        peer.send(bytes(16 * 1024 * 1024 + 1))
        peer.recv(10)
    assert ended.wait(10)
    assert codes == [1009]


def test_a_subprotocol_is_agreed_on(run_app: RunApp, connect: Open) -> None:
    offered: list[list[str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        offered.append(scope["subprotocols"])
        await receive()
        head = [(b"x-greeting", b"hello")]
        await send({"type": "websocket.accept", "subprotocol": "two", "headers": head})
        await receive()

    protocols = [Subprotocol("one"), Subprotocol("two")]
    peer = connect(run_app(app), subprotocols=protocols)
    assert peer.subprotocol == "two"
    assert peer.response is not None and peer.response.headers["x-greeting"] == "hello"
    assert offered == [["one", "two"]]


def test_a_subprotocol_nobody_offered_is_the_applications_mistake(
    run_app: RunApp, connect: Open, logs: Logs
) -> None:
    async def act(receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": "three"})

    with pytest.raises(InvalidStatus) as caught:
        connect(run_app(conversation(act)), subprotocols=[Subprotocol("one")])
    assert caught.value.response.status_code == 500
    logs.wait_for("ERROR", "WebSocket /ws: ", "Traceback", "three", "one")


def test_a_refusal_before_accept_is_a_403(run_app: RunApp, connect: Open) -> None:
    received: list[str] = []
    ended = threading.Event()

    async def act(receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})
        # Whoever still listens learns that there is nothing to hear.
        received.append((await receive())["type"])
        ended.set()

    with pytest.raises(InvalidStatus) as caught:
        connect(run_app(conversation(act)))
    assert caught.value.response.status_code == 403
    assert ended.wait(10)
    assert received == ["websocket.disconnect"]


def test_a_refusal_may_be_a_response_of_the_applications_own(
    run_app: RunApp, connect: Open
) -> None:
    async def act(receive: Receive, send: Send) -> None:
        head = [(b"content-type", b"text/plain"), (b"x-why", b"closed")]
        await send({"type": "websocket.http.response.start", "status": 418, "headers": head})
        for body, more in ((b"come ", True), (b"later", False)):
            await send({"type": "websocket.http.response.body", "body": body, "more_body": more})

    with pytest.raises(InvalidStatus) as caught:
        connect(run_app(conversation(act)))
    response = caught.value.response
    assert (response.status_code, response.headers["x-why"]) == (418, "closed")
    assert response.body == b"come later"


async def raises(receive: Receive, send: Send) -> None:
    raise RuntimeError("on purpose")


async def exits(receive: Receive, send: Send) -> None:
    raise SystemExit("on purpose")


async def sends_before_accept(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.send", "text": "on purpose"})


async def bad_status(receive: Receive, send: Send) -> None:
    await send({"type": "websocket.http.response.start", "status": 99})


@pytest.mark.parametrize("act", [raises, exits, sends_before_accept, bad_status])
def test_a_mistake_before_accept_is_a_500_and_a_traceback(
    act: Act, run_app: RunApp, connect: Open, logs: Logs
) -> None:
    running = run_app(conversation(act))
    with pytest.raises(InvalidStatus) as caught:
        connect(running)
    assert caught.value.response.status_code == 500
    logs.wait_for("ERROR", "WebSocket /ws: ", "Traceback", f"in {act.__name__}")
    assert running.get("/ok").text == "ok"


def test_a_handshake_nobody_decides_on_is_a_500(run_app: RunApp, connect: Open, logs: Logs) -> None:
    async def act(receive: Receive, send: Send) -> None:
        return

    with pytest.raises(InvalidStatus) as caught:
        connect(run_app(conversation(act)))
    assert caught.value.response.status_code == 500
    logs.wait_for("ERROR", "WebSocket /ws: ", "neither accepted nor refused")


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        ({}, 1000, ""),
        ({"code": 4001, "reason": "enough"}, 4001, "enough"),
        ({"code": 1013, "reason": None}, 1013, ""),
    ],
)
def test_the_application_closes_with_a_code(
    message: dict[str, Any], code: int, reason: str, run_app: RunApp, connect: Open
) -> None:
    async def act(receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send({"type": "websocket.send", "text": "last words"})
        await send({"type": "websocket.close", **message})

    peer = connect(run_app(conversation(act)))
    assert peer.recv(10) == "last words"
    with pytest.raises(ConnectionClosed):
        peer.recv(10)
    assert (peer.close_code, peer.close_reason) == (code, reason)


@pytest.mark.parametrize("message", [{"code": 1005}, {"code": 99}, {"reason": "x" * 124}])
def test_a_close_that_is_none_is_the_applications_mistake(
    message: dict[str, Any], run_app: RunApp, connect: Open, logs: Logs
) -> None:
    async def act(receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        await send({"type": "websocket.close", **message})

    peer = connect(run_app(conversation(act)))
    with pytest.raises(ConnectionClosed):
        peer.recv(10)
    assert peer.close_code == 1011
    logs.wait_for("ERROR", "WebSocket /ws: ", "Traceback", "allowed: 1000 to 4999")


def test_the_peers_code_and_reason_are_received(run_app: RunApp, connect: Open) -> None:
    received: list[dict[str, Any]] = []
    ended = threading.Event()

    async def act(receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        received.append(await receive())
        with pytest.raises(OSError, match="closed"):
            await send({"type": "websocket.send", "text": "too late"})
        with pytest.raises(RuntimeError, match=r"after websocket\.disconnect"):
            await receive()
        ended.set()

    peer = connect(run_app(conversation(act)))
    peer.close(4002, "bye")
    assert ended.wait(10)
    assert received == [{"type": "websocket.disconnect", "code": 4002, "reason": "bye"}]


def test_a_peer_that_vanishes_is_a_1006(run_app: RunApp, connect: Open) -> None:
    received: list[dict[str, Any]] = []
    ended = threading.Event()

    async def act(receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        received.append(await receive())
        ended.set()

    peer = connect(run_app(conversation(act)))
    peer.socket.close()
    assert ended.wait(10)
    assert received == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]


def test_returning_closes_with_1000_and_raising_with_1011(
    run_app: RunApp, connect: Open, logs: Logs
) -> None:
    async def act(receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        if (await receive())["text"] == "fail":
            raise RuntimeError("on purpose")

    running = run_app(conversation(act))
    for text, code in (("return", 1000), ("fail", 1011)):
        peer = connect(running)
        peer.send(text)
        with pytest.raises(ConnectionClosed):
            peer.recv(10)
        assert peer.close_code == code
    logs.wait_for("ERROR", "WebSocket /ws: ", "Traceback", "on purpose")
    assert running.get("/ok").text == "ok"


def test_a_receive_that_gave_up_loses_nothing(run_app: RunApp, connect: Open) -> None:
    gave_up, receive_again = threading.Event(), asyncio.Event()

    async def act(receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        for _ in range(2):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(receive(), 0.01)
        gave_up.set()
        # What comes now finds nobody who waits; it is for the next who does.
        await receive_again.wait()
        await send({"type": "websocket.send", "text": (await receive())["text"]})

    running = run_app(conversation(act))
    peer = connect(running)
    assert gave_up.wait(10)
    peer.send("hello")
    # The plugin has read the message, and the loop has turned.
    assert peer.ping().wait(10)
    assert running.get("/ok").text == "ok"
    running._thread._loop.call_soon_threadsafe(receive_again.set)  # type: ignore[union-attr]
    assert peer.recv(10) == "hello"


def test_a_peer_that_never_reads_costs_a_bounded_number_of_bytes(
    run_app: RunApp, connect: Open
) -> None:
    sent = 0
    chunk = bytes(64 * 1024)

    async def act(receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(ACCEPT)
        while True:
            await send({"type": "websocket.send", "bytes": chunk})
            sent += len(chunk)

    running = run_app(conversation(act))
    # A client that reads no more than its first messages.
    peer = connect(running, max_queue=1)
    for _ in range(100):
        assert running.get("/ok").status == 200
    assert sent < 4 * 1024 * 1024
    for _ in range(128):
        assert peer.recv(10) == chunk
    assert sent > 7 * 1024 * 1024
    peer.socket.close()


def test_an_application_that_never_receives_slows_its_peer_down(
    run_app: RunApp, dial: Dial
) -> None:
    release = asyncio.Event()
    ended = threading.Event()
    received = 0

    async def act(receive: Receive, send: Send) -> None:
        nonlocal received
        await send(ACCEPT)
        await release.wait()
        while (message := await receive())["type"] == "websocket.receive":
            received += len(message["bytes"])
        ended.set()

    running = run_app(conversation(act))
    peer = raw_handshake(running, dial)
    # Frames of 65535 bytes, masked with zeros.
    frame = b"\x82\xfe\xff\xff\x00\x00\x00\x00" + bytes(65535)
    peer.setblocking(False)
    sent = 0
    rest = memoryview(frame * 1024)
    while True:
        try:
            count = peer.send(rest[sent:])
        except BlockingIOError:
            # The socket is full. Let the plugin take what it will, then look again.
            before = sent
            for _ in range(20):
                assert running.get("/ok").status == 200
            with pytest.raises(BlockingIOError):
                while True:
                    sent += peer.send(rest[sent : sent + 65536])
            if sent == before:
                break
        else:
            sent += count
    assert received == 0
    assert sent < 4 * 1024 * 1024
    running._thread._loop.call_soon_threadsafe(release.set)  # type: ignore[union-attr]
    peer.setblocking(True)
    peer.sendall(rest[sent:])
    peer.sendall(b"\x88\x80\x00\x00\x00\x00")
    assert read_all(peer).endswith(b"\x88\x00")
    assert ended.wait(10)
    assert received == 1024 * 65535


def raw_handshake(running: RunningPlugin, dial: Dial) -> Any:
    peer = dial(running).raw(
        "GET",
        "/ws",
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += peer.recv(1)
    assert head.startswith(b"HTTP/1.1 101")
    # The answer of RFC 6455 to its own sample key.
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    return peer


def test_many_tasks_may_send_at_once(run_app: RunApp, connect: Open) -> None:
    async def act(receive: Receive, send: Send) -> None:
        await send(ACCEPT)

        async def flood() -> None:
            for _ in range(50):
                await send({"type": "websocket.send", "bytes": bytes(65536)})

        await asyncio.gather(*(flood() for _ in range(4)))

    peer = connect(run_app(conversation(act)))
    for _ in range(200):
        assert len(peer.recv(10)) == 65536
    with pytest.raises(ConnectionClosed):
        peer.recv(10)
    assert peer.close_code == 1000


def test_peers_that_vanish_at_any_moment_never_leave_the_loop_spinning(
    run_app: RunApp, dial: Dial
) -> None:
    ended = threading.Semaphore(0)

    async def act(receive: Receive, send: Send) -> None:
        await send(ACCEPT)
        try:
            while True:
                await send({"type": "websocket.send", "bytes": bytes(1024)})
        except OSError:
            ended.release()

    running = run_app(conversation(act))
    for count in range(40):
        peer = raw_handshake(running, dial)
        for _ in range(count):
            peer.recv(65536)
        peer.close()
    for _ in range(40):
        assert ended.acquire(timeout=10)
    assert running.get("/ok").text == "ok"


def test_pings_are_answered_while_the_application_waits(run_app: RunApp, connect: Open) -> None:
    peer = connect(run_app(conversation(echo)))
    assert peer.ping(b"are you there").wait(10)


def test_a_handshake_that_is_none_is_a_400(run_app: RunApp) -> None:
    running = run_app(conversation(echo))
    reply = running.get("/ws", headers={"connection": "upgrade", "upgrade": "websocket"})
    assert reply.status == 400
    assert "Sec-WebSocket-Version" in reply.text


def test_the_scope_is_that_of_the_specification(run_app: RunApp, connect: Open) -> None:
    scopes: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        scopes.append(scope)
        await receive()
        await send(ACCEPT)
        await receive()

    running = run_app(app)
    headers = {
        "x-temps-user-id": "7",
        "x-temps-user-email": "ada@example.org",
        "x-temps-user-role": "admin",
    }
    connect(running, "/a%20b?c=d", headers=headers)
    (scope,) = scopes
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    assert (scope["scheme"], scope["http_version"]) == ("ws", "1.1")
    assert (scope["path"], scope["raw_path"]) == ("/a b", b"/a%20b")
    assert (scope["query_string"], scope["root_path"]) == (b"c=d", "")
    assert scope["subprotocols"] == []
    assert (scope["client"], scope["server"]) == (None, (str(running.socket_path), None))
    assert "websocket.http.response" in scope["extensions"]
    assert running.plugin.ctx.auth_secret not in repr(scope)
    found = caller(scope)
    assert found is not None and found.email == "ada@example.org"


def test_headers_alone_make_no_caller(run_app: RunApp, dial: Dial) -> None:
    callers: list[object] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        callers.append(caller(scope))
        await send({"type": "websocket.close"})

    running = run_app(app, dialect=1)
    spoofed = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        "x-temps-user-id": "7",
        "x-temps-user-email": "ada@example.org",
        "x-temps-user-role": "admin",
    }
    assert running.get("/ws", headers=spoofed, signed=False).status == 403
    assert callers == [None]
