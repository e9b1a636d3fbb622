"""The everything profile (PROTOCOL.md, appendix A) over the Python SDK: each feature of the SDK,
within reach of a test harness."""

from __future__ import annotations

from everything import app, openapi
from temps_plugin import NavEntry, Plugin, PluginContext
from temps_plugin.wire import PluginEvent

VERSION = "0.1.0"

plugin = Plugin(
    "everything-python",
    VERSION,
    display_name="Everything (Python)",
    description="Exercises every feature of the SDK",
    nav=[
        NavEntry(
            label="Everything",
            icon="boxes",
            section="platform",
            path="/everything-python",
            order=90,
        )
    ],
    app=app.application,
    ui="ui",
    capabilities=["api_read", "api_write"],
    permissions=[
        "ai_generate",
        "projects_read",
        "environments_read",
        "deployments_read",
        "events_read",
        "api_read",
        "api_write",
    ],
    public_paths=["/public"],
    openapi=openapi.document(VERSION),
)


@plugin.on_start
def start(ctx: PluginContext) -> None:
    app.site.state.ctx = ctx
    note(ctx, "start")


@plugin.on_event("*")
async def record(_ctx: PluginContext, event: PluginEvent) -> None:
    app.site.state.recorded.events.append(event)
    if isinstance(event.data, dict) and event.data.get("fail") is True:
        raise RuntimeError("the event asked for a failing handler")


@plugin.on_shutdown
def stop(ctx: PluginContext) -> None:
    note(ctx, "stop")


def note(ctx: PluginContext, what: str) -> None:
    """Appends a line to `lifecycle.log`."""
    with open(ctx.data_dir / "lifecycle.log", "a", encoding="utf-8") as log:
        log.write(f"{what}\n")


if __name__ == "__main__":
    plugin.run()
