"""What a WSGI application says about its response, checked and made into ASGI messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed import OptExcInfo, ReadableBuffer
    from _typeshed.wsgi import WSGIApplication

    from ._wsgi_exchange import Exchange

    Headers = list[tuple[bytes, bytes]]

# RFC 9110, section 7.6.1: these belong to the server and its connection.
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
}
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CONTROL = frozenset(map(chr, [*range(0x09), *range(0x0A, 0x20), 0x7F]))


def run(app: WSGIApplication, environ: dict[str, Any], exchange: Exchange) -> None:
    """One request from start to end, in a worker thread."""
    response = _Response(exchange, environ["REQUEST_METHOD"])
    error: BaseException | None = None
    try:
        result = app(environ, response.start_response)
        try:
            response.send_all(result)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
    except BaseException as raised:
        error = raised
    try:
        exchange.finish(error)
    finally:
        del error


class _Response:
    """One response, from `start_response()` to its last chunk."""

    def __init__(self, exchange: Exchange, method: str) -> None:
        self._exchange = exchange
        self._method = method
        self._status: int | None = None
        self._headers: Headers = []
        self._length: int | None = None
        self._no_body = False
        self._begun = False
        self._complete = False
        self._sent = 0

    def start_response(
        self,
        status: str,
        headers: list[tuple[str, str]],
        /,
        exc_info: OptExcInfo | None = None,
    ) -> Callable[[bytes], object]:
        """The callable of that name in PEP 3333."""
        if exc_info is not None:
            try:
                if self._begun and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._status is not None:
            raise RuntimeError(
                "start_response() was called a second time; that takes exc_info, "
                "and is for replacing a response by an error"
            )
        code = _status_code(status)
        checked, length = _checked_headers(headers)
        if code == 204:
            # RFC 9110, section 8.6: such a response has no Content-Length, not even 0.
            checked = [pair for pair in checked if pair[0] != b"content-length"]
        self._status, self._headers, self._length = code, checked, length
        self._no_body = self._method == "HEAD" or code in (204, 304)
        return self.write

    def write(self, data: ReadableBuffer, /) -> None:
        """Sends `data` at once, as the callable that `start_response` returns."""
        self._push(_bytes_of(data), whole=False)

    def send_all(self, result: Iterable[bytes]) -> None:
        """Sends what the application returned, chunk by chunk, and ends the response."""
        whole = _is_one_chunk(result)
        for item in result:
            chunk = _bytes_of(item)
            if not chunk:
                continue
            self._push(chunk, whole)
            if self._no_body:
                return
        self._end()

    def _push(self, chunk: bytes, whole: bool) -> None:
        if self._status is None:
            raise RuntimeError("the application gave a body before it called start_response()")
        if whole and not self._begun and self._length is None:
            self._announce(len(chunk))
        if self._no_body:
            self._end()
            return
        if self._complete and self._length is None:
            raise RuntimeError("write() was called after the response was over")
        self._sent += len(chunk)
        if self._length is not None and self._sent > self._length:
            raise RuntimeError(
                f"the application announced Content-Length {self._length}, "
                f"and its body has {self._sent} bytes or more"
            )
        if whole:
            self._check_all_sent()
        self._complete = self._sent == self._length
        if chunk or not self._begun:
            self._transmit(chunk, more=not self._complete)

    def _end(self) -> None:
        if self._complete:
            return
        if self._status is None:
            raise RuntimeError("the application returned without calling start_response()")
        if not self._no_body:
            self._check_all_sent()
            if not self._begun and self._length is None:
                self._announce(0)
        self._complete = True
        self._transmit(b"", more=False)

    def _announce(self, length: int) -> None:
        if self._status not in (204, 304):
            self._length = length
            self._headers.append((b"content-length", str(length).encode()))

    def _check_all_sent(self) -> None:
        if self._length is not None and self._sent < self._length:
            raise RuntimeError(
                f"the application announced Content-Length {self._length}, "
                f"and its body ended after {self._sent} bytes"
            )

    def _transmit(self, chunk: bytes, *, more: bool) -> None:
        body = {"type": "http.response.body", "body": chunk, "more_body": more}
        if self._begun:
            self._exchange.push(body)
            return
        self._begun = True
        start = {
            "type": "http.response.start",
            "status": self._status,
            "headers": self._headers,
        }
        self._exchange.push(start, body)


def _is_one_chunk(result: Any) -> bool:
    kind = type(result).__name__
    if isinstance(result, (str, bytes, bytearray, memoryview)):
        raise TypeError(
            f"the application returned a {kind}; it takes an iterable of bytes, such as [body]"
        )
    if not hasattr(result, "__iter__") and not hasattr(result, "__getitem__"):
        raise TypeError(f"the application returned a {kind}; it takes an iterable of bytes")
    try:
        return len(result) == 1
    except (TypeError, NotImplementedError, AttributeError):
        return False


def _bytes_of(chunk: object) -> bytes:
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, (bytearray, memoryview)):
        return bytes(cast("bytearray", chunk))
    raise TypeError(
        f"a chunk of the response's body is of type {type(chunk).__name__}; it has to be bytes"
    )


def _status_code(status: object) -> int:
    if not isinstance(status, str):
        raise TypeError(f"the status is of type {type(status).__name__}; it is str: '200 OK'")
    digits, _, _reason = status.partition(" ")
    if len(digits) == 3 and digits.isascii() and digits.isdigit() and 200 <= int(digits) <= 999:
        return int(digits)
    raise ValueError(
        f"the status is {status!r}; it takes a number from 200 to 999, a space and a reason"
    )


def _checked_headers(headers: Iterable[tuple[str, str]]) -> tuple[Headers, int | None]:
    """The headers as ASGI has them, and the Content-Length among them."""
    checked: Headers = []
    length: int | None = None
    for name, value in _pairs(headers):
        lower = name.lower()
        if not name or not _TOKEN.issuperset(name):
            raise ValueError(f"{name!r} is no name of a response header")
        if lower in _HOP_BY_HOP:
            raise ValueError(f"the response header {name} belongs to the server (hop-by-hop)")
        if not _CONTROL.isdisjoint(value):
            raise ValueError(
                f"the response header {name} has a newline or another control character: {value!r}"
            )
        if lower == "content-length":
            if length is not None or not (value.isascii() and value.isdigit()):
                raise ValueError(f"Content-Length is {value!r}; it takes one number, once")
            length = int(value)
        try:
            checked.append((lower.encode("latin-1"), value.encode("latin-1")))
        except UnicodeEncodeError:
            raise ValueError(
                f"the response header {name} has characters outside of latin-1: {value!r}"
            ) from None
    return checked, length


def _pairs(headers: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(headers, (list, tuple)):
        raise TypeError(
            f"the response headers are a {type(headers).__name__}; they are a list of pairs"
        )
    for pair in cast("list[object]", headers):
        fields = cast("tuple[object, ...]", pair) if isinstance(pair, (tuple, list)) else ()
        if len(fields) != 2:
            raise TypeError(f"a response header is {pair!r}; it is a pair of name and value")
        name, value = fields
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"a response header is {pair!r}; name and value are str")
        yield name, value
