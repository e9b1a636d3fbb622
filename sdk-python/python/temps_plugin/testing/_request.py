"""Requests to a plugin under test, as its host would make them, and the responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPMessage
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeAlias

    HeaderLines: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


class TestUser:
    """Someone signed in to the platform.

    `role` is one of the platform's (`admin`, `user`, `reader`, …), `permissions` are such as
    `projects:read`. With an `actor_token` the plugin can use `ctx.api_for(caller)`.
    """

    # Keeps pytest from taking it for a test.
    __test__ = False

    def __init__(
        self,
        id: str,
        email: str,
        *,
        role: str = "user",
        permissions: Iterable[str] = (),
        actor_token: str | None = None,
    ) -> None:
        self.id = id
        self.email = email
        self.role = role
        self.permissions = list(permissions)
        self.actor_token = actor_token

    def __repr__(self) -> str:
        return f"TestUser({self.id!r}, {self.email!r}, role={self.role!r})"


class TestResponse:
    """A response, whole.

    `status` is a number. `headers` is a mapping that does not care for case; `get_all(name)` gives
    every value of a repeated one. `body` is bytes.
    """

    __test__ = False

    def __init__(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        self.status = status
        self.headers = HTTPMessage()
        for name, value in headers:
            self.headers.add_header(name.decode("latin-1"), value.decode("latin-1"))
        self.body = body

    @property
    def text(self) -> str:
        """The body as text, with replacement characters where it is not UTF-8."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body, read as JSON. `ValueError` when it is none; the message shows the response."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise ValueError(f"the body of {self!r} is no JSON: {error}") from error

    def __repr__(self) -> str:
        shown = self.text[:200] + ("…" if len(self.text) > 200 else "")
        return f"TestResponse({self.status}, {shown!r})"


def lines_of(headers: HeaderLines) -> list[tuple[str, str]]:
    """Headers as pairs."""
    if isinstance(headers, Mapping):
        return list(cast("Mapping[str, str]", headers).items())
    return list(headers)
