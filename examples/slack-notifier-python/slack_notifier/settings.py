"""Where to post, and about what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    TypeAdapter,
    WithJsonSchema,
)

from slack_notifier import file
from slack_notifier.notice import Failed, Notice
from slack_notifier.webhook import Webhook

WebhookUrl = Annotated[
    Webhook,
    PlainValidator(Webhook.of),
    PlainSerializer(Webhook.expose, return_type=str),
    WithJsonSchema({"type": "string"}),
]


class SettingsView(BaseModel):
    """The settings, as they are shown."""

    webhook_url: str | None = Field(
        description="The Slack webhook, of which only the host is shown; null when there is none.",
        examples=["https://hooks.slack.com/…"],
    )
    enabled: bool = Field(description="Whether anything is posted.")
    notify_failures: bool = Field(description="Whether failed deployments are posted too.")


class SettingsChange(BaseModel):
    """A change of settings: what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    webhook_url: WebhookUrl | None = Field(
        default=None,
        description="A Slack incoming webhook, https or http; null removes it.",
        examples=["https://hooks.slack.com/services/T0/B0/XXXX"],
    )
    enabled: StrictBool | None = Field(default=None, description="Whether anything is posted.")
    notify_failures: StrictBool | None = Field(
        default=None, description="Whether failed deployments are posted too."
    )


class Settings(BaseModel):
    """What an administrator has chosen."""

    model_config = ConfigDict(frozen=True)

    webhook_url: WebhookUrl | None = None
    enabled: StrictBool = True
    notify_failures: StrictBool = True

    def webhook_for(self, notice: Notice) -> Webhook | None:
        """Where a notice goes, if anywhere."""
        wanted = self.notify_failures or not isinstance(notice.outcome, Failed)
        return self.webhook_url if self.enabled and wanted else None

    def view(self) -> SettingsView:
        """The settings as people may see them."""
        return SettingsView(
            webhook_url=self.webhook_url.masked() if self.webhook_url else None,
            enabled=self.enabled,
            notify_failures=self.notify_failures,
        )

    def changed(self, change: SettingsChange) -> Settings:
        """The settings after a change."""
        given = {
            name: value
            for name in change.model_fields_set
            # A null removes the webhook; the others have no null, so there it changes nothing.
            if (value := getattr(change, name)) is not None or name == "webhook_url"
        }
        return self.model_copy(update=given)


_KIND = TypeAdapter(Settings)


class SettingsStore:
    """The settings and the file they live in. Used on the event loop only."""

    def __init__(self, path: Path) -> None:
        """Reads the settings; the defaults when there is no file yet. Raises `FileError`."""
        self._path = path
        self._changing = asyncio.Lock()
        self.current = file.load(path, _KIND) or Settings()

    async def change(self, change: SettingsChange) -> Settings:
        """Changes the settings in the file, then here. Raises `FileError`."""
        # A task of its own also finishes the change when the caller does not wait for it.
        return await asyncio.shield(asyncio.create_task(self._change(change)))

    async def _change(self, change: SettingsChange) -> Settings:
        async with self._changing:
            changed = self.current.changed(change)
            await asyncio.to_thread(file.save, self._path, _KIND, changed)
            self.current = changed
            return changed
