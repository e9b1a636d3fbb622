"""The plugin without its process: the notifier over a platform in memory, and its routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fake_slack import FakeSlack
from slack_notifier.courier import Pacing
from slack_notifier.notifier import Notifier
from slack_notifier.routes import app
from temps_plugin.errors import NotFound
from temps_plugin.wire import PluginEvent

# Far more than a test needs, so that a slow machine fails none.
DEADLINE = 20

# Pauses that cost a test nothing.
BRISK = Pacing(pauses=(0.001, 0.002), stop=0.05)


class FakeTemps:
    """A platform that has the projects it is given."""

    def __init__(self, projects: dict[int, str]) -> None:
        self._projects = projects

    def with_timeout(self, seconds: float) -> FakeTemps:
        assert seconds > 0
        return self

    async def get_project(self, project_id: int) -> Any:
        if project_id not in self._projects:
            raise NotFound(f"no project {project_id}")
        return SimpleNamespace(name=self._projects[project_id])


class Running:
    """A notifier and a client for its routes."""

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier

    async def send(
        self, method: str, path: str, *, role: str | None = "admin", **how: Any
    ) -> httpx.Response:
        """A request of someone with this role; of nobody who is signed in for None."""
        transport = httpx.ASGITransport(app=_as_signed_in(role))
        async with httpx.AsyncClient(transport=transport, base_url="http://plugin") as client:
            return await client.request(method, path, **how)

    async def configure(self, **change: Any) -> Any:
        """Changes settings that must be fine, and answers with what they are then."""
        answer = await self.send("PATCH", "/settings", json=change)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def deliveries(self) -> list[Any]:
        answer = await self.send("GET", "/deliveries", role="reader")
        found: list[Any] = answer.json()["deliveries"]
        return found

    async def newest(self, status: str) -> Any:
        """The newest delivery, once it has this status."""
        async with _deadline():
            while True:
                entries = await self.deliveries()
                if entries and entries[0]["status"] == status:
                    return entries[0]
                await asyncio.sleep(0)


def _as_signed_in(role: str | None) -> Any:
    """The routes behind a server that vouches for a caller, as the SDK's does."""
    who = None
    if role is not None:
        is_admin = role in ("admin", "platform_admin")
        who = SimpleNamespace(user_id="7", role=role, is_admin=is_admin)

    async def served(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "extensions": {"temps": {"caller": who}}}, receive, send)

    return served


class _deadline:
    """`asyncio.timeout`, which Python 3.10 has not."""

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._timer = asyncio.get_running_loop().call_later(DEADLINE, task.cancel)

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Running]]:
    """Starts the plugin on a platform that has project 7, "shop". Stops all that was started."""
    started: list[Running] = []

    def start(pacing: Pacing = BRISK, projects: dict[int, str] | None = None) -> Running:
        temps = FakeTemps({7: "shop"} if projects is None else projects)
        ctx: Any = SimpleNamespace(data_dir=tmp_path, temps=temps)
        running = Running(Notifier(ctx, pacing))
        app.state.notifier = running.notifier
        started.append(running)
        return running

    yield start
    for running in started:
        await running.notifier.stop()


@pytest.fixture
async def slack() -> AsyncIterator[Callable[..., Any]]:
    """Makes a Slack that gives the answers it is told, and takes every message from then on."""
    made: list[FakeSlack] = []

    async def make(*answers: Any) -> FakeSlack:
        fake = await FakeSlack.start(*answers)
        made.append(fake)
        return fake

    yield make
    for fake in made:
        fake.stop()


def deployment(event_type: str, event_id: str = "e1", **more: Any) -> PluginEvent:
    data = {
        "deployment_id": 100,
        "project_id": 7,
        "environment_id": 3,
        "environment_name": "production",
        "commit_sha": "a1b2c3d4e5f6",
        "url": "https://shop.example.org",
        "error_message": "out of memory",
        **more,
    }
    return PluginEvent(
        id=event_id,
        event_type=event_type,
        timestamp="2026-06-06T12:00:00Z",
        project_id=7,
        data=data,
    )
