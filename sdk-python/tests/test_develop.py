"""`python -m temps_plugin run`: the small host it is, against a plugin made by hand."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from temps_plugin import develop

FIXTURE = Path(__file__).with_name("develop_fixture.py")
URL = re.compile(r"http://127\.0\.0\.1:(\d+)/api/x/fixture/$")
SECONDS = 30


class Developer:
    """One `run`, seen from the terminal and the browser."""

    def __init__(self, plugin: Path, *options: str, **environment: str) -> None:
        command = [sys.executable, "-m", "temps_plugin", "run", str(plugin), "--port", "0"]
        package = str(Path(develop.__file__).parents[1])
        self.plugin = plugin
        self.process = subprocess.Popen(
            [*command, *options],
            env={**os.environ, "PYTHONPATH": package, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = 0
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()

    def wait_for_line(self, pattern: str, count: int = 1) -> re.Match[str]:
        """The ``count``-th line with ``pattern`` in it, now or later."""

        def matches() -> list[re.Match[str]]:
            return [found for line in self.lines if (found := re.search(pattern, line))]

        with self._news:
            came = self._news.wait_for(lambda: len(matches()) >= count, SECONDS)
            assert came, f"no line with {pattern!r} among {self.lines}"
            return matches()[count - 1]

    def wait_until_up(self, count: int = 1) -> None:
        self.port = int(self.wait_for_line(URL.pattern, count)[1])

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, Any]:
        """The status and the JSON of an answer; ``_`` in header names stands for ``-``."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text) if text else None

    def state(self) -> dict[str, Any]:
        status, state = self.ask("/api/x/fixture/state")
        assert status == 200, state
        return cast("dict[str, Any]", state)

    def state_when(self, reached: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """The plugin's state once it is as wanted."""
        deadline = time.monotonic() + SECONDS
        while not reached(state := self.state()):
            assert time.monotonic() < deadline, f"not reached: {state}"
        return state

    def connect(self, request: str) -> socket.socket:
        """A connection on which a request without a body has been sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        connection.sendall(
            f"{request} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n".encode() + b"\r\n"
        )
        return connection

    def stop(self, number: int = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(SECONDS)
        self._reader.join(SECONDS)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "plugin.py"
    shutil.copy(FIXTURE, file)
    return file


@contextlib.contextmanager
def running(plugin: Path, *options: str, **environment: str) -> Generator[Developer]:
    developer = Developer(plugin, *options, **environment)
    try:
        yield developer
    finally:
        developer.stop()


@pytest.fixture
def developer(plugin: Path) -> Iterator[Developer]:
    with running(plugin) as developer:
        developer.wait_until_up()
        yield developer


def receive(connection: socket.socket, end: bytes) -> bytes:
    received = b""
    while not received.endswith(end):
        piece = connection.recv(1000)
        assert piece, f"closed after {received!r}"
        received += piece
    return received


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("dialect", ["1", "2"])
def test_requests_come_from_a_signed_in_user(plugin: Path, dialect: str) -> None:
    options = ("--role", "reader", "--permissions", "projects:read,x")
    with running(plugin, "--dialect", dialect, *options) as developer:
        developer.wait_until_up()
        path = "/api/x/fixture/a%20b/c?d=%2F&e"
        own = {"X_Temps_User_Id": "9", "Cookie": "a=b", "Authorization": "x", "X_Other": "kept"}
        status, seen = developer.ask(path, "PUT", "body", **own)
    assert (status, seen["method"], seen["target"]) == (200, "PUT", "/a%20b/c?d=%2F&e")
    headers = dict(seen["headers"])
    assert len(headers) == len(seen["headers"]), "no header is there twice"
    assert headers["x-temps-plugin"] == "fixture"
    assert headers["x-temps-user-id"] == "1"
    assert headers["x-temps-user-email"] == "developer@localhost"
    assert headers["x-temps-user-role"] == "reader"
    assert headers["x-temps-user-permissions"] == "projects:read,x"
    assert headers["x-other"] == "kept"
    assert re.fullmatch(r"[0-9a-f]{64}", headers["x-temps-auth-signature"])
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-temps-request-id"])
    assert ("x-temps-actor-token" in headers) == (dialect == "2")
    assert not {"cookie", "authorization"} & headers.keys()


def test_the_launch_line_and_the_data_directory(developer: Developer) -> None:
    data = developer.plugin.parent / ".temps" / "plugin"
    line = json.loads((data / "launch.json").read_text())
    _, seen = developer.ask("/api/x/fixture/")
    assert line == {
        "protocol_version": 2,
        "auth_secret": dict(seen["headers"])["x-temps-auth-signature"],
        "database_url": None,
        "host_data_dir": None,
    }
    assert (data.parent / ".gitignore").read_text() == "*\n"


def test_a_database_is_asked_for_and_passed_on(plugin: Path) -> None:
    with running(plugin, NEEDS_DB="1") as developer:
        developer.wait_for_line("error: its manifest has requires_db; .*--database-url")
    with running(plugin, "--database-url", "postgres://x", NEEDS_DB="1") as developer:
        developer.wait_until_up()
    line = json.loads((plugin.parent / ".temps" / "plugin" / "launch.json").read_text())
    assert line["database_url"] == "postgres://x"


@pytest.mark.parametrize(
    "path",
    [
        "/_events",
        "/_temps/channel",
        "/%5ftemps/channel",
        "/a/../_events",
        "//_events",
        "/%255fevents",
    ],
)
def test_what_is_the_platforms_own_is_not_passed_on(developer: Developer, path: str) -> None:
    status, problem = developer.ask(f"/api/x/fixture{path}", "POST", "{}")
    assert (status, problem["title"]) == (404, "Not Found")


def test_other_paths_lead_to_the_plugin(developer: Developer) -> None:
    status, problem = developer.ask("/api/x/fixtures")
    assert (status, problem["detail"]) == (404, "The plugin is at /api/x/fixture/.")
    answer = receive(developer.connect("GET /"), b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 307 ")
    assert b"\r\nlocation: /api/x/fixture/ui/\r\n" in answer


def test_other_web_pages_may_not_ask(developer: Developer) -> None:
    path = "/api/x/fixture/"
    assert developer.ask(path, "POST", "", Origin="http://evil.example")[0] == 403
    assert developer.ask(path, Host="evil.example")[0] == 403
    own = f"http://127.0.0.1:{developer.port}"
    assert developer.ask(path, "POST", "", Origin=own)[0] == 200


@pytest.mark.parametrize(
    "request_text",
    ["GET /x\r\nbad header", "GET x", "GET /x y", "GET /x HTTP/1.1\r\na: b\nx-temps-user-id: 9"],
)
def test_what_is_no_request_is_answered_with_400(developer: Developer, request_text: str) -> None:
    connection = developer.connect(request_text)
    assert receive(connection, b"}").startswith(b"HTTP/1.1 400 ")
    connection.close()


def test_bodies_stream_both_ways(developer: Developer) -> None:
    connection = developer.connect("POST /api/x/fixture/upload")
    receive(connection, b"\r\n\r\n")
    for piece in (b"one", b"two", b"end."):
        connection.sendall(piece)
        assert receive(connection, piece) == piece
    assert connection.recv(10) == b""
    connection.close()


def test_an_upgraded_connection_carries_bytes_both_ways(developer: Developer) -> None:
    connection = developer.connect("GET /api/x/fixture/upgrade")
    assert receive(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
    for piece in (b"ping", b"pong"):
        connection.sendall(piece)
        assert receive(connection, piece.upper()) == piece.upper()
    connection.close()


def test_an_upgrade_is_asked_for_and_anything_else_closes(developer: Developer) -> None:
    _, seen = developer.ask("/api/x/fixture/a", Connection="Upgrade", Upgrade="websocket")
    headers = dict(seen["headers"])
    assert (headers["connection"], headers["upgrade"]) == ("upgrade", "websocket")
    _, seen = developer.ask("/api/x/fixture/a", Connection="keep-alive")
    assert dict(seen["headers"])["connection"] == "close"


def test_the_plugin_learns_that_a_caller_has_left(developer: Developer) -> None:
    connection = developer.connect("GET /api/x/fixture/endless")
    receive(connection, b"here")
    assert developer.state()["left"] == 0
    connection.close()
    developer.state_when(lambda state: state["left"] == 1)


def test_an_answer_that_leaves_the_body_unread_arrives(developer: Developer) -> None:
    for _ in range(50):
        assert developer.ask("/api/x/fixture/a", "POST", "x" * 10_000)[0] == 200


def test_a_plugin_that_gives_no_answer_is_a_bad_gateway(developer: Developer) -> None:
    status, problem = developer.ask("/api/x/fixture/silent")
    assert (status, problem["detail"]) == (502, "The plugin gave no answer.")


@pytest.mark.parametrize("dialect", ["1", "2"])
def test_calls_are_answered_and_events_delivered(plugin: Path, dialect: str) -> None:
    with running(plugin, "--dialect", dialect) as developer:
        developer.wait_until_up()
        assert developer.ask("/api/x/fixture/ping")[1] == {"pong": "are you there"}
        _, reply = developer.ask("/api/x/fixture/call")
        error = reply["error"] if dialect == "1" else reply["outcome"]["err"]
        assert (reply["type"], reply["id"], error["code"]) == ("response", 5, "internal")
        given = {"event_type": "deployment.ready", "project_id": 7, "data": {"n": "x" * 200}}
        status, sent = developer.ask("/events", "POST", json.dumps(given))
        assert (status, {**sent, **given}) == (202, sent)
        state = developer.state_when(lambda state: state["events"])
        assert state["events"] == [sent]
        assert set(sent) == {"id", "event_type", "timestamp", "project_id", "data"}


def test_what_is_no_event_is_refused(developer: Developer) -> None:
    assert developer.ask("/events", "POST", "{")[0] == 400
    assert developer.ask("/events", "POST", '{"event_type": 1}')[0] == 400
    assert developer.state()["events"] == []


def test_a_lost_channel_is_dialled_again(developer: Developer) -> None:
    developer.ask("/api/x/fixture/ping")
    developer.ask("/api/x/fixture/drop")
    event = json.dumps({"event_type": "project.created"})

    def delivered(state: dict[str, Any]) -> bool:
        developer.ask("/events", "POST", event)
        return bool(state["events"])

    # One that was sent just before the loss is gone with the channel.
    developer.state_when(delivered)
    assert developer.ask("/api/x/fixture/ping")[1] == {"pong": "are you there"}


def test_a_change_starts_it_again(developer: Developer) -> None:
    before = developer.state()
    developer.plugin.write_text(FIXTURE.read_text().replace('"1.0.0"', '"1.0.1"'))
    developer.wait_for_line("starting again: plugin.py changed")
    # The request waits for the new plugin.
    after = developer.state()
    assert (before["version"], after["version"]) == ("1.0.0", "1.0.1")
    assert not is_alive(before["pid"])
    assert (developer.plugin.parent / ".temps" / "plugin" / "stopped").exists()


def test_a_plugin_that_ends_is_reported_and_started_after_a_change(developer: Developer) -> None:
    developer.ask("/api/x/fixture/exit")
    developer.wait_for_line("error: it ended with status 7")
    status, problem = developer.ask("/api/x/fixture/state")
    assert status == 502
    assert problem["detail"] == "The plugin is not running: it ended with status 7."
    (developer.plugin.parent / "more.py").write_text("")
    developer.wait_until_up(count=2)
    assert developer.state()["version"] == "1.0.0"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("raise SystemExit(3)", "it ended with status 3 before its hello line"),
        ("import os; os.kill(os.getpid(), 9)", "it ended with signal SIGKILL before its hello"),
        ("print('hi')", "a JSON object of type 'hello' was due on stdout, not 'hi'"),
        ("print('[]')", "a JSON object of type 'hello' was due on stdout"),
        (
            'print(\'{"type":"manifest"}\')',
            "a line of type 'hello' was due, not 'manifest'; it speaks the other dialect, see",
        ),
        ('print(\'{"type":"hello"}\')', '"protocol_version" is None in its hello line'),
        (
            'print(\'{"type":"hello","protocol_version":2,"manifest":{"name":"A b"}}\')',
            "the manifest's name is 'A b'; it has to be words of a-z",
        ),
        ("print('x' * 3_000_000)", "its hello line is longer than 2097152 bytes"),
    ],
)
def test_a_plugin_that_fails_the_handshake_is_told_why(
    plugin: Path, source: str, message: str
) -> None:
    plugin.write_text(source)
    with running(plugin) as developer:
        developer.wait_for_line(re.escape(f"error: {message}"))
        developer.wait_for_line("change a file to start it again")


def test_stray_output_is_reported(developer: Developer) -> None:
    developer.ask("/api/x/fixture/print")
    developer.wait_for_line("wrote to its real standard output after ready: 'stray'")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_the_plugin_and_leaves_nothing(plugin: Path, number: int) -> None:
    with running(plugin) as developer:
        developer.wait_until_up()
        pid = developer.state()["pid"]
        assert developer.stop(number) == 0
    assert not is_alive(pid)
    assert (plugin.parent / ".temps" / "plugin" / "stopped").exists()
    assert not [line for line in developer.lines if "Traceback" in line]


def test_a_second_signal_ends_a_plugin_that_does_not_stop(plugin: Path) -> None:
    plugin.write_text(FIXTURE.read_text().replace("stop.set)", "print, 'asked to')"))
    with running(plugin) as developer:
        developer.wait_until_up()
        pid = developer.state()["pid"]
        developer.process.send_signal(signal.SIGINT)
        developer.wait_for_line("output after ready: 'asked to'")
        assert developer.stop() == 0
    assert not is_alive(pid)
    assert not [line for line in developer.lines if "did not stop" in line]


def test_what_cannot_run_at_all_exits_with_1(plugin: Path, developer: Developer) -> None:
    missing = Developer(plugin.with_name("nosuch.py"))
    assert missing.stop(0) == 1
    assert missing.lines == [f"error: there is no file {plugin.with_name('nosuch.py')}"]
    second = Developer(plugin, "--port", str(developer.port))
    assert second.stop(0) == 1
    assert second.lines == [f"error: port {developer.port} is taken; choose another with --port"]


@pytest.mark.parametrize("options", [["--port", "70000"], ["--dialect", "3"], ["--role", "king"]])
def test_wrong_arguments_exit_with_2(plugin: Path, options: list[str]) -> None:
    developer = Developer(plugin, *options)
    assert developer.stop(0) == 2
