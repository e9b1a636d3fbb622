/** The formats the command reads and writes: ELF, tar, WebSocket frames. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { elfNeeds, newest } from "../ts/cli/elf.js";
import { Frames, frame, type Message, Opcode } from "../ts/cli/frames.js";
import { nativeFile } from "../ts/cli/native_file.js";
import { inspectNode } from "../ts/cli/node_binary.js";
import { packFolder } from "../ts/cli/tar.js";
import { installed, project } from "./helpers/command.js";

const linux = { skip: process.platform !== "linux" && "ELF is the format of Linux" };

test("what a program needs is read from it", linux, () => {
  const needs = elfNeeds(process.execPath);
  assert.match(needs?.loader ?? "", /^\/lib.*\/ld-.*\.so/);
  assert.ok(
    needs?.libraries.some((name) => name.startsWith("libc.")),
    String(needs?.libraries),
  );
  const addon = elfNeeds(nativeFile(installed, inspectNode(undefined)));
  assert.equal(addon?.loader, undefined);
  if (needs?.loader?.includes("musl")) return;
  assert.match(needs?.glibc ?? "", /^2\.\d+/);
  assert.match(addon?.glibc ?? "", /^2\.\d+/);
});

test("what is no ELF file, or half of one, has no needs", linux, (t) => {
  const root = project(t, { text: "hello", half: "" });
  writeFileSync(
    join(root, "half"),
    Buffer.concat([Buffer.from("7f454c460201", "hex"), Buffer.alloc(90, 0xff)]),
  );
  assert.equal(elfNeeds(join(root, "text")), undefined);
  assert.equal(elfNeeds(join(root, "half")), undefined);
});

test("versions are compared number by number", () => {
  assert.equal(newest(["2.4", "2.28", "2.3.4", "2.17"]), "2.28");
  assert.equal(newest([]), undefined);
});

test("an archive holds what the folder does, and is the same for the same files", (t) => {
  const long = `${"d".repeat(90)}/${"e".repeat(60)}/${"f".repeat(95)}`;
  const files = { "a/index.html": "<h1>", "a/empty": "", [`a/${long}`]: "long", "a/ü.txt": "ü" };
  const root = project(t, files);
  symlinkSync("index.html", join(root, "a", "link.html"));
  symlinkSync("nowhere", join(root, "a", "dangling"));
  const packed = packFolder(join(root, "a"));
  assert.deepEqual(packFolder(join(root, "a")), packed);
  const list = spawnSync("tar", ["-tzf", "-"], {
    input: packed,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  assert.deepEqual(
    list.stdout.trim().split("\n").sort(),
    [long, "empty", "index.html", "link.html", "ü.txt"].sort(),
  );
  const text = spawnSync("tar", ["-xzOf", "-", long, "link.html"], {
    input: packed,
    encoding: "utf8",
  });
  assert.ok(text.stdout.includes("long") && text.stdout.includes("<h1>"));
});

test("a path that fits no archive is named", (t) => {
  const root = project(t, { [`a/${"x".repeat(120)}`]: "" });
  assert.throws(() => packFolder(join(root, "a")), /the path x{120} is too long/);
});

/** A frame as a server sends it. */
function fromServer(first: number, payload: Buffer): Buffer {
  const masked = frame(first & 0x0f, payload);
  const head = masked.length - payload.length - 4;
  const bytes = Buffer.concat([masked.subarray(0, head), payload]);
  bytes[0] = first;
  bytes[1] = (bytes[1] ?? 0) & 0x7f;
  return bytes;
}

test("frames of every length come out of pieces of every size", () => {
  const payloads = [0, 125, 126, 65535, 65536].map((length) => Buffer.alloc(length, length % 251));
  const bytes = Buffer.concat(payloads.map((payload) => fromServer(0x82, payload)));
  for (const size of [1, 7, 1000, bytes.length]) {
    const frames = new Frames();
    const found: Message[] = [];
    for (let at = 0; at < bytes.length; at += size)
      found.push(...frames.take(bytes.subarray(at, at + size)));
    assert.deepEqual(
      found.map(({ payload }) => payload),
      payloads,
    );
    assert.ok(found.every(({ opcode }) => opcode === Opcode.binary));
  }
});

test("fragments are joined, control frames between them are not", () => {
  const bytes = Buffer.concat([
    fromServer(0x01, Buffer.from("he")),
    fromServer(0x89, Buffer.from("ping")),
    fromServer(0x80, Buffer.from("llo")),
  ]);
  const found = new Frames().take(bytes).map(({ opcode, payload }) => [opcode, payload.toString()]);
  assert.deepEqual(found, [
    [Opcode.ping, "ping"],
    [Opcode.text, "hello"],
  ]);
});

test("a masked frame and a message over the limit break it", () => {
  const masked = new Frames();
  assert.deepEqual(masked.take(frame(Opcode.text, Buffer.from("x"))), []);
  assert.ok(masked.broken);
  const long = new Frames();
  const head = Buffer.from([0x82, 127, 0, 0, 0, 0, 4, 0, 0, 1]);
  assert.deepEqual(long.take(head), []);
  assert.ok(long.broken);
});
