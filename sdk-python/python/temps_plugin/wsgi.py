"""A WSGI application (PEP 3333) as an ASGI one.

`WsgiApp(app)` is an ASGI 3 application for any server that runs on asyncio. The WSGI application
runs in a bounded pool of threads, never on the event loop. Bodies stream in both directions, one
chunk at a time: a large upload or download needs no memory of its size.

Here are the application's threads and the environ. `_wsgi_exchange` carries a request between its
thread and the event loop; `_wsgi_response` checks what the application answers.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ._wsgi_exchange import ClientDisconnected, Exchange, RequestBody, comes_from_disconnect
from ._wsgi_response import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from concurrent.futures import Future, ThreadPoolExecutor

    from _typeshed.wsgi import WSGIApplication

    from ._wsgi_exchange import Receive, Send

    # As little as is needed, so that the types of any framework fit.
    Scope = Mapping[str, Any]

__all__ = ["ClientDisconnected", "RequestBody", "WsgiApp"]

_log = logging.getLogger(__name__)

SHUTDOWN_WAIT = 5.0
"""Seconds that a shutdown waits for calls that still run. Python cannot end a thread."""


class WsgiApp:
    """An ASGI 3 application that runs a WSGI one.

    `threads` is how many requests the application may work on at once; more wait their turn. The
    default is asyncio's own for its executor: processors + 4, at most 32.

    An application that fails before anything was sent is logged with its traceback and answered
    with 500. Later than that, the exception goes on to the server, which closes the connection.
    WebSockets are rejected: WSGI has none. Raises `TypeError` or `ValueError` for bad arguments.
    """

    def __init__(self, app: WSGIApplication, *, threads: int | None = None) -> None:
        if not callable(app):
            raise TypeError(f"app is a {type(app).__name__}; a WSGI application is a callable")
        self._app = app
        self._threads = _checked_threads(threads)
        self._pool: ThreadPoolExecutor | None = None
        self._pool_lock = threading.Lock()
        self._running: set[Future[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            await self._serve(scope, receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif kind == "lifespan":
            await self._live(receive, send)
        else:
            raise ValueError(
                f"ASGI scope of type {kind!r}: a WSGI application serves http, "
                "and takes websocket (to reject it) and lifespan"
            )

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(receive, send)
        environ = environ_of(scope, RequestBody(exchange.pull))
        work = self._submit(run, self._app, environ, exchange)
        try:
            error = await exchange.serve()
        finally:
            work.cancel()
        try:
            if error is None or comes_from_disconnect(error):
                return
            if exchange.started:
                raise _fit_for_the_loop(error)
            _log.error(
                "the WSGI application failed: %s %r", scope["method"], scope["path"], exc_info=error
            )
            if not exchange.gone:
                await _answer_500(scope["method"], send)
        finally:
            # The traceback holds this frame: kept in it, the two would wait for the collector.
            del error

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._shut_down()
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _submit(self, function: Callable[..., None], *args: Any) -> Future[None]:
        with self._pool_lock:
            if self._pool is None:
                # Not at the top of the file: a start without requests need not pay for it.
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="wsgi")
            work = self._pool.submit(copy_context().run, function, *args)
        self._running.add(work)
        work.add_done_callback(self._running.discard)
        return work

    async def _shut_down(self) -> None:
        with self._pool_lock:
            pool, self._pool = self._pool, None
        if pool is None:
            return
        # What is queued still runs: each call has a task that waits for it.
        pool.shutdown(wait=False)
        running = [asyncio.wrap_future(work) for work in list(self._running)]
        if not running:
            return
        _, left = await asyncio.wait(running, timeout=SHUTDOWN_WAIT)
        if left:
            _log.warning(
                "%d WSGI calls still run %s s after the shutdown began", len(left), SHUTDOWN_WAIT
            )


def _checked_threads(threads: object) -> int | None:
    if threads is None:
        return None
    if not isinstance(threads, int) or isinstance(threads, bool):
        raise TypeError(f"threads is a {type(threads).__name__}; it takes a whole number")
    if threads < 1:
        raise ValueError(f"threads is {threads}; it takes 1 or more")
    return threads


async def _answer_500(method: str, send: Send) -> None:
    body = b"Internal Server Error"
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
    ]
    try:
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
    except OSError:
        _log.debug("the client went away before it could be told of a failure")


def _fit_for_the_loop(error: BaseException) -> Exception:
    if isinstance(error, Exception):
        return error
    # SystemExit and KeyboardInterrupt, raised by a task, would end the event loop.
    wrapper = RuntimeError(f"the WSGI application raised {type(error).__name__}")
    wrapper.__cause__ = error
    return wrapper


def environ_of(scope: Scope, body: RequestBody) -> dict[str, Any]:
    """The environ of PEP 3333 for an ASGI `http` scope.

    `temps.caller` is there when the scope has the extension: the verified caller, or None.
    """
    scheme = scope.get("scheme") or "http"
    script_name, path_info = _split_path(scope)
    # A server on a Unix socket gives no address, or the path of the socket without a port.
    host, port = scope.get("server") or (None, None)
    if not host or not port or port < 0:
        host, port = "localhost", 443 if scheme == "https" else 80
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path_info,
        "QUERY_STRING": scope.get("query_string", b"").decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": (scope.get("client") or ("",))[0] or "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    _add_headers(environ, scope.get("headers", ()))
    extensions: dict[str, Any] = scope.get("extensions") or {}
    temps: dict[str, Any] = extensions.get("temps") or {}
    if "caller" in temps:
        environ["temps.caller"] = temps["caller"]
    return environ


def _split_path(scope: Scope) -> tuple[str, str]:
    root: str = scope.get("root_path", "").rstrip("/")
    path: str = scope["path"]
    # By the specification `path` starts with `root_path`; some servers leave it out.
    if root and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    if not root and not path:
        path = "/"
    return _latin_1(root), _latin_1(path)


def _latin_1(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _add_headers(environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    for raw_name, raw_value in headers:
        # As a variable `x_temps_user_id` could not be told from `x-temps-user-id`.
        if b"_" in raw_name:
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        if name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            environ.setdefault(name, value)
            continue
        key = f"HTTP_{name}"
        if key in environ:
            value = f"{environ[key]}{'; ' if name == 'COOKIE' else ','}{value}"
        environ[key] = value
