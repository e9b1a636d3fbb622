"""The settings: who may see and change them, what is refused, and where they are kept."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from conftest import deployment
from slack_notifier.file import FileError
from slack_notifier.routes import app

pytestmark = pytest.mark.anyio

UNTOUCHED = {"webhook_url": None, "enabled": True, "notify_failures": True}


async def test_settings_survive_a_restart_and_show_no_secret(
    start: Any, slack: Any, tmp_path: Path
) -> None:
    fake = await slack()
    shown = {"webhook_url": fake.masked, "enabled": True, "notify_failures": False}
    first = start()
    assert await first.configure(webhook_url=fake.webhook, notify_failures=False) == shown
    await first.notifier.stop()

    second = start()
    answer = await second.send("GET", "/settings", role="reader")
    assert answer.json() == shown
    second.notifier.take(deployment("deployment.succeeded"))
    await fake.received(1)
    assert stat.S_IMODE((tmp_path / "settings.json").stat().st_mode) == 0o600


async def test_a_change_leaves_alone_what_it_does_not_name(start: Any) -> None:
    plugin = start()
    shown = await plugin.configure(webhook_url="http://a/b")
    assert shown == {**UNTOUCHED, "webhook_url": "http://a/…"}
    shown = await plugin.configure(enabled=False)
    assert shown == {**UNTOUCHED, "webhook_url": "http://a/…", "enabled": False}
    assert await plugin.configure(webhook_url=None) == {**UNTOUCHED, "enabled": False}
    assert await plugin.configure(enabled=None) == {**UNTOUCHED, "enabled": False}


async def test_strangers_see_nothing(start: Any) -> None:
    plugin = start()
    requests: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/settings", {}),
        ("GET", "/deliveries", {}),
        ("PATCH", "/settings", {"json": {"enabled": False}}),
    ]
    for method, path, how in requests:
        answer = await plugin.send(method, path, role=None, **how)
        assert answer.status_code == 401, (method, path)
        assert answer.json()["detail"] == "sign in to Temps first"


@pytest.mark.parametrize(
    ("role", "status"), [("reader", 403), ("user", 403), ("emperor", 403), ("platform_admin", 200)]
)
async def test_only_administrators_change_settings(start: Any, role: str, status: int) -> None:
    answer = await start().send("PATCH", "/settings", role=role, json={"enabled": False})
    assert answer.status_code == status
    if status == 403:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 403


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        ('{"webhook_url": "hooks.slack.com"}', 422, "webhook_url: must begin with https"),
        ('{"webhook_url": "https://a.b/…"}', 422, "webhook_url: must be a URL"),
        ('{"webhook_url": 7}', 422, "webhook_url: must be a text or null"),
        ('{"enabled": "yes"}', 422, "enabled: "),
        ('{"webhook": "https://a/b"}', 422, "webhook: there is no such field"),
        ("[]", 422, "the body: "),
        ('{"enabled": ', 400, "parse"),
        ("", 400, "parse"),
        ("[" * 100_000, 400, "parsing"),
        ('{"webhook_url": "\\ud800"}', 422, "webhook_url: "),
    ],
)
async def test_a_wrong_change_is_refused_and_the_field_named(
    start: Any, body: str, status: int, detail: str
) -> None:
    plugin = start()
    headers = {"content-type": "application/json"}
    answer = await plugin.send("PATCH", "/settings", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]
    assert await plugin.configure() == UNTOUCHED


async def test_a_body_that_is_not_said_to_be_json_is_refused(start: Any) -> None:
    plugin = start()
    for headers in ({}, {"content-type": "text/plain"}):
        answer = await plugin.send("PATCH", "/settings", content="{}", headers=headers)
        assert answer.status_code == 415
    headers = {"content-type": "application/json; charset=utf-8"}
    answer = await plugin.send("PATCH", "/settings", content="{}", headers=headers)
    assert answer.status_code == 200


async def test_an_unknown_route_is_a_problem_too(start: Any) -> None:
    answer = await start().send("GET", "/nowhere")
    assert answer.status_code == 404
    assert answer.json()["title"] == "Not Found"
    answer = await start().send("POST", "/deliveries")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ("{ half", "line 1, column 3"),
        ('{\n  "enabled": "hush"\n}', "enabled"),
        ('{"webhook_url": "ftp://hush"}', "webhook_url"),
    ],
)
async def test_damaged_settings_end_the_start_and_stay_as_they_are(
    start: Any, tmp_path: Path, content: str, place: str
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content)
    with pytest.raises(FileError, match=f"settings.json is damaged at {place}: mend it") as caught:
        start()
    assert "hush" not in str(caught.value)
    assert path.read_text() == content


async def test_settings_that_cannot_be_written_stay_as_they_are(start: Any, tmp_path: Path) -> None:
    plugin = start()
    (tmp_path / "settings.json").mkdir()
    answer = await plugin.send("PATCH", "/settings", json={"enabled": False})
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    assert (await plugin.send("GET", "/settings")).json() == UNTOUCHED


def test_the_host_gets_the_routes_as_openapi() -> None:
    paths = app.openapi()["paths"]
    assert set(paths) == {"/settings", "/deliveries"}
    assert "requestBody" in paths["/settings"]["patch"]
    assert {"401", "403", "415", "422"} <= set(paths["/settings"]["patch"]["responses"])
