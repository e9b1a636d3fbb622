"""The address a message is posted to."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

NO_URL = "must be a URL such as https://hooks.slack.com/services/…"


class Webhook:
    """An incoming webhook's URL. Whoever knows it can post, so only its host is ever shown."""

    __slots__ = ("_authority", "_scheme", "_url")

    def __init__(self, text: str) -> None:
        """Raises `ValueError` for a text that is no webhook. It is read behind the field's name and
        never quotes the text."""
        url = text.strip()
        # `urlsplit` lets other characters pass, and with them the masked form that we show.
        if not re.fullmatch(r"[!-~]+", url):
            raise ValueError(NO_URL)
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname, parts.port
        except ValueError:
            raise ValueError(NO_URL) from None
        if parts.scheme not in ("https", "http"):
            raise ValueError("must begin with https:// or http://")
        if "@" in parts.netloc:
            raise ValueError("must not hold a user name or password")
        if not host:
            raise ValueError(NO_URL)
        self._url, self._scheme, self._authority = url, parts.scheme, parts.netloc

    @classmethod
    def of(cls, value: object) -> Webhook:
        """A webhook from what stands in JSON."""
        if isinstance(value, Webhook):
            return value
        if not isinstance(value, str):
            raise ValueError("must be a text or null")
        return cls(value)

    def expose(self) -> str:
        """The URL itself, for the one place that posts to it."""
        return self._url

    def masked(self) -> str:
        """The URL as people may see it."""
        return f"{self._scheme}://{self._authority}/…"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Webhook) and other._url == self._url

    def __hash__(self) -> int:
        return hash(self._url)

    def __repr__(self) -> str:
        return f"Webhook({self.masked()})"
