"""Logs as JSON lines on stderr, in the form the SDK's own lines have."""

from __future__ import annotations

import json
import logging
import sys
import time

__all__ = ["JsonLines", "install"]

_LEVELS = {"WARNING": "WARN", "CRITICAL": "ERROR"}


class JsonLines(logging.Formatter):
    """One JSON object a record: `timestamp`, `level`, `fields` with the message, `target`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        fields: dict[str, str] = {"message": record.getMessage()}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = record.stack_info
        line = {
            "timestamp": _timestamp(record.created),
            "level": _LEVELS.get(record.levelname, record.levelname),
            "fields": fields,
            "target": record.name,
        }
        return json.dumps(line, ensure_ascii=False)


def install() -> None:
    """Sends the root logger's records there, unless the author has configured it otherwise."""
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    if root.level == logging.WARNING:
        root.setLevel(logging.INFO)


def _timestamp(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1_000_000):06}Z"
