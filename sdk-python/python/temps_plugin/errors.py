"""What can go wrong, as exceptions.

Every failure of the SDK is a `TempsError`. Those of calls to the platform:

| exception | kind | what happened |
|---|---|---|
| `RemoteError` | `remote` | the host answered with an error; `code` is its own |
| `CallTimeout` | `timeout` | no answer came in time; a `TimeoutError` too |
| `Disconnected` | `disconnected` | the channel is down, or went down; a `ConnectionError` too |
| `ProtocolError` | `protocol` | the answer cannot be understood |
| `InvalidRequest` | `invalid_request` | refused before anything was sent; a `ValueError` too |
| `NoActor` | `no_actor` | there is no caller to act for |
| `PluginError` | `other`, … | anything else |

`RemoteError` has a subclass for each code that the protocol knows: `NotFound`, `PermissionDenied`,
`InvalidParams`, `MethodNotFound`, `InternalError`, `Unauthenticated`. A newer host's code arrives
as a plain `RemoteError`.

`wsgi.ClientDisconnected` is no `TempsError`: it tells a WSGI application that the HTTP client of
its request went away. `Disconnected` is about the channel to the platform.
"""

from __future__ import annotations

__all__ = [
    "CallTimeout",
    "Disconnected",
    "InternalError",
    "InvalidParams",
    "InvalidRequest",
    "MethodNotFound",
    "NoActor",
    "NotFound",
    "PermissionDenied",
    "PluginError",
    "ProtocolError",
    "RemoteError",
    "TempsError",
    "Unauthenticated",
    "error_of",
]


class TempsError(Exception):
    """Any failure of the SDK.

    `kind`: which failure it is, for programs; see the table above.
    `code`: the host's code for a `RemoteError`, the kind for every other.
    `message`: what happened, for people.
    """

    kind: str = "other"
    code: str
    message: str

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = self._default_code() if code is None else code

    def __str__(self) -> str:
        return self.message

    @classmethod
    def _default_code(cls) -> str:
        return cls.kind


class RemoteError(TempsError):
    """The host answered a call with an error. `code` and `message` are the host's."""

    kind = "remote"
    known_code: str | None = None

    def __str__(self) -> str:
        return f"the host answered {self.code}: {self.message}"

    @classmethod
    def _default_code(cls) -> str:
        return cls.known_code or cls.kind


class NotFound(RemoteError):
    """What was asked for does not exist."""

    known_code = "not_found"


class PermissionDenied(RemoteError):
    """The plugin, or the caller it acts for, may not do that."""

    known_code = "permission_denied"


class InvalidParams(RemoteError):
    """The host refuses the parameters."""

    known_code = "invalid_params"


class MethodNotFound(RemoteError):
    """The host does not know the method."""

    known_code = "method_not_found"


class InternalError(RemoteError):
    """The host failed."""

    known_code = "internal"


class Unauthenticated(RemoteError):
    """The caller's token is missing, wrong or expired (dialect 2)."""

    known_code = "unauthenticated"


class CallTimeout(TempsError, TimeoutError):
    """A call got no answer in time."""

    kind = "timeout"


class Disconnected(TempsError, ConnectionError):
    """The channel to the platform is down, or went down during the call."""

    kind = "disconnected"


class ProtocolError(TempsError):
    """The host's answer cannot be understood."""

    kind = "protocol"


class InvalidRequest(TempsError, ValueError):
    """A call was refused before anything was sent."""

    kind = "invalid_request"


class NoActor(TempsError):
    """A call in a caller's name, without a caller or without the caller's token."""

    kind = "no_actor"


class PluginError(TempsError):
    """Any other failure. `kind` says where: `other`, or a step of the start such as `socket`."""

    def __init__(self, message: str, code: str | None = None, *, kind: str = "other") -> None:
        super().__init__(message, kind if code is None else code)
        self.kind = kind


_BY_KIND: dict[str, type[TempsError]] = {
    cls.kind: cls for cls in (CallTimeout, Disconnected, ProtocolError, InvalidRequest, NoActor)
}
_BY_CODE: dict[str | None, type[RemoteError]] = {
    cls.known_code: cls
    for cls in (
        NotFound,
        PermissionDenied,
        InvalidParams,
        MethodNotFound,
        InternalError,
        Unauthenticated,
    )
}


def error_of(kind: str, message: str, code: str | None) -> TempsError:
    """The exception for a failure of the SDK's core.

    `kind` is the core's own name for it; one that is not in the table of this module becomes a
    `PluginError` of that kind. `code` is given for the kind `remote` only.
    """
    if kind == "remote":
        return _BY_CODE.get(code, RemoteError)(message, code)
    known = _BY_KIND.get(kind)
    return PluginError(message, code, kind=kind) if known is None else known(message, code)
