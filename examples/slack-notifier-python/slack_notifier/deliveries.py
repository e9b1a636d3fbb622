"""The last deliveries and what became of them."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, TypeAdapter

from slack_notifier import file
from slack_notifier.notice import Notice

# How many deliveries are kept.
KEPT = 50

# queued: waits for its turn. retrying: was not taken yet and will be posted again. delivered: Slack
# has taken it. failed: Slack has refused it, or could not be reached often enough. dropped: was
# never posted, or given up before it could be.
Status = Literal["queued", "retrying", "delivered", "failed", "dropped"]
UNFINISHED = ("queued", "retrying")


class Delivery(BaseModel):
    """One event and what became of its message."""

    event_id: str = Field(description="The event.")
    event_type: str = Field(description="What happened, such as `deployment.succeeded`.")
    project: str = Field(
        description="The project's name, or `project 7` when the platform did not tell it."
    )
    environment: str = Field(description="The environment's name.")
    status: Status = Field(description="How far the message is.")
    attempts: int = Field(description="How often it was posted.", ge=0)
    last_error: str | None = Field(
        default=None, description="What went wrong last, without the webhook's URL."
    )
    received_at: datetime = Field(description="When the event came in.")
    updated_at: datetime = Field(description="When this entry last changed.")


_KIND = TypeAdapter(list[Delivery])


class DeliveryLog:
    """The last deliveries, newest first, and the file they live in. Used on the event loop only.

    Changes are made in memory; `save` writes them down.
    """

    def __init__(self, path: Path) -> None:
        """Reads the log. What a former process left unfinished is dropped: nobody will post it.
        Raises `FileError`."""
        self._path = path
        self._saving = asyncio.Lock()
        self.entries = file.load(path, _KIND) or []
        self.drop_unfinished("the plugin ended before Slack had taken the message")

    def add(self, notice: Notice) -> bool:
        """Adds an entry; false when the event has one already, because a host that lost its channel
        may deliver an event twice."""
        if self._find(notice.event_id) is not None:
            return False
        now = _now()
        entry = Delivery(
            event_id=notice.event_id,
            event_type=notice.event_type,
            project=notice.project_fallback(),
            environment=notice.environment,
            status="queued",
            attempts=0,
            received_at=now,
            updated_at=now,
        )
        self.entries.insert(0, entry)
        if len(self.entries) > KEPT:
            # The oldest, but none that is still to be delivered.
            settled = (e for e in reversed(self.entries) if e.status not in UNFINISHED)
            self.entries.remove(next(settled, self.entries[-1]))
        return True

    def name_project(self, event_id: str, project: str) -> None:
        """Records the project's name."""
        if entry := self._find(event_id):
            entry.project = project
            entry.updated_at = _now()

    def count_attempt(self, event_id: str) -> None:
        """Records that a message is about to be posted."""
        if entry := self._find(event_id):
            entry.attempts += 1
            entry.updated_at = _now()

    def settle(self, event_id: str, status: Status, error: str | None) -> None:
        """Records how far a message is, and why; without an error the last one stays."""
        if entry := self._find(event_id):
            entry.status = status
            entry.last_error = error or entry.last_error
            entry.updated_at = _now()

    def drop_unfinished(self, reason: str) -> None:
        """Drops all that is not settled."""
        for entry in self.entries:
            if entry.status in UNFINISHED:
                self.settle(entry.event_id, "dropped", reason)

    async def save(self) -> None:
        """Writes the log to its file. Raises `FileError`."""
        # One after the other, so that no older state overwrites a newer one.
        async with self._saving:
            entries = [entry.model_copy() for entry in self.entries]
            writing = asyncio.create_task(asyncio.to_thread(file.save, self._path, _KIND, entries))
            try:
                await asyncio.shield(writing)
            finally:
                # The thread goes on when its caller is cancelled, and with it the turn.
                await asyncio.wait([writing])

    def _find(self, event_id: str) -> Delivery | None:
        return next((entry for entry in self.entries if entry.event_id == event_id), None)


def _now() -> datetime:
    return datetime.now(timezone.utc)
