"""HTTP, between a client on the socket and an ASGI application, well-behaved and not."""

from __future__ import annotations

import asyncio
import http.client
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from conftest import Dial, Logs, RunApp, StartHosted, answer, piece, read_all, start
from temps_plugin import caller
from temps_plugin.errors import TempsError
from temps_plugin.testing import TestUser

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Act = Callable[[Receive, Send], Awaitable[None]]

FIVE_BYTES = (b"content-length", b"5")


def http_only(act: Act) -> Any:
    """An application without lifespan whose `/ok` is well behaved, while the rest does `act`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if scope["path"] == "/ok":
            await answer(send)
        else:
            await act(receive, send)

    return app


# --- what an application does wrong ---------------------------------------------------------------


async def status_99(receive: Receive, send: Send) -> None:
    await send(start(99))


async def status_that_ends_nothing(receive: Receive, send: Send) -> None:
    await send(start(103))


async def status_that_is_no_number(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": "200 OK"})


async def header_with_a_newline(receive: Receive, send: Send) -> None:
    await send(start(200, (b"x-split", b"a\r\nset-cookie: b=c")))


async def header_name_with_a_space(receive: Receive, send: Send) -> None:
    await send(start(200, (b"no name", b"")))


async def header_as_text(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [("a", "b")]})


async def two_lengths(receive: Receive, send: Send) -> None:
    await send(start(200, FIVE_BYTES, (b"content-length", b"6")))


async def body_before_start(receive: Receive, send: Send) -> None:
    await send(piece(b"hello", more=False))


async def two_starts(receive: Receive, send: Send) -> None:
    await send(start(200))
    await send(start(200))


async def body_as_text(receive: Receive, send: Send) -> None:
    await send(start(200))
    await send({"type": "http.response.body", "body": "hello"})


async def too_much(receive: Receive, send: Send) -> None:
    await send(start(200, FIVE_BYTES))
    await send(piece(b"hello world", more=False))


async def too_little(receive: Receive, send: Send) -> None:
    await send(start(200, FIVE_BYTES))
    await send(piece(b"hell", more=False))


async def unknown_message(receive: Receive, send: Send) -> None:
    await send({"type": "http.response.nonsense"})


async def no_message(receive: Receive, send: Send) -> None:
    await send(["http.response.start"])  # type: ignore[arg-type]


async def raises(receive: Receive, send: Send) -> None:
    raise RuntimeError("on purpose")


async def raises_after_start(receive: Receive, send: Send) -> None:
    await send(start(200))
    raise RuntimeError("on purpose")


async def exits(receive: Receive, send: Send) -> None:
    sys.exit("on purpose")


async def interrupts(receive: Receive, send: Send) -> None:
    raise KeyboardInterrupt


async def resets(receive: Receive, send: Send) -> None:
    # That of a database, say: the client is still there.
    raise ConnectionResetError("on purpose")


@pytest.mark.parametrize(
    "act",
    [
        status_99,
        status_that_ends_nothing,
        status_that_is_no_number,
        header_with_a_newline,
        header_name_with_a_space,
        header_as_text,
        two_lengths,
        body_before_start,
        two_starts,
        body_as_text,
        too_much,
        too_little,
        unknown_message,
        no_message,
        raises,
        raises_after_start,
        exits,
        interrupts,
        resets,
    ],
)
def test_a_mistake_before_the_answer_is_a_500_and_a_traceback(
    act: Act, run_app: RunApp, logs: Logs
) -> None:
    running = run_app(http_only(act))
    reply = running.get("/bad")
    assert reply.status == 500
    assert reply.json()["title"] == "Internal Server Error"
    assert "on purpose" not in reply.text
    logs.wait_for("ERROR", "GET /bad: ", "Traceback", f"in {act.__name__}")
    assert running.get("/ok").text == "ok"


async def too_much_in_pieces(receive: Receive, send: Send) -> None:
    await send(start(200, FIVE_BYTES))
    await send(piece(b"hell"))
    await send(piece(b"o world"))


async def too_little_in_pieces(receive: Receive, send: Send) -> None:
    await send(start(200, FIVE_BYTES))
    await send(piece(b"hell"))
    await send(piece(b"", more=False))


async def raises_mid_stream(receive: Receive, send: Send) -> None:
    await send(start(200))
    await send(piece(b"hell"))
    raise RuntimeError("on purpose")


async def exits_mid_stream(receive: Receive, send: Send) -> None:
    await send(start(200))
    await send(piece(b"hell"))
    sys.exit(1)


@pytest.mark.parametrize(
    "act", [too_much_in_pieces, too_little_in_pieces, raises_mid_stream, exits_mid_stream]
)
def test_a_mistake_within_the_answer_never_looks_like_its_end(
    act: Act, run_app: RunApp, logs: Logs, dial: Dial
) -> None:
    running = run_app(http_only(act))
    connection = dial(running)
    connection.start("GET", "/bad")
    # Whatever the client has seen of it, it knows that there was to be more.
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connection.getresponse().read()
    with pytest.raises(TempsError):
        running.get("/bad")
    logs.wait_for("ERROR", "GET /bad: ", "Traceback", f"in {act.__name__}")
    assert running.get("/ok").text == "ok"


async def says_nothing(receive: Receive, send: Send) -> None:
    return


async def cancels_itself(receive: Receive, send: Send) -> None:
    raise asyncio.CancelledError


async def only_starts(receive: Receive, send: Send) -> None:
    await send(start(200))


@pytest.mark.parametrize("act", [says_nothing, cancels_itself, only_starts])
def test_an_answer_that_is_missing_is_a_500(act: Act, run_app: RunApp, logs: Logs) -> None:
    running = run_app(http_only(act))
    assert running.get("/bad").status == 500
    logs.wait_for("ERROR", "GET /bad: ", "without a complete response")
    assert running.get("/ok").text == "ok"


def test_an_answer_that_stops_in_the_middle_closes_the_connection(
    run_app: RunApp, logs: Logs
) -> None:
    async def act(receive: Receive, send: Send) -> None:
        await send(start(200))
        await send(piece(b"hell"))

    running = run_app(http_only(act))
    with pytest.raises(TempsError):
        running.get("/bad")
    logs.wait_for("ERROR", "GET /bad: ", "without a complete response")


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_exit_in_a_task_of_the_handlers_ends_neither_loop_nor_plugin(
    error: type[BaseException], run_app: RunApp, logs: Logs
) -> None:
    async def child() -> None:
        raise error("on purpose")

    async def act(receive: Receive, send: Send) -> None:
        # Middlewares of frameworks run the handler like this.
        await asyncio.get_running_loop().create_task(child())

    running = run_app(http_only(act))
    assert running.get("/bad").status == 500
    logs.wait_for("ERROR", "GET /bad: ", "on purpose")
    assert running.get("/ok").text == "ok"


# --- clients that do not read, or go away ---------------------------------------------------------


def test_a_client_that_never_reads_costs_a_bounded_number_of_bytes(
    run_app: RunApp, dial: Dial
) -> None:
    sent = 0
    chunk = bytes(64 * 1024)

    async def act(receive: Receive, send: Send) -> None:
        nonlocal sent
        await send(start(200))
        while True:
            await send(piece(chunk))
            sent += len(chunk)

    running = run_app(http_only(act))
    peer = dial(running).raw("GET", "/endless")
    # The loop turns many times meanwhile: the application could go on if it may.
    for _ in range(100):
        assert running.get("/ok").status == 200
    assert sent < 4 * 1024 * 1024
    # It goes on as soon as somebody reads.
    missing = 8 * 1024 * 1024
    while missing > 0:
        missing -= len(peer.recv(65536))
    assert sent > 7 * 1024 * 1024


class Told:
    """What a handler was told when its client went away."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.ended = threading.Event()
        self.by: object = None

    def act(self, wait: Act) -> Act:
        async def act(receive: Receive, send: Send) -> None:
            try:
                await wait(receive, send)
            except BaseException as error:
                self.by = type(error)
                raise
            finally:
                self.ended.set()

        return act


def leave(told: Told, wait: Act, run_app: RunApp, dial: Dial) -> None:
    running = run_app(http_only(told.act(wait)))
    peer = dial(running).raw("GET", "/wait")
    assert told.entered.wait(10)
    peer.close()
    assert told.ended.wait(10)
    assert running.get("/ok").text == "ok"


def test_a_handler_that_waits_for_something_else_is_cancelled(run_app: RunApp, dial: Dial) -> None:
    told = Told()

    async def wait(receive: Receive, send: Send) -> None:
        told.entered.set()
        await asyncio.Event().wait()

    leave(told, wait, run_app, dial)
    assert told.by is asyncio.CancelledError


def test_a_handler_that_waits_within_its_answer_is_cancelled(run_app: RunApp, dial: Dial) -> None:
    told = Told()

    async def wait(receive: Receive, send: Send) -> None:
        await send(start(200))
        await send(piece(b"event: 1\n\n"))
        told.entered.set()
        await asyncio.Event().wait()

    leave(told, wait, run_app, dial)
    assert told.by is asyncio.CancelledError


def test_a_handler_that_has_once_looked_for_its_client_is_cancelled_too(
    run_app: RunApp, dial: Dial
) -> None:
    told = Told()

    async def wait(receive: Receive, send: Send) -> None:
        await receive()
        # As frameworks ask whether the client is still there.
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(receive(), 0.01)
        told.entered.set()
        await asyncio.Event().wait()

    leave(told, wait, run_app, dial)
    assert told.by is asyncio.CancelledError


def test_a_handler_that_receives_is_told(run_app: RunApp, dial: Dial) -> None:
    told = Told()

    async def wait(receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        told.entered.set()
        last = (await receive())["type"]
        # Told once is enough: what it does now, it may do in peace.
        for _ in range(10):
            await asyncio.sleep(0)
        told.by = last

    leave(told, wait, run_app, dial)
    assert told.by == "http.disconnect"


def test_a_handler_that_sends_gets_an_os_error(run_app: RunApp, dial: Dial, logs: Logs) -> None:
    told = Told()

    async def wait(receive: Receive, send: Send) -> None:
        await send(start(200))
        try:
            while True:
                await send(piece(bytes(65536)))
                told.entered.set()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)

    leave(told, wait, run_app, dial)
    assert isinstance(told.by, type) and issubclass(told.by, OSError)
    # Nothing to alarm anyone.
    logs.wait_for("INFO", "GET /wait: ", "gone away")


def test_two_tasks_that_send_are_both_told(run_app: RunApp, dial: Dial) -> None:
    told = Told()
    outcomes: list[object] = []

    async def wait(receive: Receive, send: Send) -> None:
        await send(start(200))

        async def flood() -> None:
            while True:
                await send(piece(bytes(65536)))
                told.entered.set()

        outcomes.extend(await asyncio.gather(flood(), flood(), return_exceptions=True))

    leave(told, wait, run_app, dial)
    assert [isinstance(outcome, OSError) for outcome in outcomes] == [True, True]


def test_two_tasks_that_send_both_go_on(run_app: RunApp) -> None:
    async def act(receive: Receive, send: Send) -> None:
        await send(start(200))

        async def flood() -> None:
            for _ in range(64):
                await send(piece(bytes(65536)))

        await asyncio.gather(flood(), flood(), flood())
        await send(piece(b"", more=False))

    assert len(run_app(http_only(act)).get("/flood").body) == 3 * 64 * 65536


def test_clients_that_leave_at_any_moment_never_leave_the_loop_spinning(
    run_app: RunApp, dial: Dial
) -> None:
    ended = threading.Semaphore(0)

    async def act(receive: Receive, send: Send) -> None:
        try:
            await send(start(200))
            while True:
                await send(piece(bytes(1024)))
        finally:
            ended.release()

    running = run_app(http_only(act))
    for count in range(40):
        peer = dial(running).raw("GET", "/endless")
        # One piece at least, as the application has started then.
        for _ in range(1 + count):
            peer.recv(65536)
        peer.close()
    for _ in range(40):
        assert ended.acquire(timeout=10)
    assert running.get("/ok").text == "ok"


def test_a_head_request_ends_an_endless_answer(run_app: RunApp) -> None:
    ended = threading.Event()

    async def act(receive: Receive, send: Send) -> None:
        try:
            await send(start(200))
            while True:
                await send(piece(b"x"))
        finally:
            ended.set()

    reply = run_app(http_only(act)).request("HEAD", "/endless")
    assert (reply.status, reply.body) == (200, b"")
    assert ended.wait(10)


def test_a_client_that_has_all_its_bytes_has_not_gone_away(run_app: RunApp, dial: Dial) -> None:
    has_all = threading.Event()
    outcome: list[object] = []
    ended = threading.Event()

    async def act(receive: Receive, send: Send) -> None:
        try:
            await send(start(200, FIVE_BYTES))
            await send(piece(b"hello"))
            # Work that comes after the last byte, before the application says that it was the last.
            await asyncio.get_running_loop().run_in_executor(None, has_all.wait)
            await asyncio.sleep(0)
            await send(piece(b"", more=False))
            outcome.append("ended well")
        except BaseException as error:
            outcome.append(error)
            raise
        finally:
            ended.set()

    running = run_app(http_only(act))
    connection = dial(running)
    connection.start("GET", "/five")
    assert connection.getresponse().read() == b"hello"
    # A second request on the connection: the server is through with the first.
    connection.start("GET", "/ok")
    assert connection.getresponse().read() == b"ok"
    has_all.set()
    assert ended.wait(10)
    assert outcome == ["ended well"]


def test_work_after_the_answer_goes_on_though_the_client_leaves(
    run_app: RunApp, dial: Dial
) -> None:
    left, done = threading.Event(), threading.Event()

    async def act(receive: Receive, send: Send) -> None:
        await answer(send)
        await asyncio.get_running_loop().run_in_executor(None, left.wait)
        await asyncio.sleep(0)
        done.set()

    running = run_app(http_only(act))
    connection = dial(running)
    connection.start("GET", "/background")
    assert connection.getresponse().read() == b"ok"
    connection.close()
    left.set()
    assert done.wait(10)


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


def test_a_client_that_breaks_off_its_upload_is_a_disconnect(run_app: RunApp, dial: Dial) -> None:
    told = Told()

    async def wait(receive: Receive, send: Send) -> None:
        told.entered.set()
        message = await receive()
        while message["type"] == "http.request":
            message = await receive()
        told.by = message["type"]

    running = run_app(http_only(told.act(wait)))
    peer = dial(running).raw("POST", "/upload", "content-length: 1000")
    peer.sendall(b"some of it")
    assert told.entered.wait(10)
    peer.close()
    assert told.ended.wait(10)
    assert told.by == "http.disconnect"


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
