"""The everything profile (PROTOCOL.md, appendix A) over the Python SDK: each feature of the SDK,
within reach of a test harness."""

from __future__ import annotations

from typing import Any

from everything import app, faults, openapi, platform
from everything.recorded import Recorded
from temps_plugin import NavEntry, Plugin, PluginContext
from temps_plugin.wire import PluginEvent

VERSION = "0.1.0"


def document() -> dict[str, Any]:
    ctx: PluginContext = app.site.state.ctx
    return openapi.document(VERSION, (ctx.data_dir / "large-openapi").exists())


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
    openapi=document,
)


@plugin.on_start
async def start(ctx: PluginContext) -> None:
    app.site.state.ctx = ctx
    note(ctx, "start")
    await faults.hold_start(ctx)


@plugin.on_event("*")
async def record(ctx: PluginContext, event: PluginEvent) -> None:
    recorded: Recorded = app.site.state.recorded
    recorded.events.append(event)
    data = event.data if isinstance(event.data, dict) else {}
    if data.get("fail") is True:
        raise RuntimeError("the event asked for a failing handler")
    call = data.get("call")
    if isinstance(call, dict):
        recorded.calls.append(await platform.make_call(ctx, call))


@plugin.on_shutdown
def stop(ctx: PluginContext) -> None:
    note(ctx, "stop")
    if faults.stop_is_to_fail(ctx):
        note(ctx, "fail")
        raise RuntimeError("the data directory asked for a failing shutdown hook")


def note(ctx: PluginContext, what: str) -> None:
    """Appends a line to `lifecycle.log`."""
    with open(ctx.data_dir / "lifecycle.log", "a", encoding="utf-8") as log:
        log.write(f"{what}\n")


if __name__ == "__main__":
    plugin.run()
