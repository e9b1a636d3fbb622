"""Events: which handlers get them, in which order, and what a handler may do wrong."""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Logs
from temps_plugin import Plugin, PluginContext, PluginEvent
from temps_plugin.errors import InvalidRequest
from temps_plugin.testing import RunningPlugin, TestPlatform, event, project

RunPlugin = Callable[..., RunningPlugin]


@pytest.fixture
def plugin() -> Plugin:
    return Plugin("test-plugin", "1.0.0")


def test_an_event_reaches_its_handler_with_the_context(
    plugin: Plugin, run_plugin: RunPlugin
) -> None:
    got: list[tuple[PluginContext, PluginEvent]] = []

    @plugin.on_event("deployment.succeeded")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None:
        got.append((ctx, event))

    running = run_plugin(plugin)
    sent = event("deployment.succeeded", {"project_id": 7, "url": "https://example.org"})
    running.deliver(sent)
    ((ctx, received),) = got
    assert ctx is plugin.ctx
    assert received == sent
    assert (received.event_type, received.project_id) == ("deployment.succeeded", 7)
    assert received.data == {"project_id": 7, "url": "https://example.org"}


def test_all_handlers_that_match_run_in_the_order_they_were_made(
    plugin: Plugin, run_plugin: RunPlugin
) -> None:
    ran: list[str] = []

    @plugin.on_event("deployment.*")
    async def prefix(ctx: PluginContext, event: PluginEvent) -> None:
        await asyncio.sleep(0)
        ran.append("prefix")

    @plugin.on_event("deployment.failed")
    def exact(ctx: PluginContext, event: PluginEvent) -> None:
        ran.append("exact")

    @plugin.on_event("*")
    async def everything(ctx: PluginContext, event: PluginEvent) -> None:
        ran.append("everything")

    @plugin.on_event("project.created")
    async def another(ctx: PluginContext, event: PluginEvent) -> None:
        ran.append("another")

    running = run_plugin(plugin)
    running.deliver(event("deployment.failed"))
    assert ran == ["prefix", "exact", "everything"]
    ran.clear()
    running.deliver(event("deploymentx.failed"))
    assert ran == ["everything"]
    ran.clear()
    running.deliver(event("project.created"))
    assert ran == ["everything", "another"]


def test_the_manifest_asks_for_what_there_are_handlers_for(
    run_plugin: RunPlugin, plugin: Plugin
) -> None:
    @plugin.on_event("project.*")
    @plugin.on_event("domain.created")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None: ...

    running = run_plugin(plugin)
    assert running.manifest.events == ["project.*", "domain.created"]
    with pytest.raises(InvalidRequest, match=r"deployment\.failed"):
        running.deliver(event("deployment.failed"))


@pytest.mark.parametrize("pattern", ["", "Deployment.*", "a.**", "*.created", "a b"])
def test_a_pattern_that_is_none_is_refused_at_once(pattern: str, plugin: Plugin) -> None:
    with pytest.raises(ValueError, match="allowed: an exact event name"):
        plugin.on_event(pattern)


def test_a_plain_handler_may_block_and_call_the_platform(
    plugin: Plugin, run_plugin: RunPlugin
) -> None:
    names: list[str] = []
    thread: list[str] = []

    @plugin.on_event("project.created")
    def handler(ctx: PluginContext, event: PluginEvent) -> None:
        thread.append(threading.current_thread().name)
        names.extend(found.name for found in ctx.temps.sync.list_projects())

    running = run_plugin(plugin, platform=TestPlatform(projects=[project(7, "shop")]))
    running.deliver(event("project.created"))
    assert names == ["shop"]
    assert thread != ["test-plugin"]


def test_callable_objects_and_partials_are_handlers_too(
    plugin: Plugin, run_plugin: RunPlugin
) -> None:
    got: list[str] = []

    class Handler:
        async def __call__(self, ctx: PluginContext, event: PluginEvent) -> None:
            await asyncio.sleep(0)
            got.append("object")

    async def with_name(name: str, ctx: PluginContext, event: PluginEvent) -> None:
        got.append(name)

    plugin.on_event("*")(Handler())
    plugin.on_event("*")(functools.partial(with_name, "partial"))
    run_plugin(plugin).deliver(event("project.created"))
    assert got == ["object", "partial"]


def test_events_are_handled_one_after_the_other_in_order(
    plugin: Plugin, run_plugin: RunPlugin
) -> None:
    steps: list[str] = []

    @plugin.on_event("*")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None:
        steps.append(f"begin {event.data['n']}")
        for _ in range(event.data["turns"]):
            await asyncio.sleep(0)
        steps.append(f"end {event.data['n']}")

    running = run_plugin(plugin)
    # The first takes the longest: whoever overtakes shows.
    for n in range(5):
        assert post(running, event("a.b", {"n": n, "turns": 100 - 20 * n})) == 200
    running.deliver(event("a.b", {"n": 5, "turns": 0}))
    assert steps == [f"{step} {n}" for n in range(6) for step in ("begin", "end")]


def post(running: RunningPlugin, event: PluginEvent, **more: Any) -> int:
    return running.post("/_events", json=event.to_json(), **more).status


def test_events_come_by_http_when_there_is_no_channel(
    plugin: Plugin, run_plugin: RunPlugin
) -> None:
    got = threading.Event()

    @plugin.on_event("*")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None:
        got.set()

    running = run_plugin(plugin, channel=False)
    assert post(running, event("a.b"), signed=False) == 401
    assert not got.is_set()
    assert post(running, event("a.b")) == 200
    assert got.wait(10)


def raise_runtime_error() -> None:
    raise RuntimeError("on purpose")


def raise_cancelled() -> None:
    raise asyncio.CancelledError("on purpose")


def raise_interrupt() -> None:
    raise KeyboardInterrupt("on purpose")


def leave() -> None:
    sys.exit("on purpose")


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize("fail", [raise_runtime_error, leave, raise_interrupt, raise_cancelled])
def test_a_handler_that_fails_is_logged_and_stops_nothing(
    fail: Callable[[], None], is_async: bool, plugin: Plugin, run_plugin: RunPlugin, logs: Logs
) -> None:
    handled: list[str] = []

    async def asynchronous(ctx: PluginContext, event: PluginEvent) -> None:
        fail()

    def synchronous(ctx: PluginContext, event: PluginEvent) -> None:
        fail()

    plugin.on_event("a.bad")(asynchronous if is_async else synchronous)

    @plugin.on_event("a.*")
    async def beside(ctx: PluginContext, event: PluginEvent) -> None:
        handled.append(event.event_type)

    running = run_plugin(plugin)
    bad = event("a.bad")
    running.deliver(bad)
    running.deliver(event("a.good"))
    assert handled == ["a.bad", "a.good"]
    logs.wait_for("ERROR", "a.bad", bad.id, "Traceback", "on purpose", f"in {fail.__name__}")


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_exit_in_a_task_of_a_handlers_stops_nothing(
    error: type[BaseException], plugin: Plugin, run_plugin: RunPlugin, logs: Logs
) -> None:
    async def child() -> None:
        raise error("on purpose")

    tasks: list[asyncio.Task[None]] = []

    @plugin.on_event("a.bad")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None:
        tasks.append(asyncio.get_running_loop().create_task(child()))

    good = threading.Event()

    @plugin.on_event("a.good")
    async def other(ctx: PluginContext, event: PluginEvent) -> None:
        good.set()

    running = run_plugin(plugin)
    running.deliver(event("a.bad"))
    running.deliver(event("a.good"))
    assert good.is_set()
    logs.wait_for("ERROR", "a task raised", error.__name__, "Traceback", "on purpose")
    assert isinstance(tasks[0].exception(), error)


def test_an_event_that_is_none_is_refused_and_the_next_arrives(
    plugin: Plugin, run_plugin: RunPlugin
) -> None:
    got: list[str] = []

    @plugin.on_event("*")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None:
        got.append(event.event_type)

    running = run_plugin(plugin)
    for body in (b"", b"[]", b"{}", json.dumps({"id": 1}).encode()):
        reply = running.post("/_events", body=body)
        assert reply.status == 400
        assert "event" in reply.text
    running.deliver(event("a.b"))
    assert got == ["a.b"]


def test_a_handler_may_wait_for_the_stop(plugin: Plugin, run_plugin: RunPlugin) -> None:
    entered, ended = threading.Event(), threading.Event()

    @plugin.on_event("*")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None:
        entered.set()
        await ctx.stopping()
        ended.set()

    running = run_plugin(plugin)
    assert post(running, event("a.b")) == 200
    assert entered.wait(10)
    running.stop()
    assert ended.is_set()
