"""The handshake by hand, for an author who runs a server of their own.

```python
launch = emit_manifest(PluginManifest(name="hello", version="1.0.0"))
server = serve(launch.socket_path)  # yours: the health path, and what PROTOCOL.md asks of a plugin
emit_ready()
```

`Plugin` does all of this, and the rest of the protocol, by itself.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from . import _core, _stdio

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from .plugin import EventHandler
    from .wire import PluginManifest

__all__ = ["Launch", "emit_manifest", "emit_ready", "run_server"]


class Launch:
    """What the host has told: where the socket goes, and the secret its requests carry.

    A request is the host's when its `x-temps-auth-signature` is `auth_secret`, compared by
    `hmac.compare_digest` (section "Authentication" of PROTOCOL.md).
    """

    __slots__ = ("_announced", "_manifest")

    def __init__(self, announced: _core.Announced, manifest: PluginManifest) -> None:
        self._announced = announced
        self._manifest = manifest

    @property
    def dialect(self) -> int:
        """The form of the protocol the host speaks, 1 or 2."""
        return self._announced.dialect

    @property
    def socket_path(self) -> str:
        """Where the host looks for the plugin's socket."""
        return self._announced.socket_path

    @property
    def data_dir(self) -> str:
        """The plugin's own directory; make it if it is not there."""
        return self._announced.data_dir

    @property
    def auth_secret(self) -> str:
        """The secret shared with the host at this start. Keep it out of logs and responses."""
        return self._announced.auth_secret

    @property
    def database_url(self) -> str | None:
        """The platform's database, when the manifest has `requires_db`."""
        return self._announced.database_url

    @property
    def host_api_url(self) -> str | None:
        """The base URL at which the platform's API answers, when the host tells it (dialect 2)."""
        return self._announced.host_api_url

    def __repr__(self) -> str:
        return f"Launch(dialect={self.dialect}, socket_path={self.socket_path!r})"


_launch: Launch | None = None


def emit_manifest(manifest: PluginManifest, arguments: Sequence[str] | None = None) -> Launch:
    """Writes the first handshake line in the host's dialect, and reads the host's answer to it.

    `arguments` are those a host gives; `sys.argv` unless said otherwise. From here on descriptor 1
    is stderr. `ValueError` for a manifest that breaks a rule, `PluginError` when the host does not
    do its part in 30 s, `RuntimeError` when a manifest was written before.
    """
    global _launch
    if _launch is not None:
        raise RuntimeError("emit_manifest was called before: a plugin announces itself once")
    _stdio.claim()
    given = list(sys.argv[1:] if arguments is None else arguments)
    announced = _core.Announced(json.dumps(manifest.to_json()), given)
    _launch = Launch(announced, manifest)
    return _launch


def emit_ready(*, has_ui: bool = False) -> None:
    """Writes the second handshake line: your server answers on the socket now."""
    _announced("emit_ready")._announced.ready(has_ui)


def run_server(
    app: Any = None, *, interface: str = "auto", on_event: EventHandler | None = None
) -> NoReturn:
    """Goes on with the SDK's own server: like `Plugin.run`, with the manifest that was written.

    It says ready by itself. `app` and `interface` are as for `Plugin`; `on_event(ctx, event)` gets
    every event the manifest asks for.
    """
    from ._run import run
    from .plugin import Plugin

    launch = _announced("run_server")
    run(Plugin._announced(launch._manifest, app, interface, on_event), launch._announced)


def _announced(what: str) -> Launch:
    if _launch is None:
        raise RuntimeError(f"{what} out of turn: emit_manifest comes first")
    return _launch
