"""`temps_plugin.testing`: what authors write their tests with."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import answer
from temps_plugin import Plugin, PluginContext, PluginEvent, caller
from temps_plugin.errors import (
    CallTimeout,
    Disconnected,
    InternalError,
    NotFound,
    PermissionDenied,
    RemoteError,
    TempsError,
)
from temps_plugin.testing import (
    RunningPlugin,
    TestPlatform,
    TestPlugin,
    TestUser,
    deployment,
    environment,
    event,
    project,
)

RunPlugin = Callable[..., RunningPlugin]
Scope = dict[str, Any]


async def mirror(scope: Scope, receive: Any, send: Any) -> None:
    """Answers with what it was sent."""
    assert scope["type"] == "http"
    body, more = b"", True
    while more:
        message = await receive()
        body += message["body"]
        more = message["more_body"]
    head = [(b"x-method", scope["method"].encode()), (b"x-many", b"1"), (b"X-Many", b"2")]
    sent = dict(scope["headers"])
    head.append((b"x-content-type", sent.get(b"content-type", b"")))
    await send({"type": "http.response.start", "status": 201, "headers": head})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def plugin() -> Plugin:
    return Plugin("test-plugin", "1.0.0", app=mirror)


@pytest.mark.parametrize("dialect", [1, 2])
def test_a_plugin_runs_in_either_dialect(dialect: int, plugin: Plugin) -> None:
    with TestPlugin(plugin, dialect=dialect) as running:
        assert plugin.ctx.dialect == dialect
        assert running.manifest.name == "test-plugin"
        assert running.ready["has_ui"] is False
        assert running.data_dir == plugin.ctx.data_dir
        assert running.socket_path.is_socket()
        assert running.get("/health").json() == {"status": "ok"}
    assert not running.socket_path.exists()


def test_an_unknown_dialect_is_refused(plugin: Plugin) -> None:
    with pytest.raises(ValueError, match="dialect is 3; allowed: 1, 2"):
        TestPlugin(plugin, dialect=3).start()


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_every_method_has_its_shorthand(method: str, plugin: Plugin, run_plugin: RunPlugin) -> None:
    reply = getattr(run_plugin(plugin), method)("/", body=b"bytes")
    assert reply.status == 201
    assert reply.headers["X-Method"] == method.upper()
    assert reply.headers.get_all("x-many") == ["1", "2"]
    assert (reply.body, reply.text) == (b"bytes", "bytes")


def test_json_goes_out_and_comes_in(plugin: Plugin, run_plugin: RunPlugin) -> None:
    running = run_plugin(plugin)
    reply = running.post("/", json={"a": [1, None]})
    assert reply.json() == {"a": [1, None]}
    assert reply.headers["x-content-type"] == "application/json"
    assert running.post("/", json=None).body == b"null"
    with pytest.raises(ValueError, match=r"TestResponse\(201, 'neither'\) is no JSON"):
        running.post("/", body=b"neither").json()


def test_a_user_is_the_caller(run_plugin: RunPlugin) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        found = caller(scope)
        text = "nobody" if found is None else f"{found.email} {found.role} {found.permissions}"
        await answer(send, text.encode())

    running = run_plugin(Plugin("who", "1.0.0", app=app))
    assert running.get("/").text == "nobody"
    user = TestUser("7", "ada@example.org", role="reader", permissions=["a:b", "c:d"])
    assert running.get("/", user=user).text == "ada@example.org reader ('a:b', 'c:d')"
    assert running.get("/", user=user, signed=False).status == 401


def test_the_platform_answers_from_what_it_holds(run_plugin: RunPlugin) -> None:
    plugin = Plugin("asks", "1.0.0")
    answers: list[object] = []

    @plugin.on_event("*")
    async def ask(ctx: PluginContext, event: PluginEvent) -> None:
        temps = ctx.temps
        answers.append([found.name for found in await temps.list_projects()])
        answers.append((await temps.get_environment(3)).name)
        answers.append((await temps.get_last_deployment(7)).id)
        answers.append((await temps.generate_ai("test", "echo")).text)
        with pytest.raises(NotFound):
            await temps.get_project(8)

    platform = TestPlatform(
        projects=[project(7, "shop")],
        environments=[environment(3, 7, "production")],
        deployments=[deployment(1, 7, 3), deployment(2, 7, 3)],
    )
    running = run_plugin(plugin, platform=platform)
    assert running.platform.calls == []
    running.deliver(event("a.b"))
    assert answers == [["shop"], "production", 2, "echo"]
    assert [call.method for call in running.platform.calls] == [
        "list_projects",
        "get_environment",
        "get_last_deployment",
        "generate_ai",
        "get_project",
    ]
    assert platform.calls[-1].params == {"project_id": 8}


def ask_for_project(outcomes: list[object], timeout: float = 5.0) -> Plugin:
    """A plugin that asks for a project on every event, and keeps what came of it."""
    plugin = Plugin("asks", "1.0.0")

    @plugin.on_event("*")
    async def ask(ctx: PluginContext, event: PluginEvent) -> None:
        try:
            outcomes.append((await ctx.temps.with_timeout(timeout).get_project(7)).name)
        except TempsError as error:
            outcomes.append(error)

    return plugin


def test_an_answer_may_be_replaced_by_another(run_plugin: RunPlugin) -> None:
    outcomes: list[object] = []
    running = run_plugin(ask_for_project(outcomes))
    asked: list[dict[str, Any]] = []

    def made_up(params: dict[str, Any]) -> object:
        asked.append(params)
        return project(params["project_id"], "made up")

    running.platform.on("get_project", made_up)
    running.deliver(event("a.b"))
    assert (outcomes, asked) == (["made up"], [{"project_id": 7}])


def test_an_answer_may_be_a_refusal(run_plugin: RunPlugin) -> None:
    outcomes: list[Any] = []
    running = run_plugin(ask_for_project(outcomes))

    def refuse(error: Exception) -> Callable[[dict[str, Any]], object]:
        def answer(params: dict[str, Any]) -> object:
            raise error

        return answer

    running.platform.on("get_project", refuse(PermissionDenied("not for you")))
    running.deliver(event("a.b"))
    assert isinstance(outcomes[0], PermissionDenied)
    assert outcomes[0].message == "not for you"
    running.platform.on("get_project", refuse(RemoteError("slow down", "rate_limited")))
    running.deliver(event("a.b"))
    assert (outcomes[1].code, type(outcomes[1])) == ("rate_limited", RemoteError)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_answer_that_fails_is_an_internal_error(run_plugin: RunPlugin) -> None:
    outcomes: list[object] = []
    running = run_plugin(ask_for_project(outcomes))
    running.platform.on("get_project", lambda params: params["no such key"])
    running.deliver(event("a.b"))
    assert isinstance(outcomes[0], InternalError)
    assert "no such key" in str(outcomes[0])


def test_a_call_may_stay_unanswered(run_plugin: RunPlugin) -> None:
    outcomes: list[object] = []
    running = run_plugin(ask_for_project(outcomes, timeout=0.01))
    running.platform.ignore("get_project")
    running.deliver(event("a.b"))
    assert isinstance(outcomes[0], CallTimeout)


def test_a_call_that_does_not_exist_cannot_be_replaced() -> None:
    with pytest.raises(ValueError, match=r"get_projects.*allowed: get_project, "):
        TestPlatform().on("get_projects", lambda params: None)
    with pytest.raises(ValueError, match="get_projects"):
        TestPlatform().ignore("get_projects")


def test_the_channel_can_be_lost_and_found(run_plugin: RunPlugin) -> None:
    outcomes: list[object] = []
    platform = TestPlatform(projects=[project(7, "shop")])
    running = run_plugin(ask_for_project(outcomes), platform=platform)
    running.drop_channel()
    with pytest.raises(Disconnected):
        running.deliver(event("a.b"))
    running.open_channel()
    running.deliver(event("a.b"))
    assert outcomes == ["shop"]


def test_the_same_plugin_runs_again(plugin: Plugin, tmp_path: Path) -> None:
    handled: list[str] = []

    @plugin.on_event("*")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None:
        handled.append(ctx.data_dir.name)

    for _ in range(3):
        with TestPlugin(plugin, data_dir=tmp_path / "kept") as running:
            (running.data_dir / "file").touch()
            running.deliver(event("a.b"))
    assert handled == ["kept"] * 3
    assert (tmp_path / "kept" / "file").exists()


def test_a_run_leaves_neither_threads_nor_descriptors_behind(plugin: Plugin) -> None:
    def left() -> tuple[int, int]:
        gc.collect()
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    def once() -> None:
        with TestPlugin(plugin) as running:
            assert running.get("/").status == 201

    once()
    before = left()
    for _ in range(5):
        once()
    threads, descriptors = left()
    assert threads <= before[0]
    # Threads of the last run may still be about to end.
    assert descriptors <= before[1] + 3


def test_a_plugin_can_be_let_go() -> None:
    plugin = Plugin("short-lived", "1.0.0")
    with TestPlugin(plugin):
        pass
    gone = weakref.ref(plugin)
    del plugin
    gc.collect()
    assert gone() is None


def test_the_arguments_of_a_start_reach_the_plugin(run_plugin: RunPlugin, tmp_path: Path) -> None:
    plugin = Plugin("starts", "1.0.0", requires_db=True)
    run_plugin(
        plugin,
        data_dir=tmp_path / "data",
        socket_path=tmp_path / "p.sock",
        database_url="postgres://localhost/test",
        arguments=["--host-api-url", "http://127.0.0.1:3000"],
    )
    ctx = plugin.ctx
    assert ctx.data_dir == tmp_path / "data"
    assert (tmp_path / "p.sock").is_socket()
    assert ctx.database_url == "postgres://localhost/test"
    assert ctx.host_api_url == "http://127.0.0.1:3000"


def test_a_plugin_that_cannot_start_says_why(plugin: Plugin) -> None:
    @plugin.on_start
    async def fail(ctx: PluginContext) -> None:
        raise RuntimeError("no database today")

    with pytest.raises(TempsError, match="RuntimeError: no database today"):
        TestPlugin(plugin).start()
    with pytest.raises(ValueError, match="Bad Name"):
        TestPlugin(Plugin("Bad Name", "1.0.0")).start()
    with pytest.raises(ValueError, match="app is a int"):
        TestPlugin(Plugin("x", "1.0.0", app=7)).start()


def test_the_error_of_a_test_is_not_hidden_by_that_of_the_stop(plugin: Plugin) -> None:
    with pytest.raises(KeyError, match="the test's own"), TestPlugin(plugin) as running:
        running.stop()
        running.stop()
        raise KeyError("the test's own")


def test_a_stopped_plugin_answers_nothing(plugin: Plugin) -> None:
    with TestPlugin(plugin) as running:
        pass
    with pytest.raises(Disconnected, match="was stopped"):
        running.get("/")
    with pytest.raises(Disconnected, match="was stopped"):
        running.deliver(event("a.b"))


def test_a_delivery_gives_up_when_the_plugin_is_told_to_stop(run_plugin: RunPlugin) -> None:
    plugin = Plugin("waits", "1.0.0")
    entered, ended = threading.Event(), threading.Event()

    @plugin.on_event("*")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None:
        entered.set()
        await ctx.stopping()
        ended.set()

    running = run_plugin(plugin)
    outcomes: list[object] = []

    def deliver() -> None:
        try:
            running.deliver(event("a.b"))
        except TempsError as error:
            outcomes.append(error)

    thread = threading.Thread(target=deliver)
    thread.start()
    assert entered.wait(10)
    running.stop()
    thread.join()
    assert ended.is_set()
    assert isinstance(outcomes[0], Disconnected)


def test_waiting_on_the_plugins_own_loop_is_refused(run_plugin: RunPlugin) -> None:
    plugin = Plugin("waits", "1.0.0")
    outcomes: list[Exception] = []

    @plugin.on_event("*")
    async def handler(ctx: PluginContext, event: PluginEvent) -> None:
        for wait in (lambda: running.get("/health"), running.stop, running.drop_channel):
            with pytest.raises(RuntimeError, match="wait for itself") as caught:
                wait()
            outcomes.append(caught.value)

    running = run_plugin(plugin)
    running.deliver(event("a.b"))
    assert len(outcomes) == 3


def test_requests_may_be_sent_from_many_threads(plugin: Plugin, run_plugin: RunPlugin) -> None:
    running = run_plugin(plugin)
    replies: list[bytes] = []

    def post(number: int) -> None:
        replies.append(running.post("/", body=b"%d" % number).body)

    threads = [threading.Thread(target=post, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == sorted(b"%d" % n for n in range(16))


def test_samples_can_be_changed_and_events_have_ids_of_their_own() -> None:
    shop = project(7, "shop")
    shop.main_branch = "develop"
    shop.validate()
    assert event("a.b").id != event("a.b").id
    assert event("a.b", {"project_id": 7}).project_id == 7
    assert event("a.b").project_id is None


@pytest.mark.parametrize("module", ["temps_plugin.testing", "temps_plugin"])
def test_pytest_is_not_imported_where_it_is_not_needed(module: str) -> None:
    code = f"import sys, {module}; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_pytest_takes_nothing_of_it_for_a_test(tmp_path: Path) -> None:
    # As if the package were installed, for a run from its source.
    (tmp_path / "conftest.py").write_text("from temps_plugin.testing.fixtures import run_plugin\n")
    (tmp_path / "test_author.py").write_text(
        "from temps_plugin import Plugin\n"
        "from temps_plugin.testing import *\n"
        "def test_it(run_plugin):\n"
        "    running = run_plugin(Plugin('x', '1.0.0'))\n"
        "    assert running.get('/health').status == 200\n"
    )
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert finished.returncode == 0, finished.stdout
    assert "1 passed" in finished.stdout
