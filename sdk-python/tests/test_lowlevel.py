"""The handshake by hand: `emit_manifest`, `emit_ready` and `run_server`."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import SECRET, StartHosted

OWN_SERVER = """
import http.server, os, signal, socketserver, sys
from temps_plugin import NavEntry, PluginManifest, emit_manifest, emit_ready

print("before anything is written")
manifest = PluginManifest(
    name="by-hand",
    version="1.0.0",
    events=["deployment.succeeded"],
    nav=[NavEntry(label="X", icon="x", section="platform", path="/by-hand", order=1)],
)
launch = emit_manifest(manifest)
print("between the lines")


class Answer(http.server.BaseHTTPRequestHandler):
    def address_string(self):
        return "host"

    def do_GET(self):
        told = self.headers["x-temps-auth-signature"] == launch.auth_secret
        self.send_response(200 if told else 401)
        self.end_headers()
        self.wfile.write(f"{launch.dialect} {launch!r}".encode())


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
with socketserver.UnixStreamServer(launch.socket_path, Answer) as server:
    emit_ready(has_ui=False)
    emit_ready(has_ui=False)
    server.serve_forever()
"""


@pytest.mark.parametrize("dialect", [1, 2])
def test_an_author_may_run_a_server_of_their_own(host: StartHosted, dialect: int) -> None:
    hosted = host(OWN_SERVER, dialect=dialect)
    ready = hosted.handshake()
    assert ready["has_ui"] is False
    connection = hosted.dial()
    connection.start("GET", "/")
    response = connection.getresponse()
    body = response.read().decode()
    assert (response.status, body.split()[0]) == (200, str(dialect))
    assert SECRET not in body
    connection.close()
    assert hosted.stop() == 0
    assert "between the lines" in hosted.stderr_at_end()


RUN_SERVER = """
from temps_plugin import PluginManifest, emit_manifest, run_server


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


async def on_event(ctx, event):
    print("got", event.event_type, "for", ctx.plugin_name)


emit_manifest(PluginManifest(name="by-hand", version="1.0.0", events=["*"]))
run_server(app, on_event=on_event)
"""


@pytest.mark.parametrize("dialect", [1, 2])
def test_the_sdk_can_serve_what_was_announced_by_hand(host: StartHosted, dialect: int) -> None:
    hosted = host(RUN_SERVER, dialect=dialect)
    hosted.handshake()
    connection = hosted.dial()
    connection.start("GET", "/there")
    assert connection.getresponse().read() == b"/there"
    connection.close()
    event: dict[str, Any] = {
        "id": "5f0c9f0e-6a37-4f0e-9d1c-0d6b8c1a7e42",
        "event_type": "deployment.succeeded",
        "timestamp": "2026-01-02T00:00:00Z",
        "data": {},
    }
    assert hosted.post_event(event) in (200, 202, 204)
    hosted.wait_for("got deployment.succeeded for by-hand")
    assert hosted.stop() == 0


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        ("emit_ready()", "emit_ready out of turn: emit_manifest comes first"),
        ("run_server()", "run_server out of turn: emit_manifest comes first"),
        ("emit_manifest(M); emit_manifest(M)", "emit_manifest was called before"),
        ("emit_manifest(PluginManifest(name='Bad Name', version='1.0.0'))", "Bad Name"),
        ("emit_manifest(M, ['--socket-path', '/p.sock'])", "--data-dir"),
    ],
)
def test_calls_out_of_turn_say_so(host: StartHosted, calls: str, words: str) -> None:
    names = "PluginManifest, emit_manifest, emit_ready, run_server"
    made = 'M = PluginManifest(name="by-hand", version="1.0.0")'
    hosted = host(f"from temps_plugin import {names}\n{made}\n{calls}\n", dialect=1)
    assert hosted.process.wait(20) != 0
    assert words in hosted.stderr_at_end()
