"""The platform's own API in the name of whoever sent the request being served (dialect 2)."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._calls import Line, decode, encode
from ._wire import WireObject
from .errors import InvalidRequest, ProtocolError
from .wire import ApiContentBinary, ApiContentText, ApiPart, ApiReply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Mapping

    from typing_extensions import Self

    from ._core import Caller, Context
    from .wire import ApiBody

__all__ = ["ApiResponse", "CallerApi", "SyncCallerApi", "file", "part"]

R = TypeVar("R")

# Tells `json=None`, which sends `null`, from no `json` at all.
_NOTHING: Any = object()


class _Api(Line, Generic[R]):
    """Requests to the platform's API; `R` is what a request gives."""

    __slots__ = ("_caller",)

    def __init__(self, native: Context, caller: Caller, timeout: float | None = None) -> None:
        super().__init__(native, timeout)
        self._caller = caller

    def _copy(self) -> Self:
        return type(self)(self._native, self._caller)

    def _send(self, request: str) -> R:
        raise NotImplementedError

    def request(
        self,
        method: str,
        path: str,
        *,
        query: str | Mapping[str, Any] | None = None,
        json: Any = _NOTHING,
        body: ApiBody | Mapping[str, Any] | None = None,
        multipart: Iterable[ApiPart | Mapping[str, Any]] | None = None,
    ) -> R:
        """A request to the platform's API.

        `method`: `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
        `path`: absolute and below `/api`, such as `/api/projects`.
        `query`: as it stands in a URL, without `?`, or a mapping of names to values.
        At most one of `json`, any value that JSON has; `multipart`, a list of what `part()` and
        `file()` make; and `body`, the protocol's own form. A body holds at most 32 MiB.

        A status of 400 and above is an answer like any other. Raises `NoActor` when the caller's
        request came without a token, `InvalidRequest` for what cannot be sent, `TypeError` for more
        than one body, else what every call raises.
        """
        ask: dict[str, Any] = {"method": method, "path": path}
        if query is not None:
            ask["query"] = _query_text(query)
        content = _content(json, body, multipart)
        if content is not None:
            ask["body"] = content
        return self._send(encode("api_call", ask))

    def get(self, path: str, *, query: str | Mapping[str, Any] | None = None) -> R:
        """A `GET` request; see `request`."""
        return self.request("GET", path, query=query)

    def post(
        self,
        path: str,
        *,
        query: str | Mapping[str, Any] | None = None,
        json: Any = _NOTHING,
        body: ApiBody | Mapping[str, Any] | None = None,
        multipart: Iterable[ApiPart | Mapping[str, Any]] | None = None,
    ) -> R:
        """A `POST` request; see `request`."""
        return self.request("POST", path, query=query, json=json, body=body, multipart=multipart)

    def put(
        self,
        path: str,
        *,
        query: str | Mapping[str, Any] | None = None,
        json: Any = _NOTHING,
        body: ApiBody | Mapping[str, Any] | None = None,
        multipart: Iterable[ApiPart | Mapping[str, Any]] | None = None,
    ) -> R:
        """A `PUT` request; see `request`."""
        return self.request("PUT", path, query=query, json=json, body=body, multipart=multipart)

    def patch(
        self,
        path: str,
        *,
        query: str | Mapping[str, Any] | None = None,
        json: Any = _NOTHING,
        body: ApiBody | Mapping[str, Any] | None = None,
        multipart: Iterable[ApiPart | Mapping[str, Any]] | None = None,
    ) -> R:
        """A `PATCH` request; see `request`."""
        return self.request("PATCH", path, query=query, json=json, body=body, multipart=multipart)

    def delete(
        self,
        path: str,
        *,
        query: str | Mapping[str, Any] | None = None,
        json: Any = _NOTHING,
        body: ApiBody | Mapping[str, Any] | None = None,
        multipart: Iterable[ApiPart | Mapping[str, Any]] | None = None,
    ) -> R:
        """A `DELETE` request; see `request`."""
        return self.request("DELETE", path, query=query, json=json, body=body, multipart=multipart)


if TYPE_CHECKING:
    _AsyncApi = _Api[Awaitable["ApiResponse"]]
    _SyncApi = _Api["ApiResponse"]
else:
    # Subscripting a generic class costs more at import than the rest of this module.
    _AsyncApi = _SyncApi = _Api


class CallerApi(_AsyncApi):
    """The platform's API for `async` code; made by `PluginContext.api_for`."""

    __slots__ = ()

    @property
    def sync(self) -> SyncCallerApi:
        """The same for threads and WSGI applications: each request blocks until it is answered."""
        return SyncCallerApi(self._native, self._caller, self._timeout)

    async def _send(self, request: str) -> ApiResponse:
        self._needs_loop("api_call")
        text = await self._native.api_call(self._caller, request, self._timeout)
        return decode("api_call", text, _response)


class SyncCallerApi(_SyncApi):
    """The platform's API for threads and WSGI applications; see `CallerApi`."""

    __slots__ = ()

    def _send(self, request: str) -> ApiResponse:
        self._needs_thread("api_call")
        text = self._native.api_call_blocking(self._caller, request, self._timeout)
        return decode("api_call", text, _response)


class ApiResponse:
    """What the platform's API answered.

    `status`: the HTTP status, 100 to 599.
    `body`: JSON as text; empty when there was none.
    """

    __slots__ = ("body", "status")

    def __init__(self, status: int, body: str = "") -> None:
        self.status = status
        self.body = body

    def json(self) -> Any:
        """The body, read as JSON. Raises `ProtocolError` when it is none."""
        try:
            return jsonlib.loads(self.body)
        except (ValueError, RecursionError) as error:
            message = f"the body of the platform's answer cannot be read as JSON: {error}"
            raise ProtocolError(message) from error

    def __repr__(self) -> str:
        return f"ApiResponse(status={self.status}, body of {len(self.body)} characters)"


def part(name: str, value: str) -> ApiPart:
    """A form field with a text, for `multipart=[…]`."""
    return ApiPart(name=name, content=ApiContentText(value=value))


def file(name: str, filename: str, content_type: str, data: bytes) -> ApiPart:
    """A form field with a file, for `multipart=[…]`."""
    from base64 import b64encode

    content = ApiContentBinary(value=b64encode(data).decode("ascii"))
    return ApiPart(name=name, filename=filename, content_type=content_type, content=content)


def _response(result: Any) -> ApiResponse:
    reply = ApiReply.from_json(result)
    return ApiResponse(reply.status, reply.body or "")


def _query_text(query: str | Mapping[str, Any]) -> str:
    if isinstance(query, str):
        return query
    from urllib.parse import urlencode

    return urlencode(query, doseq=True)


def _content(
    json: Any,
    body: ApiBody | Mapping[str, Any] | None,
    multipart: Iterable[ApiPart | Mapping[str, Any]] | None,
) -> Mapping[str, Any] | None:
    """The one body among those given, in the protocol's form."""
    given: list[str] = []
    if json is not _NOTHING:
        given.append("json")
    if body is not None:
        given.append("body")
    if multipart is not None:
        given.append("multipart")
    if len(given) > 1:
        raise TypeError(f"a request has one body; given were {' and '.join(given)}")
    if json is not _NOTHING:
        return {"kind": "json", "body": _json_text(json)}
    if multipart is not None:
        return {"kind": "multipart", "body": [_plain(item) for item in multipart]}
    return None if body is None else _plain(body)


def _plain(value: WireObject | Mapping[str, Any]) -> Mapping[str, Any]:
    return value.to_json() if isinstance(value, WireObject) else value


def _json_text(value: Any) -> str:
    try:
        # As short as it can be: 32 MiB are counted on this text.
        return jsonlib.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"api_call was not sent: json cannot be written: {error}") from error
