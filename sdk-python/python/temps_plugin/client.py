"""The platform's data.

Every call exists twice: for `async` code, and as `.sync` for threads and WSGI applications. A call
waits at most 10 s for its answer, `generate_ai` 65 s, the wait for a channel that is down included;
`with_timeout` changes that. Any number of calls may be under way at once.

A call that fails raises a `TempsError`: `RemoteError`, `CallTimeout`, `Disconnected`,
`ProtocolError` or `InvalidRequest`. One on the wrong thread raises `RuntimeError`: the `async` form
belongs to the plugin's event loop, the blocking form to every other thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from . import _calls
from ._calls import Line
from .caller_api import ApiResponse, CallerApi, SyncCallerApi, file, part

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._calls import Call
    from .wire import Deployment, Environment, GeneratedText, HostCapabilities, Project

__all__ = [
    "ApiResponse",
    "CallerApi",
    "SyncCallerApi",
    "SyncTempsClient",
    "TempsClient",
    "file",
    "part",
]

T = TypeVar("T")


class TempsClient(Line):
    """The platform's data, for `async` code."""

    __slots__ = ()

    @property
    def sync(self) -> SyncTempsClient:
        """The same calls for threads and WSGI applications: each blocks until it is answered."""
        return SyncTempsClient(self._native, self._timeout)

    async def get_project(self, project_id: int) -> Project:
        """One project."""
        return await self._ask(_calls.get_project(project_id))

    async def list_projects(self, limit: int | None = None) -> list[Project]:
        """All projects, or the first `limit`. Hosts may ignore it and stop at 100."""
        return await self._ask(_calls.list_projects(limit))

    async def get_environment(self, environment_id: int) -> Environment:
        """One environment."""
        return await self._ask(_calls.get_environment(environment_id))

    async def list_environments(self, project_id: int) -> list[Environment]:
        """A project's environments."""
        return await self._ask(_calls.list_environments(project_id))

    async def get_deployment(self, deployment_id: int) -> Deployment:
        """One deployment."""
        return await self._ask(_calls.get_deployment(deployment_id))

    async def get_last_deployment(
        self, project_id: int, environment_id: int | None = None
    ) -> Deployment:
        """The newest deployment of a project, or of one environment of it."""
        return await self._ask(_calls.get_last_deployment(project_id, environment_id))

    async def list_deployments(
        self, project_id: int, environment_id: int | None = None, limit: int | None = None
    ) -> list[Deployment]:
        """The deployments of a project, or of one environment of it, at most `limit`."""
        return await self._ask(_calls.list_deployments(project_id, environment_id, limit))

    async def get_host_capabilities(self) -> HostCapabilities:
        """What this plugin may do on this host at this moment (dialect 2)."""
        return await self._ask(_calls.get_host_capabilities())

    async def generate_ai(
        self,
        purpose: str,
        prompt: str,
        *,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> GeneratedText:
        """Text from the platform's model (dialect 2). Asks for the permission `ai_generate`.

        `purpose` says what the text is for and is shown to administrators; `system` holds
        instructions that stand above the prompt.
        """
        return await self._ask(_calls.generate_ai(purpose, prompt, system, max_tokens, temperature))

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Any call by its name on the wire. The result is plain JSON, not checked further."""
        return await self._ask(_calls.raw(method, params))

    async def _ask(self, call: Call[T]) -> T:
        method, params, read = call
        self._needs_loop(method)
        text = await self._native.call(method, _calls.encode(method, params), self._timeout)
        return _calls.decode(method, text, read)


class SyncTempsClient(Line):
    """The platform's data, for threads and WSGI applications. See `TempsClient` for the calls."""

    __slots__ = ()

    def get_project(self, project_id: int) -> Project:
        """One project."""
        return self._ask(_calls.get_project(project_id))

    def list_projects(self, limit: int | None = None) -> list[Project]:
        """All projects, or the first `limit`."""
        return self._ask(_calls.list_projects(limit))

    def get_environment(self, environment_id: int) -> Environment:
        """One environment."""
        return self._ask(_calls.get_environment(environment_id))

    def list_environments(self, project_id: int) -> list[Environment]:
        """A project's environments."""
        return self._ask(_calls.list_environments(project_id))

    def get_deployment(self, deployment_id: int) -> Deployment:
        """One deployment."""
        return self._ask(_calls.get_deployment(deployment_id))

    def get_last_deployment(self, project_id: int, environment_id: int | None = None) -> Deployment:
        """The newest deployment of a project, or of one environment of it."""
        return self._ask(_calls.get_last_deployment(project_id, environment_id))

    def list_deployments(
        self, project_id: int, environment_id: int | None = None, limit: int | None = None
    ) -> list[Deployment]:
        """The deployments of a project, or of one environment of it, at most `limit`."""
        return self._ask(_calls.list_deployments(project_id, environment_id, limit))

    def get_host_capabilities(self) -> HostCapabilities:
        """What this plugin may do on this host at this moment (dialect 2)."""
        return self._ask(_calls.get_host_capabilities())

    def generate_ai(
        self,
        purpose: str,
        prompt: str,
        *,
        system: str | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> GeneratedText:
        """Text from the platform's model (dialect 2)."""
        return self._ask(_calls.generate_ai(purpose, prompt, system, max_tokens, temperature))

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Any call by its name on the wire."""
        return self._ask(_calls.raw(method, params))

    def _ask(self, call: Call[T]) -> T:
        method, params, read = call
        self._needs_thread(method)
        text = self._native.call_blocking(method, _calls.encode(method, params), self._timeout)
        return _calls.decode(method, text, read)
