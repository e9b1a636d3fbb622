"""Who sent the request being served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from typing import TypeAlias

    from ._core import Caller

    _Where: TypeAlias = Mapping[str, Any]

__all__ = ["caller"]


def caller(request: object) -> Caller | None:
    """The signed-in user who sent `request`, or None for everyone else.

    `request` is an ASGI scope, a WSGI environ, or any object that has one: the requests and
    WebSockets of FastAPI, Starlette, Litestar, Quart, Flask and Django.

    Only what the host has signed makes a caller. Whatever else a request carries, and whatever
    server it came by, gives None. Raises `TypeError` for an object that is no request.
    """
    for holder in ("scope", "environ", "META"):
        where: Any = getattr(request, holder, None)
        if isinstance(where, Mapping):
            return _read(cast("_Where", where))
    where = request
    if isinstance(where, Mapping) and ("type" in where or "REQUEST_METHOD" in where):
        return _read(cast("_Where", where))
    raise TypeError(
        f"caller() was given {_kind_of(request)}; it takes an ASGI scope, a WSGI environ, or a "
        "request that has one of them as `scope`, `environ` or `META`"
    )


def _read(where: _Where) -> Caller | None:
    # A server's own keys have a dot, which the name of no request header has there.
    if "REQUEST_METHOD" in where:
        return cast("Caller | None", where.get("temps.caller"))
    extensions: _Where = where.get("extensions") or {}
    temps: _Where = extensions.get("temps") or {}
    return cast("Caller | None", temps.get("caller"))


def _kind_of(request: object) -> str:
    name = type(request).__name__
    if isinstance(request, Mapping):
        return f"a {name} that has neither `type` nor `REQUEST_METHOD`"
    return f"a {name}"
