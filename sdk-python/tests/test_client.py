"""What calls send, how results are read, and which thread they belong to, over a fake core."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from temps_plugin.client import ApiResponse, SyncTempsClient, TempsClient, file, part
from temps_plugin.context import PluginContext
from temps_plugin.errors import InvalidRequest, NoActor, NotFound, ProtocolError
from temps_plugin.wire import (
    ApiBodyJson,
    Deployment,
    Environment,
    GeneratedText,
    HostCapabilities,
    Project,
)

# Makes a call on a client of either kind, and gives what that gives.
Ask = Callable[[Any], Any]

TIME = "2026-06-06T12:00:00Z"
PROJECT = {
    "id": 42,
    "name": "Shop",
    "slug": "shop",
    "repo_name": "shop",
    "repo_owner": "acme",
    "main_branch": "main",
    "preset": "nextjs",
    "source_type": "git",
    "created_at": TIME,
    "updated_at": TIME,
    "enable_preview_environments": True,
}
ENVIRONMENT = {
    "id": 3,
    "project_id": 42,
    "name": "Production",
    "slug": "production",
    "is_preview": False,
    "created_at": TIME,
    "updated_at": TIME,
}
DEPLOYMENT = {
    "id": 100,
    "project_id": 42,
    "environment_id": 3,
    "state": "completed",
    "created_at": TIME,
}
CAPABILITIES = {
    "actor": {"id": 1, "name": "plugin", "active": True},
    "permissions": ["projects_read", "of_a_newer_host"],
    "ai": {
        "configured": True,
        "setup_path": "/settings/ai",
        "daily_call_limit": 100,
        "max_output_tokens": 1000,
        "max_prompt_bytes": 10000,
    },
}


class FakeContext:
    """The core: remembers what it was asked and answers with `answer`, text or exception."""

    plugin_name = "shop-watch"
    data_dir = "/var/lib/temps/shop-watch"
    dialect = 2
    auth_secret = "hush-hush"
    database_url = "postgres://u:hush-hush@db/x"
    host_api_url = "http://127.0.0.1:3000"
    host_data_dir: str | None = None

    def __init__(self, answer: Any = None, *, on_loop: bool = True) -> None:
        self.asked: list[Any] = []
        self.answer = answer
        self.on_loop = on_loop

    def on_loop_thread(self) -> bool:
        return self.on_loop

    def call(self, *ask: Any) -> asyncio.Future[str]:
        return self._future("call", *ask)

    def api_call(self, *ask: Any) -> asyncio.Future[str]:
        return self._future("api_call", *ask)

    def call_blocking(self, *ask: Any) -> str:
        return self._text("call", *ask)

    def api_call_blocking(self, *ask: Any) -> str:
        return self._text("api_call", *ask)

    def stopping(self) -> asyncio.Future[str]:
        return self._future("stopping")

    def _future(self, *ask: Any) -> asyncio.Future[str]:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        try:
            future.set_result(self._text(*ask))
        except Exception as error:
            future.set_exception(error)
        return future

    def _text(self, *ask: Any) -> str:
        self.asked.append(ask)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if isinstance(self.answer, str) else json.dumps(self.answer)


def context(core: FakeContext) -> PluginContext:
    native: Any = core
    return PluginContext(native)


def both(answer: Any, ask: Ask) -> list[tuple[FakeContext, Any]]:
    """Makes one call on both clients: the cores that were asked, and the results."""
    loop_core, thread_core = FakeContext(answer), FakeContext(answer, on_loop=False)

    async def on_loop() -> Any:
        return await ask(context(loop_core).temps)

    return [
        (loop_core, asyncio.run(on_loop())),
        (thread_core, ask(context(thread_core).temps.sync)),
    ]


def run(awaitable: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await awaitable

    return asyncio.run(wait())


CALLS: list[tuple[Ask, str, Any, Any, Any]] = [
    (
        lambda t: t.get_project(42),
        "get_project",
        {"project_id": 42},
        PROJECT,
        Project.from_json(PROJECT),
    ),
    (
        lambda t: t.list_projects(),
        "list_projects",
        {},
        [PROJECT],
        [Project.from_json(PROJECT)],
    ),
    (lambda t: t.list_projects(limit=5), "list_projects", {"limit": 5}, [], []),
    (
        lambda t: t.get_environment(3),
        "get_environment",
        {"environment_id": 3},
        ENVIRONMENT,
        Environment.from_json(ENVIRONMENT),
    ),
    (
        lambda t: t.list_environments(42),
        "list_environments",
        {"project_id": 42},
        [ENVIRONMENT],
        [Environment.from_json(ENVIRONMENT)],
    ),
    (
        lambda t: t.get_deployment(100),
        "get_deployment",
        {"deployment_id": 100},
        DEPLOYMENT,
        Deployment.from_json(DEPLOYMENT),
    ),
    (
        lambda t: t.get_last_deployment(42),
        "get_last_deployment",
        {"project_id": 42},
        DEPLOYMENT,
        Deployment.from_json(DEPLOYMENT),
    ),
    (
        lambda t: t.get_last_deployment(42, 3),
        "get_last_deployment",
        {"project_id": 42, "environment_id": 3},
        DEPLOYMENT,
        Deployment.from_json(DEPLOYMENT),
    ),
    (
        lambda t: t.list_deployments(42, environment_id=3, limit=7),
        "list_deployments",
        {"project_id": 42, "environment_id": 3, "limit": 7},
        [DEPLOYMENT],
        [Deployment.from_json(DEPLOYMENT)],
    ),
    (
        lambda t: t.get_host_capabilities(),
        "get_host_capabilities",
        {},
        CAPABILITIES,
        HostCapabilities.from_json(CAPABILITIES),
    ),
    (
        lambda t: t.generate_ai("summary", "hello"),
        "generate_ai",
        {"purpose": "summary", "prompt": "hello"},
        {"text": "hi", "model": "m-1"},
        GeneratedText(text="hi", model="m-1"),
    ),
    (
        lambda t: t.generate_ai("summary", "ä", system="be brief", max_tokens=10, temperature=0.5),
        "generate_ai",
        {
            "purpose": "summary",
            "prompt": "ä",
            "system": "be brief",
            "max_tokens": 10,
            "temperature": 0.5,
        },
        {"text": "hi", "model": "m-1"},
        GeneratedText(text="hi", model="m-1"),
    ),
    (
        lambda t: t.call("get_project", {"project_id": 1}),
        "get_project",
        {"project_id": 1},
        {"any": ["thing", None]},
        {"any": ["thing", None]},
    ),
    (lambda t: t.call("later_method"), "later_method", {}, None, None),
]


@pytest.mark.parametrize(("ask", "method", "params", "answer", "expected"), CALLS)
def test_each_call_sends_its_parameters_and_reads_its_result(
    ask: Ask, method: str, params: Any, answer: Any, expected: Any
) -> None:
    for core, result in both(answer, ask):
        [(how, asked, text, timeout)] = core.asked
        assert (how, asked, json.loads(text), timeout) == ("call", method, params, None)
        assert result == expected


def test_both_clients_have_the_same_calls() -> None:
    def calls(client: type) -> set[str]:
        return {name for name in dir(client) if not name.startswith("_")} - {"sync"}

    assert calls(TempsClient) == calls(SyncTempsClient)


MISFITS: list[tuple[Any, Ask, str]] = [
    ({**PROJECT, "id": "42"}, lambda t: t.get_project(42), "get_project: .*Project.id"),
    ({}, lambda t: t.get_project(42), "Project.id"),
    ([PROJECT], lambda t: t.get_project(42), "found a list"),
    (PROJECT, lambda t: t.list_projects(), "found a dict; allowed is a list of Project"),
    ("{half", lambda t: t.get_project(42), "get_project: the host's result"),
    ("[" * 100_000, lambda t: t.get_project(42), "recursion"),
    ({"text": "hi"}, lambda t: t.generate_ai("a", "b"), "GeneratedText.model"),
]


@pytest.mark.parametrize(("answer", "ask", "found"), MISFITS)
def test_a_result_of_another_shape_is_a_protocol_error(answer: Any, ask: Ask, found: str) -> None:
    with pytest.raises(ProtocolError, match=found):
        both(answer, ask)
    with pytest.raises(ProtocolError, match=found):
        ask(context(FakeContext(answer, on_loop=False)).temps.sync)


def test_members_of_a_newer_host_are_kept_and_do_no_harm() -> None:
    for _, project in both({**PROJECT, "new": 1}, lambda t: t.get_project(42)):
        assert project.raw["new"] == 1


@pytest.mark.parametrize("params", [{"x": object()}, {"x": float("nan")}, {"x": {1, 2}}])
def test_what_json_does_not_have_is_refused_before_it_is_sent(params: Any) -> None:
    core = FakeContext(on_loop=False)
    with pytest.raises(InvalidRequest, match="later_method was not sent"):
        context(core).temps.sync.call("later_method", params)
    assert core.asked == []


def test_errors_of_the_core_come_through() -> None:
    async def on_loop() -> None:
        await context(FakeContext(NotFound("no project 42"))).temps.get_project(42)

    with pytest.raises(NotFound, match="no project 42"):
        asyncio.run(on_loop())
    with pytest.raises(NotFound):
        context(FakeContext(NotFound("no"), on_loop=False)).temps.sync.get_project(42)


def test_a_blocking_call_on_the_event_loops_thread_is_refused() -> None:
    core = FakeContext(PROJECT, on_loop=True)
    with pytest.raises(RuntimeError, match=r"get_project.*would wait for itself.*await"):
        context(core).temps.sync.get_project(42)
    with pytest.raises(RuntimeError, match=r"api_call.*would wait for itself"):
        context(core).api_for(somebody()).sync.get("/api/projects")
    assert core.asked == []


def test_an_async_call_on_another_thread_is_refused() -> None:
    core = FakeContext(PROJECT, on_loop=False)
    with pytest.raises(RuntimeError, match=r"get_project.*another thread.*\.sync"):
        run(context(core).temps.get_project(42))
    with pytest.raises(RuntimeError, match=r"api_call.*another thread"):
        run(context(core).api_for(somebody()).get("/api/projects"))
    assert core.asked == []


def test_a_limit_of_ones_own_goes_with_every_call_and_leaves_the_original_alone() -> None:
    core = FakeContext([], on_loop=False)
    temps = context(core).temps
    patient = temps.with_timeout(90)
    patient.sync.list_projects()
    patient.with_timeout(None).sync.list_projects()
    temps.sync.list_projects()
    core.answer = {"status": 200}
    api = context(core).api_for(somebody()).with_timeout(2.5).sync
    api.get("/api/projects")
    assert [ask[-1] for ask in core.asked] == [90.0, None, None, 2.5]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "10", True])
def test_a_limit_that_is_no_time_is_refused(seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"with_timeout was given .*more than 0"):
        context(FakeContext()).temps.with_timeout(seconds)


# --- the platform's API -------------------------------------------------------------------------


def somebody() -> Any:
    return SimpleNamespace(user_id="7")


def sent(ask: Ask) -> Any:
    """The request that `ask` sends; the same from both clients."""
    loop_core = FakeContext({"status": 200, "body": "[]"})
    thread_core = FakeContext({"status": 200, "body": "[]"}, on_loop=False)
    who = somebody()

    async def on_loop() -> Any:
        return await ask(context(loop_core).api_for(who))

    answers = [asyncio.run(on_loop()), ask(context(thread_core).api_for(who).sync)]
    assert all((answer.status, answer.body) == (200, "[]") for answer in answers)
    [(_, caller_, text, _)] = loop_core.asked
    assert caller_ is who
    assert loop_core.asked == thread_core.asked
    return json.loads(text)


REQUESTS: list[tuple[Ask, Any]] = [
    (lambda a: a.get("/api/p"), {"method": "GET", "path": "/api/p"}),
    (
        lambda a: a.get("/api/p", query="page=1&x=%20"),
        {"method": "GET", "path": "/api/p", "query": "page=1&x=%20"},
    ),
    (
        lambda a: a.get("/api/p", query={"page": 1, "tag": ["a b", "c&d"]}),
        {"method": "GET", "path": "/api/p", "query": "page=1&tag=a+b&tag=c%26d"},
    ),
    (
        lambda a: a.post("/api/p", json={"name": "ä", "x": [1, None]}),
        {
            "method": "POST",
            "path": "/api/p",
            "body": {"kind": "json", "body": '{"name":"ä","x":[1,null]}'},
        },
    ),
    (
        lambda a: a.put("/api/p", json=None),
        {"method": "PUT", "path": "/api/p", "body": {"kind": "json", "body": "null"}},
    ),
    (
        lambda a: a.patch("/api/p", body={"kind": "json", "body": "{}"}),
        {"method": "PATCH", "path": "/api/p", "body": {"kind": "json", "body": "{}"}},
    ),
    (
        lambda a: a.patch("/api/p", body=ApiBodyJson(body="{}")),
        {"method": "PATCH", "path": "/api/p", "body": {"kind": "json", "body": "{}"}},
    ),
    (lambda a: a.delete("/api/p"), {"method": "DELETE", "path": "/api/p"}),
    (lambda a: a.request("TRACE", "/api/p"), {"method": "TRACE", "path": "/api/p"}),
    (
        lambda a: a.post(
            "/api/f",
            multipart=[
                part("note", "hello"),
                file("file", "a.bin", "application/octet-stream", b"\x00\x01\x02"),
                {"name": "x", "content": {"kind": "text", "value": "y"}},
            ],
        ),
        {
            "method": "POST",
            "path": "/api/f",
            "body": {
                "kind": "multipart",
                "body": [
                    {"name": "note", "content": {"kind": "text", "value": "hello"}},
                    {
                        "name": "file",
                        "filename": "a.bin",
                        "content_type": "application/octet-stream",
                        "content": {"kind": "binary", "value": "AAEC"},
                    },
                    {"name": "x", "content": {"kind": "text", "value": "y"}},
                ],
            },
        },
    ),
]


@pytest.mark.parametrize(("ask", "expected"), REQUESTS)
def test_each_request_has_the_form_of_the_protocol(ask: Ask, expected: Any) -> None:
    assert sent(ask) == expected


def test_a_request_has_one_body() -> None:
    api = context(FakeContext(on_loop=False)).api_for(somebody()).sync
    with pytest.raises(TypeError, match="one body; given were json and multipart"):
        api.post("/api/p", json={}, multipart=[])


def test_json_that_is_none_is_refused() -> None:
    api = context(FakeContext(on_loop=False)).api_for(somebody()).sync
    with pytest.raises(InvalidRequest, match="json cannot be written"):
        api.post("/api/p", json={"x": object()})


def test_nobody_is_nobody_to_act_for() -> None:
    with pytest.raises(NoActor, match="nobody is signed in"):
        context(FakeContext()).api_for(None)


@pytest.mark.parametrize("answer", [{"body": "x"}, {"status": 99}, {"status": "200"}, []])
def test_an_answer_of_another_shape_is_a_protocol_error(answer: Any) -> None:
    api = context(FakeContext(answer, on_loop=False)).api_for(somebody()).sync
    with pytest.raises(ProtocolError, match="api_call: the host's result"):
        api.get("/api/p")


def test_the_body_of_an_answer_is_text_and_may_be_json() -> None:
    answer = ApiResponse(404, '{"detail": "no"}')
    assert answer.json() == {"detail": "no"}
    assert "detail" not in repr(answer)
    with pytest.raises(ProtocolError, match="cannot be read as JSON"):
        ApiResponse(204).json()


def test_an_answer_without_a_body_has_an_empty_one() -> None:
    core = FakeContext({"status": 204}, on_loop=False)
    answer = context(core).api_for(somebody()).sync.delete("/api/p")
    assert (answer.status, answer.body) == (204, "")


# --- the context --------------------------------------------------------------------------------


def test_the_context_tells_what_the_plugin_knows_of_its_start() -> None:
    ctx = context(FakeContext())
    assert ctx.plugin_name == "shop-watch"
    assert ctx.data_dir == Path("/var/lib/temps/shop-watch")
    assert (ctx.dialect, ctx.host_api_url) == (2, "http://127.0.0.1:3000")
    assert ctx.host_data_dir is None
    assert ctx.auth_secret == "hush-hush"
    assert ctx.database_url is not None


def test_the_context_shows_no_secret() -> None:
    shown = repr(context(FakeContext()))
    assert "shop-watch" in shown
    assert "hush-hush" not in shown


def test_stopping_waits_for_the_core() -> None:
    core = FakeContext()
    run(context(core).stopping())
    assert core.asked == [("stopping",)]
