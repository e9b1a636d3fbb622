"""Routes that make calls to the platform and show what came back."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temps_plugin import PluginContext, caller
from temps_plugin.errors import RemoteError, TempsError

from everything.produce import bad_request

# What the profile has a name for; everything else is a request that was never sent.
KINDS = ("remote", "timeout", "disconnected", "protocol", "no_actor")


async def call(request: Request) -> Response:
    asked = await _asked(request, "method")
    if isinstance(asked, Response):
        return asked
    return JSONResponse(await make_call(request.app.state.ctx, asked))


async def make_call(ctx: PluginContext, asked: dict[str, Any]) -> dict[str, Any]:
    """Makes the call that somebody asks for, and says what came of it as the profile has it."""
    temps = ctx.temps
    if "timeout_ms" in asked:
        temps = temps.with_timeout(asked["timeout_ms"] / 1000)
    return await _show(temps.call(asked["method"], asked.get("params")))


async def api(request: Request) -> Response:
    asked = await _asked(request, "method", "path")
    if isinstance(asked, Response):
        return asked
    return JSONResponse(await _show(_call_api(request, asked)))


async def _call_api(request: Request, asked: dict[str, Any]) -> Any:
    ctx: PluginContext = request.app.state.ctx
    answer = await ctx.api_for(caller(request)).request(
        asked["method"], asked["path"], query=asked.get("query"), body=asked.get("body")
    )
    return {"status": answer.status, "body": answer.body}


async def _asked(request: Request, *texts: str) -> dict[str, Any] | Response:
    """The body of the request, an object with these texts; or what is wrong with it."""
    try:
        asked = await request.json()
    except ValueError as error:
        return bad_request(f"the body is no JSON: {error}")
    if not isinstance(asked, dict):
        return bad_request("the body must be a JSON object")
    for name in texts:
        if not isinstance(asked.get(name), str):
            return bad_request(f"{name} must be a text")
    return asked


async def _show(outcome: Awaitable[Any]) -> dict[str, Any]:
    """`{"ok": …}` or `{"err": {"kind", "code", "message"}}`, as the profile has it."""
    try:
        return {"ok": await outcome}
    except TempsError as error:
        kind = error.kind if error.kind in KINDS else "invalid_request"
        code = error.code if isinstance(error, RemoteError) else None
        return {"err": {"kind": kind, "code": code, "message": error.message}}


routes = [
    Route("/call", call, methods=["POST"]),
    Route("/api", api, methods=["POST"]),
]
