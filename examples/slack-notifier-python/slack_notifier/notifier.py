"""What the plugin works with, once its data directory is known."""

from __future__ import annotations

import logging

from temps_plugin import PluginContext
from temps_plugin.wire import PluginEvent

from slack_notifier.courier import Courier, Pacing, Worker
from slack_notifier.deliveries import DeliveryLog
from slack_notifier.notice import Notice
from slack_notifier.settings import SettingsStore
from slack_notifier.slack import Slack

log = logging.getLogger(__name__)


class Notifier:
    """The settings, the deliveries and the courier, in the plugin's data directory.

    Made on the event loop. Raises `FileError` when the directory cannot be read.
    """

    def __init__(self, ctx: PluginContext, pacing: Pacing | None = None) -> None:
        pacing = pacing or Pacing()
        self.settings = SettingsStore(ctx.data_dir / "settings.json")
        self.deliveries = DeliveryLog(ctx.data_dir / "deliveries.json")
        self._slack = Slack(pacing.request_timeout)
        temps = ctx.temps.with_timeout(pacing.lookup_timeout)

        async def project_name(project_id: int) -> str:
            return (await temps.get_project(project_id)).name

        worker = Worker(self.settings, self.deliveries, self._slack, project_name, pacing.pauses)
        self._courier = Courier(worker, pacing)

    def take(self, event: PluginEvent) -> None:
        """Has people told of an event, when they want to hear of it. Does not wait."""
        try:
            notice = Notice.of(event)
        except ValueError as error:
            log.warning("skipped event %s (%s): %s", event.id, event.event_type, error)
            return
        if notice is None or self.settings.current.webhook_for(notice) is None:
            log.debug("event %s (%s): nothing to tell Slack", event.id, event.event_type)
            return
        self._courier.hand_over(notice)

    async def stop(self) -> None:
        """Spends a moment on what is queued, then ends."""
        await self._courier.stop()
        await self._slack.close()
