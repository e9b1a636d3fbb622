"""A small plugin of dialect 1 for the tests of the requests profile, sound unless told otherwise:
`stub_plugin.py --defect NAME …`. It knows only what those tests need."""

import base64
import hashlib
import json
import os
import signal
import socketserver
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler

ARGS = dict(zip(sys.argv[1::2], sys.argv[2::2]))
DEFECT = ARGS.get("--defect", "")
SECRET, SOCKET = ARGS["--auth-secret"], ARGS["--socket-path"]
PROTOCOL = os.dup(1)
NOTED, IN_FLIGHT, CHANNELS, WAITING = [], [], [], {}
USER = ("x-temps-user-id", "x-temps-user-email", "x-temps-user-role")


def answers(schema):
    return {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}


OPENAPI = {
    "openapi": "3.1.0",
    "info": {"title": "stub", "version": "1"},
    "paths": {"/a": {"get": {"responses": answers({"required": ["ok"]})}}},
}
if DEFECT == "documents-no-route":
    OPENAPI["paths"]["/b"] = {"get": {"responses": {"200": {"description": ""}}}}
if DEFECT == "documents-other-status":
    OPENAPI["paths"]["/a"]["get"]["responses"] = {"201": {"description": ""}}
if DEFECT == "documents-other-schema":
    OPENAPI["paths"]["/a"]["get"]["responses"] = answers({"required": ["other"]})


def say(line):
    os.write(PROTOCOL, (json.dumps(line) + "\n").encode())


def frame(socket, opcode, payload):
    head = struct.pack("!BBH", 0x80 | opcode, 126, len(payload))
    socket.sendall(head + payload)


def noted(event):
    if DEFECT == "drops-events":
        return
    NOTED.append(event["event_type"])


def call(method, params):
    """A call over the channel: what came back, or None when there is none."""
    if not CHANNELS:
        return None
    socket = CHANNELS[0 if DEFECT == "keeps-first-channel" else -1]
    number, done = len(WAITING) + 1, threading.Event()
    WAITING[number] = [done, None]
    message = {"type": "request", "id": number, "method": method, "params": params}
    try:
        frame(socket, 1, json.dumps(message).encode())
    except OSError:
        return None
    done.wait(3)
    reply = WAITING[number][1]
    if DEFECT == "hangs-when-denied" and reply and "error" in reply:
        threading.Event().wait()
    return reply


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "host"

    def answer(self, status, body, kind="application/json"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" or DEFECT == "head-has-body":
            self.wfile.write(body)

    def signed_in(self):
        headers = dict((name.lower(), value) for name, value in self.headers.items())
        if DEFECT == "takes-underscores":
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if DEFECT != "trusts-unsigned" and "x-temps-auth-signature" not in headers:
            return False
        return any(n in headers for n in USER) if DEFECT == "half-is-enough" else all(n in headers for n in USER)

    def handle_any(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        path = self.path.split("?")[0]
        if path == "/health":
            return self.answer(200, {})
        signature = self.headers.get("x-temps-auth-signature")
        if signature not in (None, SECRET) and DEFECT != "takes-any-signature":
            return self.answer(401, {})
        if path == "/_temps/channel":
            return self.channel()
        if path == "/_events":
            event = json.loads(body)
            if DEFECT != "drops-posted":
                noted(event)
            return self.answer(200, {})
        IN_FLIGHT.append(1)
        try:
            self.route(path)
        finally:
            IN_FLIGHT.pop()
        if DEFECT == "closes-connections":
            self.close_connection = True

    do_GET = do_HEAD = do_POST = handle_any

    def route(self, path):
        if DEFECT == "logs-secret":
            print(f"secret {SECRET}", file=sys.stderr, flush=True)
        if DEFECT in ("prints", "prints-and-fails"):
            try:
                os.write(PROTOCOL, b"stray\n")
            except BrokenPipeError:
                if DEFECT == "prints-and-fails":
                    return self.answer(500, {})
        if path == "/a":
            if DEFECT == "one-at-a-time":
                threading.Event().wait(0.05)
                if len(IN_FLIGHT) > 1:
                    return self.answer(503, {})
            return self.answer(200, b"ok" if DEFECT == "false-json" else {"ok": True})
        if path == "/private":
            return self.answer(200 if self.signed_in() else 401, {})
        if path == "/noted":
            return self.answer(200, {"noted": NOTED})
        if path == "/call":
            if DEFECT == "makes-no-call":
                return self.answer(200, {})
            if not CHANNELS and DEFECT == "hangs-up-without-channel":
                self.close_connection = True
                return None
            return self.answer(200, call("list_projects", {}))
        return self.answer(404, b"nothing", "text/plain")

    def channel(self):
        key = self.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        for name, value in (("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", accept)):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.flush()
        CHANNELS.append(self.connection)
        self.close_connection = True
        while True:
            first, second = self.rfile.read(2)
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(self.rfile.read(2 if length == 126 else 8), "big")
            mask = self.rfile.read(4)
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(length)))
            match first & 0x0F:
                case 8:
                    return frame(self.connection, 8, payload)
                case 9:
                    frame(self.connection, 10, payload)
                case 1:
                    self.message(json.loads(payload))

    def message(self, message):
        if message["type"] == "event":
            noted(message["event"])
        else:
            waiting = WAITING[message["id"]]
            waiting[1] = message
            waiting[0].set()


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass


def stop(*_):
    os.unlink(SOCKET)
    os._exit(3 if DEFECT == "exits-badly-after-use" and CHANNELS else 0)


events = [] if DEFECT == "asks-for-no-events" else ["project.*"]
say({"type": "manifest", "name": "stub", "version": "1.0.0", "requires_db": False, "events": events})
os.makedirs(ARGS["--data-dir"], exist_ok=True)
server = Server(SOCKET, Handler)
os.chmod(SOCKET, 0o600)
signal.signal(signal.SIGTERM, stop)
threading.Thread(target=server.serve_forever, daemon=True).start()
say({"type": "ready", "ready": True, "has_ui": False, "openapi": OPENAPI})
while True:
    signal.pause()
