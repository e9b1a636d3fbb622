"""From an event to Slack, and what the log says of it."""

from __future__ import annotations

import json
import logging
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import BRISK, deployment
from fake_slack import NEVER, refuse

pytestmark = pytest.mark.anyio


async def test_a_deployment_is_told_with_its_projects_name(start: Any, slack: Any) -> None:
    fake, plugin = await slack(), start()
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.succeeded"))
    text = (
        ":white_check_mark: *shop* was deployed to *production* at `a1b2c3d`\n"
        "https://shop.example.org"
    )
    assert await fake.received(1) == [{"text": text}]
    delivery = await plugin.newest("delivered")
    assert delivery["project"] == "shop"
    assert delivery["environment"] == "production"
    assert delivery["attempts"] == 1
    assert delivery["last_error"] is None
    assert delivery["received_at"].endswith("Z")


async def test_a_name_the_platform_keeps_to_itself_holds_nothing_up(start: Any, slack: Any) -> None:
    fake, plugin = await slack(), start(projects={})
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.failed"))
    text = ":x: deploying *project 7* to *production* failed\n> out of memory"
    assert await fake.received(1) == [{"text": text}]


async def test_a_server_error_is_tried_again(start: Any, slack: Any) -> None:
    fake = await slack(refuse(500), refuse(429, retry_after="0"))
    plugin = start()
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.succeeded"))
    delivery = await plugin.newest("delivered")
    assert delivery["attempts"] == 3
    assert delivery["last_error"] == "the webhook answered 429 Too Many Requests"


async def test_a_refusal_is_final_and_its_reason_is_kept(start: Any, slack: Any) -> None:
    fake, plugin = await slack(refuse(404, "no_service")), start()
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.succeeded"))
    delivery = await plugin.newest("failed")
    assert delivery["attempts"] == 1
    assert delivery["last_error"] == "the webhook answered 404 Not Found (no_service)"


async def test_a_wait_longer_than_anyone_would_have_is_a_failure(start: Any, slack: Any) -> None:
    fake, plugin = await slack(refuse(429, retry_after="3600")), start()
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.succeeded"))
    assert (await plugin.newest("failed"))["attempts"] == 1


async def test_an_answer_that_does_not_come_is_given_up(start: Any, slack: Any) -> None:
    fake = await slack(NEVER, NEVER, NEVER)
    plugin = start(replace(BRISK, request_timeout=0.05))
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.succeeded"))
    delivery = await plugin.newest("failed")
    assert delivery["attempts"] == 3
    assert delivery["last_error"] == "no answer within 0.05 s"


async def test_a_host_that_cannot_be_reached_is_given_up_in_the_end(start: Any) -> None:
    plugin = start()
    # Bound and not listening: nobody else can take the port meanwhile.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        await plugin.configure(webhook_url=f"http://127.0.0.1:{port}/services/SECRET")
        plugin.notifier.take(deployment("deployment.succeeded"))
        delivery = await plugin.newest("failed")
    assert delivery["attempts"] == 3
    assert delivery["last_error"].startswith("cannot reach the webhook's host: ")
    assert "SECRET" not in delivery["last_error"]


async def test_a_full_queue_drops_and_a_stop_records_what_was_left(
    start: Any, slack: Any, tmp_path: Path
) -> None:
    fake = await slack(NEVER)
    first = start(replace(BRISK, queue=1))
    await first.configure(webhook_url=fake.webhook)
    first.notifier.take(deployment("deployment.succeeded", "1"))
    # Only now is the queue empty again.
    await fake.received(1)
    first.notifier.take(deployment("deployment.succeeded", "2"))
    first.notifier.take(deployment("deployment.succeeded", "3"))
    newest = await first.newest("dropped")
    assert newest["last_error"] == "too many messages wait already"
    assert (await first.deliveries())[1]["status"] == "queued"
    await first.notifier.stop()

    left = await start().deliveries()
    assert [entry["event_id"] for entry in left] == ["3", "2", "1"]
    assert {entry["status"] for entry in left} == {"dropped"}
    assert left[0] == newest
    assert left[2]["last_error"] == "the plugin stopped before Slack had taken the message"


async def test_a_stop_gives_what_is_queued_a_last_chance(start: Any, slack: Any) -> None:
    fake, plugin = await slack(), start(replace(BRISK, stop=20))
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.succeeded", "1"))
    plugin.notifier.take(deployment("deployment.succeeded", "2"))
    await plugin.notifier.stop()
    assert [entry["status"] for entry in await plugin.deliveries()] == ["delivered"] * 2
    plugin.notifier.take(deployment("deployment.succeeded", "3"))
    assert (await plugin.newest("dropped"))["last_error"] == "deliveries have ended"


async def test_an_event_that_the_host_delivers_twice_is_told_once(start: Any, slack: Any) -> None:
    fake, plugin = await slack(), start()
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.succeeded"))
    plugin.notifier.take(deployment("deployment.succeeded"))
    await plugin.newest("delivered")
    assert len(await plugin.deliveries()) == 1


async def test_nothing_is_told_without_being_asked_to(start: Any, slack: Any) -> None:
    fake, plugin = await slack(), start()
    plugin.notifier.take(deployment("deployment.succeeded", "1"))
    await plugin.configure(webhook_url=fake.webhook, notify_failures=False)
    plugin.notifier.take(deployment("deployment.failed", "2"))
    await plugin.configure(enabled=False)
    plugin.notifier.take(deployment("deployment.succeeded", "3"))
    plugin.notifier.take(deployment("deployment.paused", "4"))
    assert await plugin.deliveries() == []


async def test_half_an_event_is_skipped_with_a_warning(
    start: Any, slack: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fake, plugin = await slack(), start()
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.succeeded", environment_name=7))
    assert await plugin.deliveries() == []
    assert "environment_name" in caplog.text


async def test_no_log_line_shows_the_webhook(
    start: Any, slack: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fake, plugin = await slack(refuse(500)), start()
    with caplog.at_level(logging.DEBUG):
        await plugin.configure(webhook_url=fake.webhook)
        plugin.notifier.take(deployment("deployment.succeeded"))
        await plugin.newest("delivered")
    assert "notified Slack of event e1" in caplog.text
    assert "SECRET" not in caplog.text


async def test_a_log_that_cannot_be_written_stops_no_delivery(
    start: Any, slack: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fake, plugin = await slack(), start()
    await plugin.configure(webhook_url=fake.webhook)
    # A directory stands where the file would go.
    (tmp_path / "deliveries.json").mkdir()
    plugin.notifier.take(deployment("deployment.succeeded"))
    await plugin.newest("delivered")
    assert "could not write down the deliveries" in caplog.text
    # Until then one more attempt to write may be under way.
    await plugin.notifier.stop()
    assert [path.name for path in tmp_path.glob(".*")] == []


async def test_a_mistake_of_the_plugins_own_ends_one_delivery_only(
    start: Any, slack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, plugin = await slack(), start()
    await plugin.configure(webhook_url=fake.webhook)
    with monkeypatch.context() as patch:
        patch.setattr("slack_notifier.slack.Slack.post", None)
        plugin.notifier.take(deployment("deployment.succeeded", "1"))
        failed = await plugin.newest("failed")
    assert failed["last_error"] == "the plugin failed; its log says why"
    plugin.notifier.take(deployment("deployment.succeeded", "2"))
    await plugin.newest("delivered")


async def test_the_file_has_what_the_routes_show(start: Any, slack: Any, tmp_path: Path) -> None:
    fake, plugin = await slack(), start()
    await plugin.configure(webhook_url=fake.webhook)
    plugin.notifier.take(deployment("deployment.succeeded"))
    await plugin.newest("delivered")
    await plugin.notifier.stop()
    written = json.loads((tmp_path / "deliveries.json").read_text())
    assert written == await plugin.deliveries()
