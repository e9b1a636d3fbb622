"""What the tests of a running plugin share: clients over its socket, its logs, and a host."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from temps_plugin import Plugin
from temps_plugin.testing import RunningPlugin, fixtures

LIMIT = 30
"""Seconds after which a test that hangs fails. No test takes a noticeable part of it."""

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SECRET = "0123456789abcdef0123456789abcdef"


def pytest_configure(config: pytest.Config) -> None:
    # An installed package has it registered already.
    if not config.pluginmanager.is_registered(fixtures):
        config.pluginmanager.register(fixtures)


@pytest.fixture(autouse=True)
def no_test_hangs() -> Iterator[None]:
    def too_long(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"the test has not ended within {LIMIT} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


RunApp = Callable[..., RunningPlugin]


@pytest.fixture
def run_app(run_plugin: Callable[..., RunningPlugin]) -> RunApp:
    """Runs a plugin that is nothing but an application."""

    def run(app: Any, *, dialect: int = 2, **options: Any) -> RunningPlugin:
        return run_plugin(Plugin("test-plugin", "1.0.0", app=app, **options), dialect=dialect)

    return run


class Logs(logging.Handler):
    """What was logged, and waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._changed = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.levelname} {self.format(record)}"
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()

    def wait_for(self, *texts: str) -> str:
        """The first record with all these texts; its traceback counts as well."""

        def found() -> str | None:
            return next((line for line in self._lines if all(t in line for t in texts)), None)

        with self._changed:
            line = self._changed.wait_for(found, LIMIT / 2)
            assert line is not None, f"{texts} was not logged, but {self._lines}"
        return line

    @property
    def lines(self) -> list[str]:
        with self._changed:
            return list(self._lines)


@pytest.fixture
def logs() -> Iterator[Logs]:
    handler, logger = Logs(), logging.getLogger("temps_plugin")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


class UnixConnection(http.client.HTTPConnection):
    """`http.client` over a Unix socket, signed by the host."""

    def __init__(self, path: str | os.PathLike[str], secret: str) -> None:
        super().__init__("plugin")
        self._path = os.fspath(path)
        self._secret = secret

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)

    def start(self, method: str, path: str, body: Any = None, **headers: str) -> None:
        """Sends a request, signed; `getresponse` waits for the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.request(method, path, body, {**named, "x-temps-auth-signature": self._secret})

    def raw(self, method: str, path: str, *lines: str) -> socket.socket:
        """Sends a request's head by hand, signed; the socket is for the rest."""
        self.connect()
        signed = f"x-temps-auth-signature: {self._secret}"
        head = [f"{method} {path} HTTP/1.1", "host: plugin", signed, *lines, "", ""]
        self.sock.sendall("\r\n".join(head).encode())
        return self.sock


Dial = Callable[[RunningPlugin], UnixConnection]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Opens a connection to a plugin under test."""
    with contextlib.ExitStack() as stack:

        def connect(running: RunningPlugin) -> UnixConnection:
            connection = UnixConnection(running.socket_path, running.plugin.ctx.auth_secret)
            return stack.enter_context(contextlib.closing(connection))

        yield connect


def read_all(peer: socket.socket) -> bytes:
    """Everything until the peer closes."""
    pieces: list[bytes] = []
    with contextlib.suppress(ConnectionResetError):
        while piece := peer.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


class Hosted:
    """A plugin as a process of its own, with its host's side of the handshake done by hand."""

    def __init__(self, script: Path, socket_path: Path, dialect: int, *more: str) -> None:
        self.socket_path = socket_path
        self.dialect = dialect
        arguments = ["--socket-path", str(socket_path), "--data-dir", str(script.parent / "data")]
        if dialect == 1:
            arguments += ["--auth-secret", SECRET]
        self.process = subprocess.Popen(
            [sys.executable, str(script), *arguments, *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Empty but for where the package is, if it is not installed: hosts give no more.
            env={name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ},
            text=True,
        )
        self._lines: list[str] = []
        self._changed = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self._lines.append(line)
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def stdout_line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        assert text, f"no line on stdout, but on stderr: {self.stderr_at_end()}"
        line: dict[str, Any] = json.loads(text)
        return line

    def handshake(self) -> dict[str, Any]:
        """Walks it; what the plugin says when it is ready."""
        announced = self.stdout_line()
        assert announced["type"] == ("hello" if self.dialect == 2 else "manifest")
        assert self.process.stdin is not None
        if self.dialect == 2:
            config = {
                "protocol_version": 2,
                "auth_secret": SECRET,
                "database_url": None,
                "host_data_dir": None,
            }
            self.process.stdin.write(json.dumps(config) + "\n")
            self.process.stdin.flush()
        self.process.stdin.close()
        ready = self.stdout_line()
        assert ready["type"] == "ready"
        return ready

    def dial(self) -> UnixConnection:
        return UnixConnection(self.socket_path, SECRET)

    def post_event(self, event: dict[str, Any]) -> int:
        connection = self.dial()
        connection.start("POST", "/_events", json.dumps(event))
        status = connection.getresponse().status
        connection.close()
        return status

    def wait_for(self, *texts: str) -> str:
        """The first line on stderr with all these texts."""

        def found() -> str | bool:
            lines = (line for line in self._lines if all(text in line for text in texts))
            return next(lines, self._over)

        with self._changed:
            line = self._changed.wait_for(found, LIMIT / 2)
            assert isinstance(line, str), f"{texts} is not on stderr, but {self._lines}"
        return line

    def stderr_at_end(self) -> str:
        self._reader.join(LIMIT / 2)
        return "".join(self._lines)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tells the plugin to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(LIMIT)

    def memory(self) -> int:
        """The most resident memory it ever had, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


StartHosted = Callable[..., Hosted]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[StartHosted]:
    """Starts the plugin that a script's text makes, as a host does."""
    with contextlib.ExitStack() as stack:

        def start(source: str, *more: str, dialect: int = 2) -> Hosted:
            script = tmp_path / "plugin.py"
            script.write_text(textwrap.dedent(source))
            hosted = Hosted(script, tmp_path / "p.sock", dialect, *more)
            return stack.enter_context(contextlib.closing(hosted))

        yield start


async def answer(send: Any, body: bytes = b"ok", status: int = 200, **more: Any) -> None:
    """A whole answer, as an ASGI application sends it."""
    await send({"type": "http.response.start", "status": status, "headers": [], **more})
    await send({"type": "http.response.body", "body": body})


def piece(body: bytes, *, more: bool = True) -> dict[str, Any]:
    """A piece of a body."""
    return {"type": "http.response.body", "body": body, "more_body": more}


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """The head of an answer."""
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def http_only(act: Callable[[Receive, Send], Awaitable[None]]) -> Any:
    """An application without lifespan whose `/ok` is well behaved, while the rest does `act`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if scope["path"] == "/ok":
            await answer(send)
        else:
            await act(receive, send)

    return app
