"""The parts by themselves: webhooks, notices, the log, and which errors are worth another try."""

from __future__ import annotations

import asyncio
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import DEADLINE, deployment
from slack_notifier import file
from slack_notifier.deliveries import KEPT, DeliveryLog
from slack_notifier.notice import Failed, Notice
from slack_notifier.slack import reason, refusal, retry_after
from slack_notifier.webhook import Webhook


@pytest.mark.parametrize(
    "text", ["https://hooks.slack.com/services/T0/B0/x", "http://127.0.0.1:9/hook"]
)
def test_a_webhook_is_a_plain_web_address(text: str) -> None:
    assert Webhook(f" {text}\n").expose() == text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "must be a URL"),
        ("hooks.slack.com", "must begin with"),
        ("/services/T0", "must begin with"),
        ("https://", "must be a URL"),
        ("https://:80/x", "must be a URL"),
        ("https://[::1/x", "must be a URL"),
        ("https://a:99999/x", "must be a URL"),
        ("https://hooks.slack.com/…", "must be a URL"),
        ("https://hooks.slack.com/a b", "must be a URL"),
        ("ftp://example.org/x", "must begin with"),
        ("https://ada:pw@example.org/x", "must not hold a user name"),
    ],
)
def test_what_is_no_webhook_is_refused_without_quoting_it(text: str, error: str) -> None:
    with pytest.raises(ValueError, match=error) as caught:
        Webhook(text)
    assert "example" not in str(caught.value)


def test_no_form_for_people_shows_more_than_the_host() -> None:
    webhook = Webhook("https://hooks.slack.com:444/services/T0?token=x")
    assert webhook.masked() == "https://hooks.slack.com:444/…"
    for shown in (str(webhook), repr(webhook), f"{webhook}"):
        assert "T0" not in shown


def text(event_type: str, **more: Any) -> str:
    notice = Notice.of(deployment(event_type, **more))
    assert notice is not None
    return notice.text("shop")


def test_a_message_says_what_went_where() -> None:
    assert text("deployment.succeeded", url="https://a/?a=1&b=2", commit_sha=None) == (
        ":white_check_mark: *shop* was deployed to *production*\nhttps://a/?a=1&amp;b=2"
    )
    assert text("deployment.succeeded", url=None) == (
        ":white_check_mark: *shop* was deployed to *production* at `a1b2c3d`"
    )
    assert text("deployment.failed", error_message="no <!channel>\ntwo") == (
        ":x: deploying *shop* to *production* failed\n> no &lt;!channel&gt;\n> two"
    )
    assert text("deployment.failed", error_message="x" * 1000).endswith("\n> " + "x" * 500)


def test_other_events_are_nothing_and_half_a_deployment_is_an_error() -> None:
    assert Notice.of(deployment("deployment.paused")) is None
    with pytest.raises(ValueError, match="project_id"):
        Notice.of(deployment("deployment.succeeded", project_id="7"))


def notice(number: int) -> Notice:
    return Notice(str(number), "deployment.failed", 7, "production", Failed())


def test_the_oldest_settled_entry_makes_room(tmp_path: Path) -> None:
    log = DeliveryLog(tmp_path / "deliveries.json")
    for number in range(KEPT):
        assert log.add(notice(number))
    log.settle("1", "delivered", None)
    log.settle("3", "failed", "no")
    assert log.add(notice(KEPT))
    ids = [entry.event_id for entry in log.entries]
    assert (len(ids), ids[0]) == (KEPT, "50")
    assert "0" in ids and "3" in ids and "1" not in ids


@pytest.mark.anyio
async def test_what_a_former_process_left_unfinished_is_dropped(tmp_path: Path) -> None:
    log = DeliveryLog(tmp_path / "deliveries.json")
    log.add(notice(1))
    log.settle("1", "delivered", None)
    log.add(notice(2))
    await log.save()
    left = DeliveryLog(tmp_path / "deliveries.json").entries
    assert [entry.status for entry in left] == ["dropped", "delivered"]


@pytest.mark.anyio
async def test_a_write_given_up_never_overwrites_a_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    write = file.save

    def waiting(*what: Any) -> None:
        begun.set()
        assert go_on.wait(DEADLINE)
        write(*what)

    log = DeliveryLog(tmp_path / "deliveries.json")
    log.add(notice(1))
    with monkeypatch.context() as patch:
        patch.setattr(file, "save", waiting)
        given_up = asyncio.create_task(log.save())
        assert await asyncio.to_thread(begun.wait, DEADLINE)
    given_up.cancel()
    log.settle("1", "delivered", None)
    later = asyncio.create_task(log.save())
    # Whoever is cancelled is so by the loop's next turn, unless it waits for its write.
    for _ in range(3):
        await asyncio.sleep(0)
    assert not given_up.done()
    go_on.set()
    await asyncio.wait([given_up, later])
    assert given_up.cancelled()
    [left] = DeliveryLog(tmp_path / "deliveries.json").entries
    assert left.status == "delivered"


def refused(status: int, wait: str = "") -> Any:
    return refusal(status, httpx.Headers({"retry-after": wait}), b"")


def test_only_what_may_pass_is_tried_again() -> None:
    for status in (408, 429, 500, 502, 503, 599):
        assert refused(status).is_temporary, status
    for status in (301, 400, 403, 404, 410):
        assert not refused(status).is_temporary, status
        assert refused(status).pause(1) is None


def test_the_pause_is_never_shorter_than_slack_asks_for() -> None:
    assert refused(500).pause(5) == 5
    assert refused(429, "3").pause(5) == 5
    assert refused(429, "30").pause(5) == 30
    assert refused(429, "3600").pause(5) is None
    assert refused(429, "1").pause(None) is None


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(1994, 11, 6, 8, 49, tzinfo=timezone.utc)
    assert retry_after("30", now) == 30
    assert retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now) == 37
    assert retry_after("Sun, 06 Nov 1994 08:40:00 GMT", now) == 0
    assert retry_after("soon", now) == 0
    assert retry_after("", now) == 0


def test_a_reason_is_one_word_of_slacks_own() -> None:
    assert reason(b"no_service\n") == "no_service"
    for other in (b"", b"Not Found: /services/T0/B0/x", b"<html>", b"\xff", b"a" * 65):
        assert reason(other) is None
