"""What the calls to the platform send and how their results are read, for both kinds of client."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from . import wire
from .errors import InvalidRequest, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from typing_extensions import Self

    from ._core import Context
    from ._wire import WireObject

    T = TypeVar("T")
    W = TypeVar("W", bound=WireObject)
    # A method, its parameters, and what makes a result of the host's JSON.
    Call: TypeAlias = tuple[str, Mapping[str, Any], Callable[[Any], T]]


class Line:
    """A way to the platform, with a limit of its own for each call."""

    __slots__ = ("_native", "_timeout")

    def __init__(self, native: Context, timeout: float | None = None) -> None:
        self._native = native
        self._timeout = timeout

    def with_timeout(self, seconds: float | None) -> Self:
        """The same with another limit for each call, in seconds; None brings the defaults back.

        Raises `ValueError` for anything that is no positive number.
        """
        other = self._copy()
        other._timeout = None if seconds is None else _positive(seconds)
        return other

    def _copy(self) -> Self:
        return type(self)(self._native)

    def _needs_loop(self, what: str) -> None:
        if not self._native.on_loop_thread():
            raise RuntimeError(
                f"{what}: the async form of a call belongs to the plugin's event loop and was used "
                "on another thread; use its blocking twin there: `.sync`"
            )

    def _needs_thread(self, what: str) -> None:
        if self._native.on_loop_thread():
            raise RuntimeError(
                f"{what}: a blocking call on the event loop's own thread would wait for itself; "
                "await the form without `.sync`, or make the call in a thread (asyncio.to_thread)"
            )


def _positive(seconds: Any) -> float:
    number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    # Infinity is no limit the core could keep, and a NaN is smaller than nothing.
    if not number or not 0 < seconds < float("inf"):
        raise ValueError(
            f"with_timeout was given {seconds!r}; it takes seconds, more than 0, or None"
        )
    return float(seconds)


def encode(method: str, params: Mapping[str, Any]) -> str:
    """Parameters as JSON text; `InvalidRequest` for what JSON does not have."""
    try:
        return json.dumps(params, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"{method} was not sent: {error}") from error


def decode(method: str, text: str, read: Callable[[Any], T]) -> T:
    """A result from its JSON text; `ProtocolError` for one of another shape."""
    try:
        return read(json.loads(text))
    except (ValueError, RecursionError) as error:
        message = f"{method}: the host's result cannot be read: {error}"
        raise ProtocolError(message) from error


def get_project(project_id: int) -> Call[wire.Project]:
    params = wire.GetProject(project_id=project_id)
    return "get_project", params.to_json(), wire.Project.from_json


def list_projects(limit: int | None) -> Call[list[wire.Project]]:
    params = wire.ListProjects(limit=limit)
    return "list_projects", params.to_json(), _list_of(wire.Project)


def get_environment(environment_id: int) -> Call[wire.Environment]:
    params = wire.GetEnvironment(environment_id=environment_id)
    return "get_environment", params.to_json(), wire.Environment.from_json


def list_environments(project_id: int) -> Call[list[wire.Environment]]:
    params = wire.ListEnvironments(project_id=project_id)
    return "list_environments", params.to_json(), _list_of(wire.Environment)


def get_deployment(deployment_id: int) -> Call[wire.Deployment]:
    params = wire.GetDeployment(deployment_id=deployment_id)
    return "get_deployment", params.to_json(), wire.Deployment.from_json


def get_last_deployment(project_id: int, environment_id: int | None) -> Call[wire.Deployment]:
    params = wire.GetLastDeployment(project_id=project_id, environment_id=environment_id)
    return "get_last_deployment", params.to_json(), wire.Deployment.from_json


def list_deployments(
    project_id: int, environment_id: int | None, limit: int | None
) -> Call[list[wire.Deployment]]:
    params = wire.ListDeployments(project_id=project_id, environment_id=environment_id, limit=limit)
    return "list_deployments", params.to_json(), _list_of(wire.Deployment)


def get_host_capabilities() -> Call[wire.HostCapabilities]:
    return "get_host_capabilities", {}, wire.HostCapabilities.from_json


def generate_ai(
    purpose: str,
    prompt: str,
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
) -> Call[wire.GeneratedText]:
    params = wire.GenerateAi(
        purpose=purpose,
        prompt=prompt,
        system=system,
        max_tokens=max_tokens,
        temperature=temperature,
    )
    return "generate_ai", params.to_json(), wire.GeneratedText.from_json


def raw(method: str, params: Mapping[str, Any] | None) -> Call[Any]:
    return method, {} if params is None else params, _as_it_is


def _as_it_is(result: Any) -> Any:
    return result


def _list_of(kind: type[W]) -> Callable[[Any], list[W]]:
    def read(result: Any) -> list[W]:
        if not _is_list(result):
            name = type(result).__name__
            raise ValueError(f"found a {name}; allowed is a list of {kind.__name__}")
        return [kind.from_json(item) for item in result]

    return read


def _is_list(value: object) -> bool:
    return isinstance(value, list)
