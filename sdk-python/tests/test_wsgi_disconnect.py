"""Clients that go away, and servers that give a request up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from temps_plugin.wsgi import ClientDisconnected, WsgiApp
from wsgi_driver import LIMIT, Client, Environ, Message, answer, ask, run, scope_of, until


def endless(closed: threading.Event) -> Any:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    return app


@pytest.mark.parametrize("chunks", [[b""], [b"a", b"b"]])
def test_iteration_stops_when_only_receive_tells_of_the_leaving(chunks: list[bytes]) -> None:
    async def request() -> None:
        closed = threading.Event()
        client = Client(chunks[:1])

        async def leave(message: Message) -> None:
            if len(client.sent) == 5:
                client.gone.set()
            await asyncio.sleep(0)

        client.on_send = leave
        await WsgiApp(endless(closed))(scope_of(), client.receive, client.send)
        assert closed.is_set()
        assert not client.complete

    run(request())


def test_a_stream_learns_of_the_leaving_between_two_chunks() -> None:
    async def request() -> None:
        left = threading.Event()
        told = False
        client = Client()

        async def receive() -> Message:
            nonlocal told
            message = await client.receive()
            told = message["type"] == "http.disconnect"
            return message

        def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [])
            yield b"x"
            left.wait(LIMIT)
            yield b"y"

        task = asyncio.create_task(WsgiApp(app)(scope_of(), receive, client.send))
        await until(lambda: len(client.sent) == 2)
        client.gone.set()
        await until(lambda: told)
        left.set()
        await task
        assert client.body == b"x"

    run(request())


def test_a_stream_that_ended_listens_no_longer() -> None:
    async def request() -> None:
        client = Client()
        listening, stopped = asyncio.Event(), asyncio.Event()

        async def receive() -> Message:
            listening.set()
            try:
                return await client.receive()
            except asyncio.CancelledError:
                stopped.set()
                raise

        async def wait(message: Message) -> None:
            if message.get("body") == b"b":
                await listening.wait()

        client.on_send = wait
        await WsgiApp(answer(b"a", b"b"))(scope_of(), receive, client.send)
        assert client.complete
        await until(stopped.is_set)

    run(request())


def test_one_thread_may_read_while_another_writes() -> None:
    count = 300

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        def read() -> None:
            for _ in range(count):
                got.append(environ["wsgi.input"].read1())

        got: list[bytes] = []
        reader = threading.Thread(target=read)
        reader.start()
        start_response("200 OK", [])
        for number in range(count):
            yield b"%d," % number
        reader.join(LIMIT)
        yield b"".join(got)

    numbers = [b"%d," % number for number in range(count)]
    client = ask(app, "POST", numbers)
    assert client.body == b"".join(numbers) * 2


def test_iteration_stops_when_send_raises_oserror(caplog: pytest.LogCaptureFixture) -> None:
    async def request() -> None:
        closed = threading.Event()
        client = Client()

        async def leave(message: Message) -> None:
            if len(client.sent) == 3:
                client.send_error = BrokenPipeError("said only once")

        client.on_send = leave
        await WsgiApp(endless(closed))(scope_of(), client.receive, client.send)
        assert closed.is_set()
        assert len(client.sent) == 3

    run(request())
    assert caplog.records == []


def test_write_raises_when_the_client_went_away() -> None:
    seen: list[BaseException] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        for _ in range(2):
            try:
                write(b"x")
            except ConnectionResetError as error:
                seen.append(error)
        raise RuntimeError("of my own") from seen[0]

    async def request() -> Client:
        client = Client()
        client.send_error = ConnectionResetError("gone")
        await WsgiApp(app)(scope_of(), client.receive, client.send)
        return client

    client = run(request())
    assert [type(error) for error in seen] == [ClientDisconnected] * 2
    assert client.sent == []


def test_a_failure_after_the_client_left_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        with contextlib.suppress(ConnectionResetError):
            write(b"x")
        raise KeyError("unrelated")

    async def request() -> Client:
        client = Client()
        client.send_error = ConnectionResetError("gone")
        await WsgiApp(app)(scope_of(), client.receive, client.send)
        return client

    assert run(request()).sent == []
    [record] = caplog.records
    assert "unrelated" in str(record.exc_info and record.exc_info[1])


def test_a_stream_holds_no_more_than_one_unread_chunk() -> None:
    """Listening for the client's leaving must not swallow or hoard the body."""
    read: list[bytes] = []
    pulled: list[int] = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(20):
            yield b"x"
        pulled.append(client.pulled)
        read.append(environ["wsgi.input"].read(3))
        for _ in range(20):
            yield b"x"
        pulled.append(client.pulled)
        read.append(environ["wsgi.input"].read())

    async def request() -> None:
        await WsgiApp(app)(scope_of("POST"), client.receive, client.send)

    client = Client([b"abc", b"def", b"ghi", b"jkl"])
    run(request())
    assert read == [b"abc", b"defghijkl"]
    assert pulled == [1, 2]
    assert client.complete


def test_a_server_that_repeats_the_end_of_the_body_is_not_asked_for_ever() -> None:
    asked = 0

    async def request() -> Client:
        client = Client()

        async def receive() -> Message:
            nonlocal asked
            asked += 1
            return {"type": "http.request", "body": b"once", "more_body": False}

        async def idle(message: Message) -> None:
            for _ in range(50):
                await asyncio.sleep(0)

        def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
            start_response("200 OK", [])
            yield b"a"
            yield b"b"
            yield environ["wsgi.input"].read()

        client.on_send = idle
        await WsgiApp(app)(scope_of("POST"), receive, client.send)
        return client

    assert run(request()).body == b"abonce"
    assert asked <= 6


@pytest.mark.parametrize("doing", ["reading", "writing", "waiting"])
def test_a_cancelled_task_frees_its_thread(doing: str) -> None:
    """`waiting`: the application itself does something else at that time."""
    started, go, ended = threading.Event(), threading.Event(), threading.Event()
    seen: list[BaseException] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        if environ["REQUEST_METHOD"] == "GET":
            return [b"next"]
        started.set()
        try:
            if doing == "waiting":
                go.wait(LIMIT)
            if doing == "reading":
                environ["wsgi.input"].read()
            else:
                write(b"x")
        except OSError as error:
            seen.append(error)
            raise
        finally:
            ended.set()
        return []

    async def request() -> None:
        client = Client([b"a", b"b"])
        blocked = asyncio.Event()

        async def block(message: Message) -> None:
            blocked.set()
            await asyncio.Event().wait()

        async def receive() -> Message:
            blocked.set()
            await asyncio.Event().wait()
            raise AssertionError

        client.on_send = block
        application = WsgiApp(app, threads=1)
        task = asyncio.create_task(application(scope_of("POST"), receive, client.send))
        await until(started.is_set)
        if doing != "waiting":
            await blocked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        await until(ended.is_set)
        assert isinstance(seen[0], ClientDisconnected)
        assert "the server gave it up" in str(seen[0])
        # The only thread is free again.
        after = Client()
        await application(scope_of(), after.receive, after.send)
        assert after.body == b"next"

    run(request())


def test_a_failure_after_a_cancelled_task_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    started, go = threading.Event(), threading.Event()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        started.set()
        go.wait(LIMIT)
        raise KeyError("too late")

    async def request() -> None:
        client = Client()
        task = asyncio.create_task(WsgiApp(app)(scope_of(), client.receive, client.send))
        await until(started.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go.set()
        await until(lambda: bool(caplog.records))

    run(request())
    [record] = caplog.records
    assert record.name == "temps_plugin.wsgi"
    assert "too late" in str(record.exc_info and record.exc_info[1])


def test_a_request_cancelled_while_it_waits_for_a_thread_never_runs() -> None:
    started, go = threading.Event(), threading.Event()
    paths: list[str] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        paths.append(environ["PATH_INFO"])
        started.set()
        go.wait(LIMIT)
        start_response("200 OK", [])
        return [b"x"]

    async def request() -> None:
        application = WsgiApp(app, threads=1)
        clients = [Client() for _ in range(3)]
        tasks = [
            asyncio.create_task(application(scope_of(path=f"/{at}"), one.receive, one.send))
            for at, one in enumerate(clients)
        ]
        await until(started.is_set)
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
        go.set()
        await tasks[0]
        await tasks[2]

    run(request())
    assert paths == ["/0", "/2"]


def test_a_closed_loop_frees_the_thread() -> None:
    started, go, ended = threading.Event(), threading.Event(), threading.Event()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        started.set()
        go.wait(LIMIT)
        try:
            environ["wsgi.input"].read()
        finally:
            ended.set()
        return []

    async def request() -> None:
        client = Client()
        task = asyncio.create_task(WsgiApp(app)(scope_of(), client.receive, client.send))
        await until(started.is_set)
        assert not task.done()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(request())
    # The task is left behind on purpose, as a server does that stops without cancelling.
    tasks = asyncio.all_tasks(loop)
    loop.close()
    go.set()
    assert ended.wait(LIMIT)
    for task in tasks:
        task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_the_thread_is_not_stuck_when_another_one_reads() -> None:
    """A helper thread that outlives its request is told, not left waiting."""
    seen: list[BaseException] = []
    go = threading.Event()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        def helper() -> None:
            go.wait(LIMIT)
            try:
                environ["wsgi.input"].read()
            except OSError as error:
                seen.append(error)

        threads.append(threading.Thread(target=helper))
        threads[0].start()
        start_response("200 OK", [])
        return [b"x"]

    threads: list[threading.Thread] = []
    ask(app, "POST", [b"a", b"b"])
    go.set()
    threads[0].join(LIMIT)
    assert [type(error) for error in seen] == [ClientDisconnected]
