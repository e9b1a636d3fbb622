"""What the parts of the plugin make of bytes. `PYTHONPATH=. python3 -m unittest discover tests`
runs them; that the whole keeps the protocol is what the conformance suite is for."""

from __future__ import annotations

import asyncio
import json
import socket
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import plugin as p

SECRET = "s" * 32


def masked(payload: bytes, opcode: int = p.TEXT, final: bool = True) -> bytes:
    """A frame as a client sends it."""
    frame = p.encode_frame(opcode, payload)
    head, body = frame[: len(frame) - len(payload)], payload
    mask = b"\x01\x80\xff\x7f"
    covered = bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))
    first = head[0] if final else head[0] & 0x7F
    return bytes([first, head[1] | 0x80]) + head[2:] + mask + covered


async def receive(data: bytes) -> str | bytes | None:
    """What a WebSocket makes of these bytes."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        try:
            return await asyncio.wait_for(p.WebSocket(reader, writer).receive(), 5)
        finally:
            writer.close()


class Arguments(unittest.TestCase):
    def test_both_spellings_and_unknown_flags(self) -> None:
        words = [
            "--socket-path",
            "/s",
            "word",
            "--x=1",
            "--data-dir=/d",
            "--y",
            "--auth-secret=a=b",
        ]
        found = p.parse_arguments(words)
        self.assertEqual(
            (found.socket_path, found.data_dir, found.auth_secret), ("/s", "/d", "a=b")
        )
        self.assertEqual((found.dialect, found.unknown), (1, ("--x", "--y")))
        self.assertNotIn("a=b", repr(found))

    def test_what_is_missing_is_named(self) -> None:
        for words, flag in (
            (["--data-dir", "/d"], "--socket-path"),
            (["--socket-path", "--data-dir", "/d"], "--socket-path"),
            (["--socket-path", "/s", "--data-dir"], "--data-dir"),
        ):
            with self.assertRaisesRegex(p.Refusal, flag):
                p.parse_arguments(words)


class LaunchLine(unittest.TestCase):
    def line(self, **change: Any) -> bytes:
        return json.dumps({"protocol_version": 2, "auth_secret": SECRET, **change}).encode()

    def test_a_proper_one_gives_the_secret(self) -> None:
        self.assertEqual(
            p.judge_launch_line(self.line(database_url=None, more=[1]) + b"\r"), SECRET
        )

    def test_every_other_is_refused_without_being_quoted(self) -> None:
        lines = [
            b"",
            b"[2]",
            b"\xff",
            self.line(protocol_version="2"),
            self.line(protocol_version=True),
            self.line(auth_secret=SECRET[1:]),
            self.line(auth_secret=SECRET + "\n"),
            self.line(auth_secret=SECRET + "ä"),
            self.line(database_url="postgres://" + SECRET),
            self.line(host_data_dir="/" + SECRET),
        ]
        for line in lines:
            with self.subTest(line=line), self.assertRaises(p.Refusal) as caught:
                p.judge_launch_line(line)
            self.assertNotIn(SECRET[1:], str(caught.exception))


class Http(unittest.TestCase):
    def test_a_head_is_read(self) -> None:
        head = b"GET /a%20b?x=1 HTTP/1.1\r\nAccept: a\r\naccept:b \r\nx_temps_auth: no\r\n\r\n"
        request = p.parse_head(head)
        self.assertEqual((request.path, request.all("accept")), ("/a%20b", ["a", "b"]))
        self.assertEqual((request.all("x-temps-auth"), request.length), ([], 0))

    def test_what_is_no_head_is_refused(self) -> None:
        for head in (b"HELO you", b"GET / HTTP/1.1\r\n folded: x", b"GET / HTTP/1.1\r\nno colon"):
            with self.subTest(head=head), self.assertRaises(p.BadRequest):
                p.parse_head(head + b"\r\n\r\n")

    def test_a_body_of_two_lengths_is_refused(self) -> None:
        for headers in (
            b"content-length: 1\r\ncontent-length: 2",
            b"content-length: 1\r\ntransfer-encoding: chunked",
            b"content-length: -1",
            b"transfer-encoding: gzip, chunked",
        ):
            request = p.parse_head(b"POST / HTTP/1.1\r\n" + headers + b"\r\n\r\n")
            with self.subTest(headers=headers), self.assertRaises(p.BadRequest):
                _ = request.length


class WebSocket(unittest.TestCase):
    def test_messages_of_every_length_form(self) -> None:
        for size in (0, 1, 125, 126, 65535, 65536, 200_001):
            text = "x" * size
            self.assertEqual(asyncio.run(receive(masked(text.encode()))), text)

    def test_fragments_with_a_ping_between_them(self) -> None:
        data = masked("ä".encode()[:1], final=False) + masked(b"?", p.PING)
        data += masked("ä".encode()[1:], p.CONTINUATION)
        self.assertEqual(asyncio.run(receive(data)), "ä")

    def test_broken_frames_say_how(self) -> None:
        for data, code in (
            (p.encode_frame(p.TEXT, b"{}"), 1002),
            (masked(b"", 3), 1002),
            (masked(b"x", p.CONTINUATION), 1002),
            (masked(b"x" * 126, p.PING), 1002),
            (masked(b"\xff"), 1007),
            (b"\x81\xff" + (p.MESSAGE_BYTES + 1).to_bytes(8, "big"), 1009),
        ):
            with self.subTest(code=code), self.assertRaises(p.Broken) as caught:
                asyncio.run(receive(data))
            self.assertEqual(caught.exception.code, code)

    def test_the_key_of_rfc_6455(self) -> None:
        head = (
            b"GET /_temps/channel HTTP/1.1\r\nconnection: keep-alive, Upgrade\r\n"
            b"upgrade: websocket\r\nsec-websocket-version: 13\r\n"
            b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        self.assertEqual(p.accept_key(p.parse_head(head)), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        self.assertIsNone(p.accept_key(p.parse_head(head.replace(b": 13", b": 8"))))


class Channel(unittest.TestCase):
    def test_results_and_errors_of_both_dialects(self) -> None:
        self.assertEqual(p.read_outcome(1, "m", {"result": None}), None)
        self.assertEqual(
            p.read_outcome(2, "m", {"outcome": {"ok": {"method": "m", "result": 7}}}), 7
        )
        error = {"code": "brand_new", "message": "no"}
        for dialect, frame in ((1, {"error": error}), (2, {"outcome": {"err": error}})):
            with self.assertRaisesRegex(p.CallFailed, "^no$") as caught:
                p.read_outcome(dialect, "m", frame)
            self.assertEqual(caught.exception.code, "brand_new")

    def test_another_method_and_no_outcome_fail_the_call(self) -> None:
        other = {"outcome": {"ok": {"method": "other", "result": 7}}}
        with self.assertRaisesRegex(p.CallFailed, "asked for m, answered for other"):
            p.read_outcome(2, "m", other)
        frames: list[dict[str, Any]] = [
            {},
            {"outcome": {}},
            {"error": "x"},
            {"outcome": {"err": {}}},
        ]
        for frame in frames:
            for dialect in (1, 2):
                with self.assertRaisesRegex(p.CallFailed, "neither"):
                    p.read_outcome(dialect, "m", frame)


class Events(unittest.IsolatedAsyncioTestCase):
    def event(self, number: int, **change: Any) -> p.Event:
        data = {"deployment_id": number}
        envelope = {"id": "x", "event_type": "deployment.ready", "timestamp": "t", "project_id": 7}
        return p.parse_event({**envelope, "data": data, **change})

    def test_odd_envelopes_are_events_and_broken_ones_are_not(self) -> None:
        bare = p.parse_event({"id": "x", "event_type": "a", "timestamp": ""})
        self.assertEqual((bare.project_id, bare.data), (None, {}))
        for change in ({"id": ""}, {"id": 7}, {"timestamp": None}, {"project_id": "7"}):
            with self.subTest(change=change), self.assertRaises(ValueError):
                self.event(1, **change)

    async def test_deployments_are_kept_and_named(self) -> None:
        async def call(method: str, params: dict[str, Any]) -> Any:
            if params["project_id"] == 8:
                raise p.CallFailed("no", "permission_denied")
            return {"name": "shop", "asked": method}

        with TemporaryDirectory() as directory:
            deployments = p.Deployments(Path(directory), call)
            for number in range(deployments.KEPT + 5):
                await deployments.on_event(self.event(number))
            await deployments.on_event(self.event(50, project_id=8))
            deployments.save()
            again = p.Deployments(Path(directory), call)
        request = p.parse_head(b"GET /deployments HTTP/1.1\r\n\r\n")
        shown = json.loads(again.answer(request).body)["deployments"]
        self.assertEqual(len(shown), deployments.KEPT)
        newest = [(entry["deployment_id"], entry["project"]) for entry in shown[:2]]
        self.assertEqual(newest, [(50, None), (104, "shop")])

    async def test_a_handler_that_fails_keeps_nobody_waiting(self) -> None:
        seen: list[str] = []
        done = asyncio.Event()

        async def handler(event: p.Event) -> None:
            seen.append(event.event_type)
            if len(seen) == 2:
                done.set()
            raise RuntimeError("no")

        events = p.EventQueue(handler)
        events.put(self.event(1, event_type="a"))
        events.put(self.event(1, event_type="b"))
        delivery = asyncio.create_task(events.deliver())
        await asyncio.wait_for(done.wait(), 5)
        delivery.cancel()
        self.assertEqual(seen, ["a", "b"])


if __name__ == "__main__":
    unittest.main()
