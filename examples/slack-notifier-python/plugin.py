"""Tells a Slack channel about deployments.

An event takes this way: `notify` hands it to the notifier, which makes a notice of it and gives
that to the courier, whose one task posts it; the deliveries keep what became of it. The settings
say where to post, and the routes are how people see and change all this.
"""

from __future__ import annotations

from slack_notifier.notifier import Notifier
from slack_notifier.routes import app
from temps_plugin import NavEntry, Plugin, PluginContext
from temps_plugin.wire import PluginEvent

plugin = Plugin(
    "slack-notifier-python",
    "0.1.0",
    display_name="Slack Notifier (Python)",
    description="Tells a Slack channel about deployments",
    nav=[
        NavEntry(
            label="Slack",
            icon="message-square",
            section="settings",
            path="/slack-python",
            order=61,
        )
    ],
    permissions=["events_read", "projects_read"],
    app=app,
)


@plugin.on_start
async def start(ctx: PluginContext) -> None:
    app.state.notifier = Notifier(ctx)


@plugin.on_event("deployment.succeeded")
@plugin.on_event("deployment.failed")
async def notify(_ctx: PluginContext, event: PluginEvent) -> None:
    app.state.notifier.take(event)


@plugin.on_shutdown
async def stop(_ctx: PluginContext) -> None:
    await app.state.notifier.stop()


if __name__ == "__main__":
    plugin.run()
