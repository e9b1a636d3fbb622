"""The threads of `WsgiApp`, its lifespan, and scopes that are not HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from typing import Any

import pytest
from temps_plugin import wsgi
from temps_plugin.wsgi import WsgiApp
from wsgi_driver import LIMIT, Client, Environ, Message, answer, run, scope_of, until


def test_the_application_runs_off_the_loop_in_a_bounded_pool() -> None:
    names: set[str] = set()
    lock = threading.Lock()
    now = most = 0
    full, go = threading.Event(), threading.Event()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            names.add(threading.current_thread().name)
            if now == 3:
                full.set()
        go.wait(LIMIT)
        with lock:
            now -= 1
        start_response("200 OK", [])
        return [b"x"]

    async def request() -> None:
        application = WsgiApp(app, threads=3)
        clients = [Client() for _ in range(12)]
        tasks = [
            asyncio.create_task(application(scope_of(), one.receive, one.send)) for one in clients
        ]
        await until(full.is_set)
        go.set()
        await asyncio.gather(*tasks)
        assert all(one.body == b"x" for one in clients)

    run(request())
    assert most == 3
    assert len(names) == 3
    assert threading.current_thread().name not in names


def test_context_variables_reach_the_application() -> None:
    from contextvars import ContextVar

    who: ContextVar[str] = ContextVar("who")

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [who.get().encode()]

    async def request() -> bytes:
        who.set("me")
        client = Client()
        await WsgiApp(app)(scope_of(), client.receive, client.send)
        return client.body

    assert run(request()) == b"me"


class Lifespan:
    """A server's lifespan channel to an application."""

    def __init__(self, application: WsgiApp) -> None:
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: asyncio.Queue[str] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}}
        self.task = asyncio.create_task(application(scope, self.incoming.get, self.send))

    async def send(self, message: Message) -> None:
        await self.sent.put(message["type"])

    async def say(self, what: str) -> str:
        await self.incoming.put({"type": f"lifespan.{what}"})
        return await self.sent.get()


def test_shutdown_ends_the_threads() -> None:
    threads: list[threading.Thread] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        threads.append(threading.current_thread())
        start_response("200 OK", [])
        return [b"x"]

    async def life() -> None:
        application = WsgiApp(app)
        lifespan = Lifespan(application)
        assert await lifespan.say("startup") == "lifespan.startup.complete"
        client = Client()
        await application(scope_of(), client.receive, client.send)
        assert await lifespan.say("shutdown") == "lifespan.shutdown.complete"
        await lifespan.task
        await until(lambda: not threads[0].is_alive())

    run(life())


def test_shutdown_waits_for_calls_that_still_run() -> None:
    started, go = threading.Event(), threading.Event()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        started.set()
        go.wait(LIMIT)
        start_response("200 OK", [])
        return [b"x"]

    async def life() -> None:
        application = WsgiApp(app, threads=1)
        clients = [Client(), Client()]
        tasks = [
            asyncio.create_task(application(scope_of(), one.receive, one.send)) for one in clients
        ]
        await until(started.is_set)
        lifespan = Lifespan(application)
        await lifespan.say("startup")
        shutdown = asyncio.create_task(lifespan.say("shutdown"))
        await until(lifespan.incoming.empty)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not shutdown.done()
        go.set()
        assert await shutdown == "lifespan.shutdown.complete"
        # The second one had no thread yet when the shutdown began.
        await asyncio.gather(*tasks)
        assert [one.body for one in clients] == [b"x", b"x"]

    run(life())


def test_shutdown_does_not_wait_for_ever(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wsgi, "SHUTDOWN_WAIT", 0.01)
    started, go = threading.Event(), threading.Event()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        started.set()
        go.wait(LIMIT)
        start_response("200 OK", [])
        return [b"x"]

    async def life() -> None:
        application = WsgiApp(app)
        client = Client()
        task = asyncio.create_task(application(scope_of(), client.receive, client.send))
        await until(started.is_set)
        lifespan = Lifespan(application)
        assert await lifespan.say("shutdown") == "lifespan.shutdown.complete"
        assert "1 WSGI calls still run" in caplog.text
        go.set()
        await task

    run(life())


def test_shutdown_without_a_request() -> None:
    async def life() -> None:
        lifespan = Lifespan(WsgiApp(answer()))
        await lifespan.say("startup")
        assert await lifespan.say("shutdown") == "lifespan.shutdown.complete"
        await lifespan.task

    run(life())


def test_a_websocket_is_rejected() -> None:
    steps: list[str] = []

    async def dial() -> None:
        async def receive() -> Message:
            steps.append("websocket.connect")
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            steps.append(message["type"])

        await WsgiApp(answer())({"type": "websocket", "path": "/"}, receive, send)

    run(dial())
    assert steps == ["websocket.connect", "websocket.close"]


def test_an_unknown_scope_is_refused() -> None:
    async def call() -> None:
        client = Client()
        with pytest.raises(ValueError, match="scope of type 'webtransport'"):
            await WsgiApp(answer())({"type": "webtransport"}, client.receive, client.send)

    run(call())


@pytest.mark.parametrize(
    ("app", "threads", "kind", "message"),
    [
        ("module:app", None, TypeError, "app is a str; a WSGI application is a callable"),
        (answer(), 0, ValueError, "threads is 0; it takes 1 or more"),
        (answer(), "4", TypeError, "threads is a str; it takes a whole number"),
        (answer(), True, TypeError, "threads is a bool"),
    ],
)
def test_bad_arguments(app: Any, threads: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message):
        WsgiApp(app, threads=threads)


@pytest.mark.parametrize("fails", [False, True])
def test_requests_leave_nothing_behind(fails: bool) -> None:
    """Objects of a request must not wait for the collector of cycles."""
    alive: list[int] = []

    class Marker:
        def __init__(self) -> None:
            alive.append(1)

        def __del__(self) -> None:
            alive.pop()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        environ["marker"] = Marker()
        environ["wsgi.input"].read()
        write = start_response("200 OK", [])
        write(b"x")
        if fails:
            raise KeyError("mid-stream")
        return []

    async def request() -> None:
        application = WsgiApp(app, threads=1)
        for _ in range(20):
            client = Client()
            with contextlib.suppress(KeyError):
                await application(scope_of(), client.receive, client.send)
        await until(lambda: len(alive) <= 1)

    gc.disable()
    try:
        run(request())
    finally:
        gc.enable()
