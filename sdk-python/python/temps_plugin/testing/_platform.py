"""A platform in memory: what it holds it answers with, and it remembers what it was asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from .. import _core
from ..errors import RemoteError
from ..wire import Deployment, Environment, Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from .._wire import WireObject

    Answer = Callable[[dict[str, Any]], Any]


class RecordedCall(NamedTuple):
    """One call the plugin made."""

    method: str
    """The method, as it was written."""
    params: dict[str, Any] | None
    """Its parameters, as they were written; None when there were none."""


class TestPlatform:
    """The platform of a plugin under test.

    It answers the seven queries from the projects, environments and deployments it was given,
    newest (highest id) first; `get_host_capabilities` grants everything, `generate_ai` echoes its
    prompt and `api_call` answers 200 with `{}`. `on` replaces any of these.
    """

    # Keeps pytest from taking it for a test.
    __test__ = False

    def __init__(
        self,
        *,
        projects: Iterable[Project] = (),
        environments: Iterable[Environment] = (),
        deployments: Iterable[Deployment] = (),
    ) -> None:
        held = [_list(projects), _list(environments), _list(deployments)]
        self._native = _core.TestPlatform(json.dumps(held))

    def on(self, method: str, answer: Answer) -> None:
        """Answers `method` with `answer(params)` from now on.

        `answer` gives the result as JSON or as objects of `temps_plugin.wire`, or refuses by
        raising a `RemoteError`, such as `PermissionDenied("not for you")`. It is called on a thread
        of the platform's own. Raises `ValueError` for a method that does not exist.
        """
        self._native.on(method, lambda params: _outcome(answer, params))

    def ignore(self, method: str) -> None:
        """Leaves `method` unanswered from now on, as a host that hangs does."""
        self._native.ignore(method)

    @property
    def calls(self) -> list[RecordedCall]:
        """What the plugin has asked so far, in order."""
        return [RecordedCall(method, json.loads(params)) for method, params in self._native.calls()]


def _list(values: Iterable[WireObject]) -> list[dict[str, Any]]:
    return [value.to_json() for value in values]


def _outcome(answer: Answer, params: str) -> str:
    try:
        result = answer(json.loads(params))
    except RemoteError as error:
        return json.dumps({"Err": {"code": error.code, "message": error.message}})
    return json.dumps({"Ok": result}, default=_plain)


def _plain(value: Any) -> Any:
    to_json = getattr(value, "to_json", None)
    if to_json is None:
        raise TypeError(f"an answer of the test platform has a {type(value).__name__} in it")
    return to_json()
