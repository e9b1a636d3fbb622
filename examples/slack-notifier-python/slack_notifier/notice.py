"""What is told to people about an event."""

from __future__ import annotations

from dataclasses import dataclass

from temps_plugin.wire import DeploymentFailed, DeploymentSucceeded, PluginEvent

# Most characters of a text from outside that go into a message.
LONGEST_REASON = 500
SHORT_COMMIT = 7


@dataclass(frozen=True)
class Succeeded:
    url: str | None = None
    commit: str | None = None


@dataclass(frozen=True)
class Failed:
    reason: str | None = None


@dataclass(frozen=True)
class Notice:
    """Something worth a message."""

    event_id: str
    event_type: str
    project_id: int
    environment: str
    outcome: Succeeded | Failed

    @classmethod
    def of(cls, event: PluginEvent) -> Notice | None:
        """The notice of an event; None for one that nobody needs to hear about.

        Raises `ValueError` when the event lacks what a message needs.
        """
        outcome: Succeeded | Failed
        data: DeploymentSucceeded | DeploymentFailed
        if event.event_type == "deployment.succeeded":
            data = DeploymentSucceeded.from_json(event.data)
            outcome = Succeeded(url=data.url, commit=data.commit_sha)
        elif event.event_type == "deployment.failed":
            data = DeploymentFailed.from_json(event.data)
            outcome = Failed(reason=data.error_message)
        else:
            return None
        return cls(event.id, event.event_type, data.project_id, data.environment_name, outcome)

    def project_fallback(self) -> str:
        """The project's name as long as the platform has not told it."""
        return f"project {self.project_id}"

    def text(self, project: str) -> str:
        """The message, in Slack's markup."""
        project, environment = _escape(project), _escape(self.environment)
        if isinstance(self.outcome, Succeeded):
            text = f":white_check_mark: *{project}* was deployed to *{environment}*"
            if self.outcome.commit is not None:
                text += f" at `{_escape(self.outcome.commit[:SHORT_COMMIT])}`"
            if self.outcome.url is not None:
                text += f"\n{_escape(self.outcome.url)}"
            return text
        text = f":x: deploying *{project}* to *{environment}* failed"
        if self.outcome.reason is not None:
            reason = _escape(self.outcome.reason[:LONGEST_REASON]).replace("\n", "\n> ")
            text += f"\n> {reason}"
        return text


def _escape(text: str) -> str:
    """Slack's own three characters; with them a project's name could mention a channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
