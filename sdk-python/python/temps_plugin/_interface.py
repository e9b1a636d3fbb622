"""Which interface an application has: ASGI, WSGI, or none at all."""

from __future__ import annotations

import asyncio
import inspect
import json
import sys
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, TypeAlias

    from _typeshed.wsgi import WSGIApplication

    Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
    Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
    AsgiApp: TypeAlias = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def as_asgi(app: Any, interface: str) -> AsgiApp:
    """The application as an ASGI one. `interface` is `auto`, `asgi` or `wsgi`."""
    if app is None:
        return _not_found
    if not callable(app):
        raise ValueError(
            f"app is a {type(app).__name__}, which cannot be called; allowed: an ASGI 3 or WSGI "
            "application, or None"
        )
    if interface == "asgi" or (interface == "auto" and _is_asynchronous(app)):
        return cast("AsgiApp", app)
    from .wsgi import WsgiApp

    return WsgiApp(cast("WSGIApplication", app))


def _is_asynchronous(app: Any) -> bool:
    return is_coroutine_function(app) or is_coroutine_function(
        getattr(app, "__call__", None)  # noqa: B004
    )


def is_coroutine_function(function: Any) -> bool:
    """Whether calling it makes a coroutine, by its code or because a framework has marked it."""
    # Before 3.12 only asyncio knows the mark; since 3.14 it deprecates being asked.
    if sys.version_info < (3, 12):
        return asyncio.iscoroutinefunction(function)
    return inspect.iscoroutinefunction(function)


async def _not_found(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """What a plugin without an application answers."""
    if scope["type"] == "lifespan":
        raise RuntimeError("there is no application")
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    problem = {"type": "about:blank", "title": "Not Found", "status": 404}
    await send(
        {
            "type": "http.response.start",
            "status": 404,
            "headers": [(b"content-type", b"application/problem+json")],
        }
    )
    await send({"type": "http.response.body", "body": json.dumps(problem).encode()})
