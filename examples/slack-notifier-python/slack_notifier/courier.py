"""A bounded queue of notices and the one task that posts them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from slack_notifier.deliveries import DeliveryLog, Status
from slack_notifier.file import FileError
from slack_notifier.notice import Notice
from slack_notifier.settings import SettingsStore
from slack_notifier.slack import Slack, SlackError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pacing:
    """How fast, how often and how long; all times in seconds."""

    # How many notices may wait. Fewer than the log keeps, so that none of them falls out of it.
    queue: int = 32
    # How long one request to Slack may take.
    request_timeout: float = 10
    # How long the platform may take to tell a project's name.
    lookup_timeout: float = 3
    # The pauses between attempts, each up to twice as long.
    pauses: tuple[float, ...] = (1, 2, 4, 8)
    # How long what is queued may take once the plugin stops. The SDK grants a hook 5 s.
    stop: float = 3


@dataclass(frozen=True)
class Worker:
    """What posts notices, one after the other."""

    settings: SettingsStore
    deliveries: DeliveryLog
    slack: Slack
    project_name: Callable[[int], Awaitable[str]]
    pauses: tuple[float, ...]

    async def work(self, notice: Notice) -> None:
        """Sees to it that a notice ends in the log with a final status."""
        try:
            status, error = await self._deliver(notice)
        except Exception:
            log.exception("could not notify Slack of event %s", notice.event_id)
            status, error = "failed", "the plugin failed; its log says why"
        if status == "delivered":
            log.info("notified Slack of event %s", notice.event_id)
        else:
            log.error("event %s was %s: %s", notice.event_id, status, error)
        self.deliveries.settle(notice.event_id, status, error)
        await save(self.deliveries)

    async def _deliver(self, notice: Notice) -> tuple[Status, str | None]:
        """Posts a notice until Slack takes it or there is no more hope."""
        webhook = self.settings.current.webhook_for(notice)
        if webhook is None:
            return "dropped", "notifications were switched off while the message waited"
        project = await self._name(notice)
        self.deliveries.name_project(notice.event_id, project)
        text = notice.text(project)
        pauses = (pause * random.uniform(1, 2) for pause in self.pauses)
        while True:
            self.deliveries.count_attempt(notice.event_id)
            await save(self.deliveries)
            try:
                await self.slack.post(webhook, text)
                return "delivered", None
            except SlackError as error:
                pause = error.pause(next(pauses, None))
                if pause is None:
                    return "failed", str(error)
                log.warning("event %s: %s; the next attempt follows", notice.event_id, error)
                self.deliveries.settle(notice.event_id, "retrying", str(error))
            await asyncio.sleep(pause)

    async def _name(self, notice: Notice) -> str:
        """The project's name. A message without it is better than none, so every failure is
        survived: a channel that is down, a missing permission, a project that is gone."""
        try:
            return await self.project_name(notice.project_id)
        except Exception as error:
            log.debug("no name of project %s: %s", notice.project_id, error)
            return notice.project_fallback()


class Courier:
    """Takes notices over and has them delivered. Made and used on the event loop."""

    def __init__(self, worker: Worker, pacing: Pacing) -> None:
        self._worker = worker
        self._deliveries = worker.deliveries
        self._patience = pacing.stop
        self._queue: asyncio.Queue[Notice] = asyncio.Queue(pacing.queue)
        self._is_open = True
        self._task = asyncio.create_task(self._run())

    def hand_over(self, notice: Notice) -> None:
        """Takes a notice over, without waiting. One that finds no room is logged and dropped; the
        file hears of it when the worker, busy then, next writes it."""
        if not self._deliveries.add(notice):
            return
        try:
            if self._is_open:
                self._queue.put_nowait(notice)
                return
            reason = "deliveries have ended"
        except asyncio.QueueFull:
            reason = "too many messages wait already"
        log.warning("dropped the notification of event %s: %s", notice.event_id, reason)
        self._deliveries.settle(notice.event_id, "dropped", reason)

    async def stop(self) -> None:
        """Gives what is queued a last chance, then records the rest as dropped."""
        self._is_open = False
        try:
            await asyncio.wait_for(self._queue.join(), self._patience)
        except asyncio.TimeoutError:
            log.warning("some messages are left; the plugin stops without them")
        self._task.cancel()
        # Until it is gone it might still change the log.
        await asyncio.gather(self._task, return_exceptions=True)
        self._deliveries.drop_unfinished("the plugin stopped before Slack had taken the message")
        await save(self._deliveries)

    async def _run(self) -> None:
        while True:
            notice = await self._queue.get()
            await self._worker.work(notice)
            self._queue.task_done()


async def save(deliveries: DeliveryLog) -> None:
    """Writes the log. A failure is logged: it must not stop deliveries."""
    try:
        await deliveries.save()
    except FileError as error:
        log.error("could not write down the deliveries: %s", error)
