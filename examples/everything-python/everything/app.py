"""All routes, as one ASGI application."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from everything import echo, faults, platform, produce, recorded

# Starlette does the routes for which a framework is good enough.
site = Starlette(
    routes=[
        *echo.routes,
        *produce.routes,
        *platform.routes,
        *recorded.routes,
        *faults.routes,
    ],
)
site.state.recorded = recorded.Recorded()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """`/echo` takes any method and every path below it; a router's patterns stop at a line feed."""
    if scope["type"] == "http" and _is_echo(scope["raw_path"]):
        await echo.echo(scope, receive, send)
    else:
        await site(scope, receive, send)


def _is_echo(raw_path: bytes) -> bool:
    return raw_path == b"/echo" or raw_path.startswith(b"/echo/")
