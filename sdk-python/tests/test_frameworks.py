"""The frameworks an author may bring: one small application each, over the real socket."""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from conftest import Dial, Logs, RunApp
from temps_plugin import Plugin, caller
from temps_plugin.testing import RunningPlugin, TestPlatform, TestUser, project
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import unix_connect

ADA = TestUser("7", "ada@example.org")


class Endless:
    """A stream that goes on until its reader leaves, and says when it has ended."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"piece\n"
                await asyncio.sleep(0)
        finally:
            self.ended.set()

    def plain_pieces(self) -> Iterator[bytes]:
        try:
            while True:
                yield b"piece\n"
        finally:
            self.ended.set()


def who(request: object) -> str:
    found = caller(request)
    return "nobody" if found is None else found.email


# Each makes an application with `/who`, the caller; `/echo`, the body; `/endless`, the stream.


def fastapi_app(endless: Endless) -> Any:
    from fastapi import FastAPI, Request, WebSocket
    from fastapi.responses import PlainTextResponse, StreamingResponse

    app = FastAPI()

    async def whoami(request: Request) -> PlainTextResponse:
        return PlainTextResponse(who(request))

    async def echo(request: Request) -> StreamingResponse:
        return StreamingResponse(request.stream())

    async def stream() -> StreamingResponse:
        return StreamingResponse(endless.pieces(), media_type="text/plain")

    async def web_socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{await socket.receive_text()} {who(socket)}")
        await socket.close(4000)

    # `Request` and its like are known in here only: annotations that are texts cannot be resolved.
    for function, known in ((whoami, Request), (echo, Request), (web_socket, WebSocket)):
        name = "socket" if function is web_socket else "request"
        function.__annotations__ = {name: known}
    stream.__annotations__ = {}
    app.get("/who")(whoami)
    app.post("/echo")(echo)
    app.get("/endless")(stream)
    app.websocket("/ws")(web_socket)
    return app


def starlette_app(endless: Endless) -> Any:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket

    async def whoami(request: Request) -> Response:
        return PlainTextResponse(who(request))

    async def echo(request: Request) -> Response:
        return StreamingResponse(request.stream())

    async def stream(request: Request) -> Response:
        return StreamingResponse(endless.pieces())

    async def web_socket(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{await socket.receive_text()} {who(socket)}")
        await socket.close(4000)

    return Starlette(
        routes=[
            Route("/who", whoami),
            Route("/echo", echo, methods=["POST"]),
            Route("/endless", stream),
            WebSocketRoute("/ws", web_socket),
        ]
    )


def litestar_app(endless: Endless) -> Any:
    from litestar import Litestar, MediaType, Request, WebSocket, get, post, websocket
    from litestar.response import Stream

    # Resolved where the functions are made: their annotations are texts.
    names = {"Request": Request, "WebSocket": WebSocket, "Stream": Stream, "Any": Any}

    async def whoami(request: Request[Any, Any, Any]) -> str:
        return who(request)

    async def echo(request: Request[Any, Any, Any]) -> Stream:
        body = b"".join([piece async for piece in request.stream()])
        return Stream(body[i : i + 65536] for i in range(0, len(body), 65536))

    async def stream() -> Stream:
        return Stream(endless.pieces())

    async def web_socket(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.send_text(f"{await socket.receive_text()} {who(socket)}")
        await socket.close(4000)

    return Litestar(
        route_handlers=[
            get("/who", media_type=MediaType.TEXT)(whoami),
            post("/echo")(echo),
            get("/endless")(stream),
            websocket("/ws")(web_socket),
        ],
        signature_namespace=names,
    )


def quart_app(endless: Endless) -> Any:
    from quart import Quart, request, websocket

    app = Quart("quart_app")

    @app.get("/who")
    async def whoami() -> str:
        return who(request)

    @app.post("/echo")
    async def echo() -> Any:
        body = request.body

        async def pieces() -> AsyncIterator[bytes]:
            async for piece in body:
                yield piece

        return pieces()

    @app.get("/endless")
    async def stream() -> Any:
        return endless.pieces(), {"content-type": "text/plain"}

    @app.websocket("/ws")
    async def web_socket() -> None:
        text = await websocket.receive()
        assert isinstance(text, str)
        await websocket.send(f"{text} {who(websocket)}")
        await websocket.close(4000)

    return app


def flask_app(endless: Endless) -> Any:
    from flask import Flask, Response, request

    app = Flask("flask_app")

    @app.get("/who")
    def whoami() -> str:
        return who(request)

    @app.post("/echo")
    def echo() -> Response:
        body = request.stream
        return Response(iter(lambda: body.read(65536), b""))

    @app.get("/endless")
    def stream() -> Response:
        return Response(endless.plain_pieces())

    return app


def django(name: str) -> Any:
    """A module of Django, which has no types."""
    return importlib.import_module(f"django.{name}")


def django_urls(endless: Endless, is_async: bool) -> None:
    """Django has one configuration a process: its routes are replaced for each application."""
    settings, http, routes = django("conf").settings, django("http"), django("urls")
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="django_urls_under_test")
        importlib.import_module("django").setup()

    def whoami(request: Any) -> Any:
        return http.HttpResponse(who(request))

    def echo(request: Any) -> Any:
        return http.HttpResponse(request.read())

    def stream(request: Any) -> Any:
        pieces = endless.pieces() if is_async else endless.plain_pieces()
        return http.StreamingHttpResponse(pieces)

    urls = ModuleType("django_urls_under_test")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        routes.path("who", whoami),
        routes.path("echo", echo),
        routes.path("endless", stream),
    ]
    sys.modules[urls.__name__] = urls
    routes.clear_url_caches()


def django_asgi_app(endless: Endless) -> Any:
    django_urls(endless, is_async=True)
    return django("core.handlers.asgi").ASGIHandler()


def django_wsgi_app(endless: Endless) -> Any:
    django_urls(endless, is_async=False)
    return django("core.handlers.wsgi").WSGIHandler()


ASGI = [fastapi_app, starlette_app, litestar_app, quart_app, django_asgi_app]
WSGI = [flask_app, django_wsgi_app]
MakeApp = Callable[[Endless], Any]


@pytest.fixture
def endless() -> Endless:
    return Endless()


@pytest.mark.parametrize("make", ASGI + WSGI)
def test_a_request_is_answered_and_its_caller_known(
    make: MakeApp, run_app: RunApp, endless: Endless
) -> None:
    running = run_app(make(endless))
    reply = running.get("/who", user=ADA)
    assert (reply.status, reply.text) == (200, "ada@example.org")
    assert running.get("/who").text == "nobody"
    assert running.get("/nowhere").status == 404


@pytest.mark.parametrize("make", ASGI + WSGI)
def test_a_large_body_comes_back_whole(make: MakeApp, run_app: RunApp, endless: Endless) -> None:
    body = bytes(range(256)) * 4096
    reply = run_app(make(endless)).post(
        "/echo", body=body, headers={"content-type": "application/octet-stream"}
    )
    assert reply.status in (200, 201)
    assert reply.body == body


@pytest.mark.parametrize("make", ASGI + WSGI)
def test_a_stream_ends_when_its_reader_leaves(
    make: MakeApp, run_app: RunApp, endless: Endless, dial: Dial, logs: Logs
) -> None:
    running = run_app(make(endless))
    connection = dial(running)
    connection.start("GET", "/endless")
    assert connection.getresponse().read(12) == b"piece\npiece\n"
    assert not endless.ended.is_set()
    connection.sock.close()
    connection.close()
    # Django lets go of the stream, and leaves closing it to the collector.
    while not endless.ended.wait(0.01):
        gc.collect()
    assert running.get("/who").text == "nobody"
    # A client that leaves is nothing to alarm anyone with.
    assert not [line for line in logs.lines if line.startswith("ERROR")]


@pytest.mark.parametrize("make", [fastapi_app, starlette_app, litestar_app, quart_app])
def test_a_web_socket_speaks(make: MakeApp, run_app: RunApp, endless: Endless) -> None:
    running = run_app(make(endless))
    headers = {
        "x-temps-auth-signature": running.plugin.ctx.auth_secret,
        "x-temps-user-id": ADA.id,
        "x-temps-user-email": ADA.email,
        "x-temps-user-role": ADA.role,
    }
    path = str(running.socket_path)
    with unix_connect(path, "ws://plugin/ws", additional_headers=headers) as socket:
        socket.send("hello")
        assert socket.recv(10) == "hello ada@example.org"
        with pytest.raises(ConnectionClosed):
            socket.recv(10)
        assert socket.close_code == 4000


@pytest.mark.parametrize("make", [flask_app, django_wsgi_app])
def test_wsgi_refuses_web_sockets(make: MakeApp, run_app: RunApp, endless: Endless) -> None:
    upgrade = {
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert run_app(make(endless)).get("/ws", headers=upgrade).status == 403


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("is_async", [True, False])
def test_an_error_below_a_middleware_is_a_500(
    is_async: bool, error: type[BaseException], run_app: RunApp, logs: Logs
) -> None:
    from fastapi import FastAPI

    app = FastAPI()

    # Runs what is below it in a task of its own.
    async def middleware(request: Any, call_next: Any) -> Any:
        return await call_next(request)

    async def fail() -> None:
        raise error("on purpose")

    def fail_in_a_thread() -> None:
        raise error("on purpose")

    app.middleware("http")(middleware)
    app.get("/bad")(fail if is_async else fail_in_a_thread)
    app.get("/ok")(lambda: "ok")
    running = run_app(app)
    assert running.get("/bad").status == 500
    assert running.get("/ok").json() == "ok"
    logs.wait_for("ERROR", "Traceback", "on purpose")


def test_fastapi_brings_its_lifespan_and_its_openapi_document(run_app: RunApp) -> None:
    from contextlib import asynccontextmanager

    from fastapi import FastAPI

    steps: list[str] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[dict[str, str]]:
        steps.append("start")
        yield {"from_lifespan": "here"}
        steps.append("stop")

    app = FastAPI(title="Shop", lifespan=lifespan)
    app.get("/things")(lambda: "none")
    running = run_app(app)
    assert running.ready["openapi"]["info"]["title"] == "Shop"
    assert "/things" in running.ready["openapi"]["paths"]
    assert steps == ["start"]
    running.stop()
    assert steps == ["start", "stop"]


def test_a_fastapi_startup_that_fails_is_the_plugins(run_app: RunApp) -> None:
    from contextlib import asynccontextmanager

    from fastapi import FastAPI

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        raise RuntimeError("no database today")
        yield

    from temps_plugin.errors import TempsError

    with pytest.raises(TempsError, match="no database today"):
        run_app(FastAPI(lifespan=lifespan))


def test_a_flask_view_asks_the_platform_from_its_thread(
    run_plugin: Callable[..., RunningPlugin],
) -> None:
    from flask import Flask

    app = Flask("asks")
    plugin = Plugin("asks", "1.0.0", app=app)

    @app.get("/projects")
    def projects() -> list[str]:
        return [found.name for found in plugin.ctx.temps.sync.list_projects()]

    running = run_plugin(plugin, platform=TestPlatform(projects=[project(7, "shop")]))
    assert running.get("/projects").json() == ["shop"]
