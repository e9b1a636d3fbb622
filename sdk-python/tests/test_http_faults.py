"""HTTP when something goes wrong: an application's mistakes, clients that leave or do not read."""

from __future__ import annotations

import asyncio
import http.client
import sys
import threading
from collections.abc import Awaitable, Callable

import pytest
from conftest import Dial, Logs, Receive, RunApp, Send, answer, http_only, piece, start
from temps_plugin.errors import TempsError

Act = Callable[[Receive, Send], Awaitable[None]]

FIVE_BYTES = (b"content-length", b"5")


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
