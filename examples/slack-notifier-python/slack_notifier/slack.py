"""Posting one message to an incoming webhook, once."""

from __future__ import annotations

import asyncio
import logging
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from slack_notifier.webhook import Webhook

# Longest wait that Slack may ask for, in seconds; a message that has to wait longer has failed.
LONGEST_RETRY_AFTER = 120.0
# Most bytes of an answer that are read.
ANSWER_BYTES = 1024

# These loggers write down whole URLs, and this one is a secret.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class SlackError(Exception):
    """Why a message was not taken. Its text never holds the webhook's URL.

    `is_temporary`: whether the same message may be taken later.
    `retry_after`: the seconds that Slack asks to wait; 0 when it asks for none.
    """

    def __init__(self, reason: str, *, is_temporary: bool, retry_after: float = 0) -> None:
        super().__init__(reason)
        self.is_temporary = is_temporary
        self.retry_after = retry_after

    def pause(self, planned: float | None) -> float | None:
        """How long to wait before the next attempt when the plan is `planned`: never less than
        Slack asks for. None ends the attempts."""
        if planned is None or not self.is_temporary or self.retry_after > LONGEST_RETRY_AFTER:
            return None
        return max(planned, self.retry_after)


class Slack:
    """A client that waits at most `timeout` seconds for an answer."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        # Messages are rare: a connection kept for the next one would be dead by then.
        limits = httpx.Limits(max_keepalive_connections=0)
        # The limit of `post` holds for the whole request, httpx's own for each step of it.
        self._client = httpx.AsyncClient(limits=limits, timeout=None)

    async def post(self, webhook: Webhook, text: str) -> None:
        """Posts `text`. Raises `SlackError`; cancelling breaks the attempt off."""
        try:
            await asyncio.wait_for(self._attempt(webhook, text), self._timeout)
        except asyncio.TimeoutError:
            reason = f"no answer within {self._timeout:g} s"
            raise SlackError(reason, is_temporary=True) from None

    async def close(self) -> None:
        """Gives the connections back."""
        await self._client.aclose()

    async def _attempt(self, webhook: Webhook, text: str) -> None:
        headers = {"user-agent": "temps-slack-notifier/0.1.0"}
        try:
            request = self._client.build_request(
                "POST", webhook.expose(), json={"text": text}, headers=headers
            )
        except httpx.InvalidURL:
            # Its text quotes the URL.
            raise SlackError("the request cannot be built", is_temporary=False) from None
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.TransportError as error:
            reason = f"cannot reach the webhook's host: {_root_cause(error)}"
            raise SlackError(reason, is_temporary=True) from None
        try:
            if not answer.is_success:
                raise refusal(answer.status_code, answer.headers, await _beginning(answer))
        finally:
            await answer.aclose()


def refusal(status: int, headers: httpx.Headers, body: bytes) -> SlackError:
    """The error for an answer that is no success."""
    word = reason(body)
    explained = f" ({word})" if word else ""
    return SlackError(
        f"the webhook answered {_named(status)}{explained}",
        is_temporary=status >= 500 or status in (408, 429),
        retry_after=retry_after(headers.get("retry-after", ""), datetime.now(timezone.utc)),
    )


async def _beginning(answer: httpx.Response) -> bytes:
    """The body, unless it is too long to be a word of Slack's."""
    body = b""
    try:
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > ANSWER_BYTES:
                return b""
    except httpx.HTTPError:
        return b""
    return body


def reason(body: bytes) -> str | None:
    """The one word Slack answers with, such as `channel_is_archived`. Anything else is some other
    server's, which may well quote the URL that was called."""
    word = body.decode("utf-8", "replace").strip()
    return word if re.fullmatch(r"[a-z_]{1,64}", word) else None


def retry_after(value: str, now: datetime) -> float:
    """`Retry-After`, in seconds: a number, or a date; one that has passed asks for no wait."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return 0
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - now).total_seconds())


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _root_cause(error: BaseException) -> str:
    """The innermost of nested errors: the outer ones say less."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error) or type(error).__name__
