"""The plugin an author declares."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from . import _core
from .wire import NavEntry, PluginManifest, UiManifest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from typing import Any, NoReturn, TypeVar

    from .context import PluginContext
    from .wire import Capability, KnownHostPermission, PluginEvent

    Hook = Callable[[PluginContext], Awaitable[object] | object]
    EventHandler = Callable[[PluginContext, PluginEvent], Awaitable[object] | object]
    H = TypeVar("H", bound=Hook)
    E = TypeVar("E", bound=EventHandler)

__all__ = ["Plugin"]

_INTERFACES = ("auto", "asgi", "wsgi")


class Plugin:
    """A Temps plugin: what it says of itself, its application and its handlers.

    `name` and `version` are those of the manifest (MF-01, MF-02 of PROTOCOL.md). `app` is an ASGI 3
    or WSGI application, told apart by itself unless `interface` says `"asgi"` or `"wsgi"`; without
    one every route of the plugin's own is 404. `ui` is a folder with `index.html`, relative to the
    file that makes the plugin. `openapi` is a document of the routes as a dict, or a function that
    returns one; a FastAPI application brings its own. `channel_deadline` is how many seconds the
    host may take to open the channel (`None`: for ever), `drain` how many what is in flight may
    take when the plugin stops, at most 10.

    A manifest that breaks a rule ends the process when the plugin is run; the error names every bad
    field.
    """

    def __init__(
        self,
        name: str,
        version: str,
        *,
        app: Any = None,
        interface: str = "auto",
        ui: str | os.PathLike[str] | None = None,
        openapi: dict[str, Any] | Callable[[], dict[str, Any]] | None = None,
        channel_deadline: float | None = 30.0,
        require_signature: bool = False,
        drain: float = 10.0,
        display_name: str | None = None,
        description: str | None = None,
        nav: Sequence[NavEntry] = (),
        ui_manifest: UiManifest | None = None,
        events: Iterable[str] = (),
        requires_db: bool = False,
        requires_host_data_access: bool = False,
        health_path: str = "/health",
        public_paths: Sequence[str] = (),
        hide_header: bool = False,
        capabilities: Iterable[Capability] = (),
        permissions: Iterable[KnownHostPermission] = (),
    ) -> None:
        if interface not in _INTERFACES:
            raise ValueError(f"interface is {interface!r}; allowed: {', '.join(_INTERFACES)}")
        self.app = app
        self._interface = interface
        self._ui = None if ui is None else _beside_caller(ui)
        self._openapi = openapi
        self._channel_deadline = channel_deadline
        self._require_signature = require_signature
        self._drain = drain
        self._manifest = PluginManifest(
            name=name,
            version=version,
            display_name=display_name,
            description=description,
            nav=list(nav),
            ui=ui_manifest,
            events=list(events),
            requires_db=requires_db,
            requires_host_data_access=requires_host_data_access,
            health_path=health_path,
            public_paths=list(public_paths),
            hide_header=hide_header,
            capabilities=list(capabilities),
            host_permissions=list(permissions),
        )
        self._ctx: PluginContext | None = None
        self._on_start: list[Hook] = []
        self._on_shutdown: list[Hook] = []
        self._on_event: list[tuple[str, EventHandler]] = []

    @classmethod
    def _announced(
        cls, manifest: PluginManifest, app: Any, interface: str, on_event: EventHandler | None
    ) -> Plugin:
        """A plugin whose manifest has been written; `on_event` gets every event it asks for."""
        plugin = cls(manifest.name, manifest.version, app=app, interface=interface)
        plugin._manifest = manifest
        if on_event is not None:
            plugin._on_event.append(("*", on_event))
        return plugin

    @property
    def manifest(self) -> PluginManifest:
        """What the plugin says of itself; the patterns of its event handlers are in `events`."""
        return self._manifest

    @property
    def ctx(self) -> PluginContext:
        """The plugin's context. `RuntimeError` before the plugin has started."""
        if self._ctx is None:
            raise RuntimeError(
                f"plugin {self._manifest.name} has not started: use `ctx` in handlers and hooks, "
                "not while modules are loaded"
            )
        return self._ctx

    def on_start(self, hook: H) -> H:
        """Runs `hook(ctx)` before the plugin is announced as ready; an exception ends the process.

        Calls to the platform do not work yet: the channel comes after `ready`.
        """
        self._on_start.append(hook)
        return hook

    def on_shutdown(self, hook: H) -> H:
        """Runs `hook(ctx)` when the plugin stops, after what was in flight; at most 5 s for all."""
        self._on_shutdown.append(hook)
        return hook

    def on_event(self, pattern: str) -> Callable[[E], E]:
        """Runs the handler below it for every event that `pattern` matches.

        `pattern` is an exact name (`"deployment.succeeded"`), all below a prefix (`"deployment.*"`)
        or `"*"` (EV-03 of PROTOCOL.md). The handler is called as `handler(ctx, event)`; a plain
        function runs in a thread and may block. One event is handled after the other; an exception
        is logged and stops nothing.
        """
        if not isinstance(pattern, str):
            raise TypeError(f"on_event takes a pattern: @plugin.on_event('*'), not {pattern!r}")
        # Raises ValueError for a pattern that is none.
        _core.matches(pattern, "")
        if pattern not in self._manifest.events:
            self._manifest.events.append(pattern)

        def register(handler: E) -> E:
            self._on_event.append((pattern, handler))
            return handler

        return register

    def run(self, arguments: Sequence[str] | None = None) -> NoReturn:
        """Runs the plugin until it is told to stop, and ends the process with its exit code.

        `arguments` are those a host gives; `sys.argv` unless said otherwise.
        """
        from ._run import run

        run(self, list(sys.argv[1:] if arguments is None else arguments))

    def _runtime(self) -> _core.Runtime:
        """The native side of the plugin; `ValueError` for a manifest that breaks a rule."""
        return _core.Runtime(
            json.dumps(self._manifest.to_json()),
            ui=self._ui,
            channel_deadline=self._channel_deadline,
            require_signature=self._require_signature,
            drain=self._drain,
        )


def _beside_caller(path: str | os.PathLike[str]) -> str:
    """`path`, relative to the file of whoever makes the plugin, not to where it was started."""
    file = sys._getframe(2).f_globals.get("__file__")
    folder = os.path.dirname(os.path.abspath(file)) if file else os.getcwd()
    return os.path.join(folder, os.fspath(path))
