"""A plugin's life: its start, its process, what it prints, and how it stops."""

from __future__ import annotations

import json
import signal
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import SECRET, Hosted, Logs, RunApp, StartHosted, answer
from temps_plugin import Plugin, PluginContext
from temps_plugin.errors import TempsError
from temps_plugin.testing import RunningPlugin, TestPlugin
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import unix_connect

RunPlugin = Callable[..., RunningPlugin]
Scope = dict[str, Any]

HEAD = """
import asyncio, os, sys, time
from temps_plugin import Plugin

async def ok(send, body=b"ok"):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})

"""


def script(text: str) -> str:
    """A plugin's script: what all have in common, and `text`."""
    return HEAD + textwrap.dedent(text)


# --- stopping -------------------------------------------------------------------------------------

BUSY = script(
    """
    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            assert (await receive())["type"] == "lifespan.startup"
            await send({"type": "lifespan.startup.complete"})
            assert (await receive())["type"] == "lifespan.shutdown"
            print("lifespan: shutdown", flush=True)
            await send({"type": "lifespan.shutdown.complete"})
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            message = await receive()
            print("websocket:", message["type"], message["code"], flush=True)
        else:
            print("request: begun", flush=True)
            await plugin.ctx.stopping()
            await ok(send, b"finished")

    plugin = Plugin("busy", "1.0.0", app=app, channel_deadline=None)

    @plugin.on_event("*")
    async def handler(ctx, event):
        print("event: begun", flush=True)
        await ctx.stopping()
        print("event: ended", flush=True)

    @plugin.on_shutdown
    async def first(ctx):
        print("hook: shutdown", flush=True)

    @plugin.on_shutdown
    def second(ctx):
        print("second hook: shutdown", flush=True)

    if __name__ == "__main__":
        plugin.run()
"""
)

EVENT: dict[str, Any] = {
    "id": "00000000-0000-4000-8000-000000000001",
    "event_type": "deployment.created",
    "timestamp": "2026-06-06T12:00:00Z",
    "project_id": None,
    "data": {},
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_in_flight_finishes_before_the_process_does(number: int, host: StartHosted) -> None:
    hosted = host(BUSY)
    hosted.handshake()
    connection = hosted.dial()
    connection.start("GET", "/slow")
    hosted.wait_for("request: begun")
    assert hosted.post_event(EVENT) == 200
    hosted.wait_for("event: begun")
    signature = {"x-temps-auth-signature": SECRET}
    socket_path = str(hosted.socket_path)
    with unix_connect(socket_path, "ws://plugin/ws", additional_headers=signature) as web_socket:
        hosted.process.send_signal(number)
        with pytest.raises(ConnectionClosed):
            web_socket.recv(10)
        assert web_socket.close_code == 1001
    assert connection.getresponse().read() == b"finished"
    assert hosted.process.wait(10) == 0
    assert not hosted.socket_path.exists()
    order = ["event: ended", "hook: shutdown", "second hook: shutdown", "lifespan: shutdown"]
    printed = hosted.stderr_at_end()
    assert "websocket: websocket.disconnect 1001" in printed
    places = [printed.index(f"{text}\n") for text in order]
    assert places == sorted(places)
    connection.close()


HOLD = script(
    """
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        print("held", flush=True)
        while True:
            time.sleep(3600)

    Plugin("holds", "1.0.0", app=app, channel_deadline=None, drain=0.1).run()
"""
)


@pytest.fixture
def held(host: StartHosted) -> Iterator[Hosted]:
    """A plugin whose handler holds the event loop for ever."""
    hosted = host(HOLD)
    hosted.handshake()
    connection = hosted.dial()
    connection.start("GET", "/")
    hosted.wait_for("held")
    yield hosted
    connection.close()


def test_a_process_whose_loop_is_held_for_ever_still_ends(held: Hosted) -> None:
    assert held.stop() == 0
    printed = held.stderr_at_end()
    assert "broke off what was still in flight" in printed
    assert "broke off the shutdown hook" in printed


def test_a_second_signal_does_not_wait_for_a_loop_that_is_held(held: Hosted) -> None:
    held.process.send_signal(signal.SIGTERM)
    # Only once the first is known to have arrived: signals that wait are merged.
    held.wait_for("broke off what was still in flight")
    assert held.stop() == 143
    assert "broke off the shutdown hook" not in held.stderr_at_end()


def test_a_thread_that_never_ends_does_not_keep_the_process(host: StartHosted) -> None:
    hosted = host(
        script("""
    import threading

    plugin = Plugin("threads", "1.0.0", channel_deadline=None)

    @plugin.on_start
    def begin(ctx):
        threading.Thread(target=time.sleep, args=(3600,)).start()

    plugin.run()
    """)
    )
    hosted.handshake()
    assert hosted.stop() == 0


def test_a_task_that_refuses_to_be_cancelled_does_not_keep_the_process(host: StartHosted) -> None:
    hosted = host(
        script("""
    plugin = Plugin("stubborn", "1.0.0", channel_deadline=None)
    tasks = []

    async def stubborn():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                print("no", flush=True)

    @plugin.on_start
    async def begin(ctx):
        tasks.append(asyncio.ensure_future(stubborn()))

    plugin.run()
    """)
    )
    hosted.handshake()
    assert hosted.stop() == 0
    hosted.wait_for("author code holds the event loop")


def test_tasks_that_are_left_are_cancelled_and_generators_closed(host: StartHosted) -> None:
    hosted = host(
        script("""
    plugin = Plugin("leftovers", "1.0.0", channel_deadline=None)
    kept = []

    async def numbers():
        try:
            while True:
                yield 1
        finally:
            print("generator: closed", flush=True)

    async def wait():
        generator = numbers()
        kept.append(generator)
        await generator.__anext__()
        try:
            await asyncio.Event().wait()
        finally:
            print("task: cancelled", flush=True)

    @plugin.on_start
    async def begin(ctx):
        kept.append(asyncio.ensure_future(wait()))

    plugin.run()
    """)
    )
    hosted.handshake()
    assert hosted.stop() == 0
    printed = hosted.stderr_at_end()
    assert printed.index("task: cancelled") < printed.index("generator: closed")


# --- printing -------------------------------------------------------------------------------------

PRINTS = """
    print("before the import")
    import os, sys
    from temps_plugin import Plugin
    print("after the import", flush=True)
    os.write(1, b"by descriptor\\n")
    os.system("echo by a child")

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        print("while serving")
        sys.stdout.write("without a newline, ")
        sys.stdout.flush()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    plugin = Plugin("prints", "1.0.0", app=app, channel_deadline=None)
    print("before the run")
    plugin.run()
"""


@pytest.mark.parametrize("dialect", [1, 2])
def test_prints_never_reach_the_handshake(dialect: int, host: StartHosted) -> None:
    hosted = host(PRINTS, dialect=dialect)
    hosted.handshake()
    assert hosted.process.stdout is not None
    # As a host may do once it has read the last line.
    hosted.process.stdout.close()
    connection = hosted.dial()
    for _ in range(3):
        connection.start("GET", "/")
        assert connection.getresponse().read() == b"ok"
    connection.close()
    assert hosted.stop() == 0
    printed = hosted.stderr_at_end()
    for text in (
        "before the import",
        "after the import",
        "by descriptor",
        "by a child",
        "before the run",
        "while serving",
        "without a newline",
    ):
        assert text in printed


def test_nothing_but_two_lines_is_on_stdout(host: StartHosted) -> None:
    hosted = host(PRINTS)
    hosted.handshake()
    assert hosted.stop() == 0
    assert hosted.process.stdout is not None
    assert hosted.process.stdout.read() == ""


def test_logging_is_json_lines_on_stderr(host: StartHosted) -> None:
    hosted = host(
        script("""
    import logging
    plugin = Plugin("logs", "1.0.0", channel_deadline=None)

    @plugin.on_start
    async def begin(ctx):
        try:
            raise ValueError("on purpose")
        except ValueError:
            logging.getLogger("mine").exception("it %s", "failed")

    plugin.run()
    """)
    )
    hosted.handshake()
    line = json.loads(hosted.wait_for("it failed"))
    assert (line["level"], line["target"]) == ("ERROR", "mine")
    assert "ValueError: on purpose" in line["fields"]["exception"]
    assert hosted.stop() == 0
    for text in hosted.stderr_at_end().splitlines():
        assert json.loads(text)["timestamp"]


# --- starting -------------------------------------------------------------------------------------


def test_a_missing_argument_is_named_and_ends_the_process(host: StartHosted) -> None:
    hosted = host(script('Plugin("x", "1.0.0").run(["--socket-path", "/nowhere/p.sock"])'))
    assert hosted.process.wait(10) == 1
    assert "--data-dir" in hosted.stderr_at_end()


def test_a_bad_manifest_ends_the_process_and_names_every_field(host: StartHosted) -> None:
    hosted = host(script('Plugin("Bad Name", "one", health_path="x").run()'))
    assert hosted.process.wait(10) == 1
    printed = hosted.stderr_at_end()
    for text in ("name", "Bad Name", "version", "health_path"):
        assert text in printed
    assert hosted.process.stdout is not None
    assert hosted.process.stdout.read() == ""


def test_an_unknown_argument_is_ignored_with_a_warning(host: StartHosted) -> None:
    hosted = host(script('Plugin("x", "1.0.0", channel_deadline=None).run()'), "--newer", "thing")
    hosted.handshake()
    hosted.wait_for("WARN", "--newer")
    assert hosted.stop() == 0


def test_a_start_hook_that_fails_ends_the_process_with_its_words(host: StartHosted) -> None:
    hosted = host(
        script("""
    plugin = Plugin("fails", "1.0.0")

    @plugin.on_start
    def begin(ctx):
        raise RuntimeError("no database today")

    plugin.run()
    """)
    )
    with pytest.raises(AssertionError, match="no line on stdout"):
        hosted.handshake()
    assert hosted.process.wait(10) == 1
    hosted.wait_for("no database today")
    assert not hosted.socket_path.exists()


def test_a_host_that_never_opens_the_channel_is_given_up(host: StartHosted) -> None:
    hosted = host(script('Plugin("lonely", "1.0.0", channel_deadline=0.05).run()'))
    hosted.handshake()
    assert hosted.process.wait(10) == 1
    hosted.wait_for("no host opened the channel")


def test_start_hooks_run_in_order_before_the_plugin_is_ready(
    run_plugin: RunPlugin, tmp_path: Path
) -> None:
    plugin = Plugin("starts", "1.0.0")
    steps: list[str] = []

    @plugin.on_start
    async def first(ctx: PluginContext) -> None:
        assert ctx.data_dir.is_dir()
        steps.append("async")

    @plugin.on_start
    def second(ctx: PluginContext) -> None:
        assert threading.current_thread().name != "test-plugin"
        steps.append("plain")

    with pytest.raises(RuntimeError, match="has not started"):
        _ = plugin.ctx
    run_plugin(plugin, data_dir=tmp_path / "data")
    assert steps == ["async", "plain"]
    assert plugin.ctx.data_dir == tmp_path / "data"


def test_a_shutdown_hook_that_exits_does_not_stop_the_next(logs: Logs) -> None:
    plugin = Plugin("stops", "1.0.0")
    steps: list[str] = []

    @plugin.on_shutdown
    async def first(ctx: PluginContext) -> None:
        raise SystemExit("on purpose")

    @plugin.on_shutdown
    async def second(ctx: PluginContext) -> None:
        steps.append("second")

    with TestPlugin(plugin):
        pass
    assert steps == ["second"]
    logs.wait_for("ERROR", "a shutdown hook failed", "Traceback", "on purpose")


# --- lifespan -------------------------------------------------------------------------------------


def test_what_lifespan_leaves_in_its_state_is_in_every_request(run_app: RunApp) -> None:
    shut_down = threading.Event()

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            assert (await receive()) == {"type": "lifespan.startup"}
            scope["state"].update(shared=["in all requests"], number=1)
            await send({"type": "lifespan.startup.complete"})
            assert (await receive()) == {"type": "lifespan.shutdown"}
            shut_down.set()
            await send({"type": "lifespan.shutdown.complete"})
            return
        state = scope["state"]
        state["number"] += 1
        state["shared"].append("one more")
        await answer(send, json.dumps(state).encode())

    running = run_app(app)
    # The dict is the request's own, what is in it is not: a shallow copy, says the specification.
    one, two = ["in all requests", "one more"], ["in all requests", "one more", "one more"]
    assert running.get("/").json() == {"number": 2, "shared": one}
    assert running.get("/").json() == {"number": 2, "shared": two}
    running.stop()
    assert shut_down.is_set()


def test_a_startup_that_fails_ends_the_process_with_its_words(host: StartHosted) -> None:
    hosted = host(
        script("""
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database today"})

    Plugin("fails", "1.0.0", app=app).run()
    """)
    )
    with pytest.raises(AssertionError, match="no line on stdout"):
        hosted.handshake()
    assert hosted.process.wait(10) == 1
    hosted.wait_for("the application did not start: no database today")


def test_an_exit_at_startup_is_a_failed_start_not_a_missing_lifespan(run_app: RunApp) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await receive()
        raise SystemExit("no database today")

    with pytest.raises(TempsError, match="no database today"):
        run_app(app)


@pytest.mark.parametrize("leave", ["raise", "return"])
def test_an_application_without_lifespan_is_served(leave: str, run_app: RunApp) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            if leave == "raise":
                raise ValueError("what is a lifespan?")
            return
        await answer(send)

    running = run_app(app)
    assert running.get("/").text == "ok"
    running.stop()


@pytest.mark.parametrize("last", ["failed", "raise"])
def test_a_shutdown_that_fails_is_logged_and_ends_nothing_else(
    last: str, run_app: RunApp, logs: Logs
) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if last == "raise":
            raise RuntimeError("on purpose")
        await send({"type": "lifespan.shutdown.failed", "message": "on purpose"})

    run_app(app).stop()
    logs.wait_for("ERROR", "the application", "on purpose")


def test_a_plugin_without_an_application_answers_404(run_app: RunApp) -> None:
    running = run_app(None)
    assert running.get("/health").status == 200
    reply = running.get("/anything")
    assert (reply.status, reply.headers["content-type"]) == (404, "application/problem+json")
