"""What the SDK hands to author code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .client import CallerApi, TempsClient
from .errors import NoActor

if TYPE_CHECKING:
    from pathlib import Path

    from ._core import Caller, Context

__all__ = ["PluginContext"]


class PluginContext:
    """A plugin's place in the world: who it is, where its files go, and its line to the platform.

    There is one for the life of the plugin; hooks and event handlers get it, and `plugin.ctx` is
    the same.
    """

    __slots__ = ("_native", "_temps")

    def __init__(self, native: Context) -> None:
        self._native = native
        self._temps = TempsClient(native)

    @property
    def plugin_name(self) -> str:
        """The manifest's `name`."""
        return self._native.plugin_name

    @property
    def data_dir(self) -> Path:
        """The plugin's own directory. It exists, and nobody else writes there."""
        return _path(self._native.data_dir)

    @property
    def dialect(self) -> int:
        """The form of the protocol the host speaks, 1 or 2."""
        return self._native.dialect

    @property
    def temps(self) -> TempsClient:
        """The platform's data; `temps.sync` for threads and WSGI applications."""
        return self._temps

    @property
    def auth_secret(self) -> str:
        """The secret shared with the host at this start.

        The SDK has checked requests against it before a handler runs; keep it out of logs, files
        and responses.
        """
        return self._native.auth_secret

    @property
    def database_url(self) -> str | None:
        """The platform's database, when the manifest has `requires_db`."""
        return self._native.database_url

    @property
    def host_api_url(self) -> str | None:
        """The base URL at which the platform's API answers, when the host tells it (dialect 2)."""
        return self._native.host_api_url

    @property
    def host_data_dir(self) -> Path | None:
        """The host's data directory, when the manifest has `requires_host_data_access`
        (dialect 2)."""
        found = self._native.host_data_dir
        return None if found is None else _path(found)

    def api_for(self, caller: Caller | None) -> CallerApi:
        """The platform's own API in the name of `caller`: whoever sent the request being served.

        ```python
        reply = await ctx.api_for(caller(request)).patch("/api/projects/7", json={"name": "shop"})
        ```

        Raises `NoActor` for None, which is what `caller()` gives when nobody is signed in.
        """
        if caller is None:
            raise NoActor("api_call was not sent: nobody is signed in whom it could be made for")
        return CallerApi(self._native, caller)

    async def stopping(self) -> None:
        """Waits until the plugin is told to stop: the moment to end what would go on for ever, such
        as an event stream or a WebSocket of your own."""
        await self._native.stopping()

    def __repr__(self) -> str:
        return (
            f"PluginContext(plugin_name={self.plugin_name!r}, data_dir={self._native.data_dir!r}, "
            f"dialect={self.dialect})"
        )


def _path(text: str) -> Path:
    # Importing it takes milliseconds, which a plugin that never asks need not spend at its start.
    from pathlib import Path

    return Path(text)
