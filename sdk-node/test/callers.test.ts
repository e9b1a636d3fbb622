/** Callers that leave, or do not read; and a body that is larger than memory. */

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Hosted } from "./helpers/host.js";
import { Peer, placeOf } from "./helpers/peer.js";
import { captureLogs, gate, type Parts, run, test, until } from "./helpers/plugin.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** A handler that never answers, in both styles; `see` is told of each request and of its end. */
const silent = (see: (request: object) => void, left: () => void): Record<string, Parts> => ({
  fetch: {
    fetch(request) {
      see(request);
      request.signal.addEventListener("abort", left);
      return new Promise<Response>(() => undefined);
    },
  },
  handler: {
    handler: () => (req, res) => {
      see(req);
      res.on("close", left);
    },
  },
});

for (const style of ["fetch", "handler"]) {
  test(`${style}: a handler that never answers is told when its caller leaves, and nothing stays`, async (t) => {
    const seen: WeakRef<object>[] = [];
    let left = 0;
    const parts = silent(
      (request) => seen.push(new WeakRef(request)),
      () => left++,
    )[style];
    const plugin = await run(t, parts as Parts);
    const count = 100;
    const peers = Array.from({ length: count }, () => new Peer(t, placeOf(plugin)));
    for (const [at, peer] of peers.entries()) {
      if (at % 2 === 0) peer.head("GET", "/");
      else peer.head("POST", "/", "content-length: 4").write("body");
    }
    await until(t, () => seen.length === count);
    for (const peer of peers) peer.leave();
    await until(t, () => left === count);
    await new Promise(setImmediate);
    collect();
    const kept = seen.filter((one) => one.deref() !== undefined).length;
    assert.ok(kept <= 2, `${kept} of ${count} requests are still held`);
    assert.equal((await plugin.fetch("/health")).status, 200);
  });

  test(`${style}: an answer that comes after the caller has left goes nowhere, quietly`, async (t) => {
    const logs = captureLogs(t);
    const entered = gate();
    const go = gate();
    const done = gate();
    const parts: Parts =
      style === "fetch"
        ? {
            fetch: async (request) => {
              entered.open();
              await go.promise;
              request.signal.throwIfAborted;
              setImmediate(done.open);
              return new Response("too late");
            },
          }
        : {
            handler: () => async (_, res) => {
              entered.open();
              await go.promise;
              res.writeHead(200, { "x-a": "b" });
              res.write("too");
              res.end("late", done.open);
              setImmediate(done.open);
            },
          };
    const plugin = await run(t, parts);
    const peer = new Peer(t, placeOf(plugin)).head("GET", "/");
    await entered.promise;
    peer.leave();
    // Another request, behind which the end of the first is known.
    for (let count = 0; count < 5; count++) await plugin.fetch("/health");
    go.open();
    await done.promise;
    assert.deepEqual(logs.lines, []);
  });

  test(`${style}: a caller that breaks off its upload is a failure of the body`, async (t) => {
    const logs = captureLogs(t);
    const outcome = gate<unknown>();
    const begun = gate();
    const parts: Parts =
      style === "fetch"
        ? {
            fetch: async (request) => {
              const text = request.text();
              begun.open();
              outcome.open(await text.catch((error: unknown) => error));
              return new Response();
            },
          }
        : {
            handler: () => (req, res) => {
              req.resume().on("error", outcome.open);
              res.on("close", () => undefined);
              begun.open();
            },
          };
    const plugin = await run(t, parts);
    const peer = new Peer(t, placeOf(plugin));
    peer.head("POST", "/", "content-length: 1000000").write("some of it");
    await begun.promise;
    peer.leave();
    const error = await outcome.promise;
    assert.ok(error instanceof Error);
    if (style === "fetch") assert.match(error.message, /the request's body broke off/);
    else assert.equal((error as NodeJS.ErrnoException).code, "ECONNRESET");
    assert.deepEqual(logs.lines, []);
  });

  test(`${style}: a caller that never reads costs a bounded number of bytes`, async (t) => {
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const parts: Parts =
      style === "fetch"
        ? {
            fetch: () =>
              new Response(
                new ReadableStream({
                  pull(controller) {
                    sent += chunk.length;
                    controller.enqueue(chunk);
                  },
                }),
              ),
          }
        : {
            handler: () => (_, res) => {
              const source = new Readable({
                read() {
                  sent += chunk.length;
                  this.push(chunk);
                },
              });
              source.pipe(res);
              res.on("close", () => source.destroy());
            },
          };
    const plugin = await run(t, parts);
    const peer = new Peer(t, placeOf(plugin)).head("GET", "/endless");
    // The loop turns many times meanwhile: the handler could go on if it may.
    for (let count = 0; count < 200; count++) await plugin.fetch("/health");
    const most = 2 * 1024 * 1024;
    assert.ok(sent < most, `${sent} bytes were written for a caller that does not read`);
    const memory = process.memoryUsage.rss();
    // It goes on as soon as somebody reads, and memory stays where it is.
    for (let missing = 64 * 1024 * 1024; missing > 0; missing -= chunk.length) {
      await peer.bytes(chunk.length);
    }
    assert.ok(sent >= 64 * 1024 * 1024);
    const grown = process.memoryUsage.rss() - memory;
    assert.ok(grown < 64 * 1024 * 1024, `memory has grown by ${grown} bytes`);
    peer.leave();
  });

  test(`${style}: callers that leave at any moment of an answer leave nothing behind`, async (t) => {
    let open = 0;
    const parts: Parts =
      style === "fetch"
        ? {
            fetch: () => {
              open++;
              const pull = (controller: ReadableStreamDefaultController): void =>
                controller.enqueue(Buffer.alloc(1024));
              const cancel = (): void => void open--;
              return new Response(new ReadableStream({ pull, cancel }));
            },
          }
        : {
            handler: () => (_, res) => {
              open++;
              const write = (): void => {
                while (res.write(Buffer.alloc(1024)));
                res.once("drain", write);
              };
              res.on("close", () => open--);
              write();
            },
          };
    const plugin = await run(t, parts);
    for (let count = 0; count < 40; count++) {
      const peer = new Peer(t, placeOf(plugin)).head("GET", "/endless");
      if (count > 0) await peer.bytes(count * 5000);
      peer.leave();
    }
    await until(t, () => open === 0);
    assert.equal((await plugin.fetch("/health")).status, 200);
  });

  test(`${style}: two gibibytes stream through with flat memory`, async (t) => {
    const plugin = new Hosted(t, "uploads", { args: style === "fetch" ? [] : ["--node-style"] });
    await plugin.handshake();
    await plugin.get("/", { method: "POST", body: "warm" });
    const before = plugin.memory().highest;
    const piece = Buffer.alloc(1024 * 1024);
    const all = 2048;
    function* pieces(): Generator<Buffer> {
      for (let count = 0; count < all; count++) yield piece;
    }
    const answer = await new Promise<string>((resolve, reject) => {
      const { socketPath, secret } = plugin;
      const headers = {
        "x-temps-auth-signature": secret,
        "content-length": String(all * piece.length),
      };
      const asking = request({ agent: false, headers, method: "POST", path: "/", socketPath });
      asking.on("response", (message) => text(message).then(resolve, reject)).on("error", reject);
      Readable.from(pieces(), { objectMode: false }).pipe(asking);
    });
    assert.equal(answer, String(all * piece.length));
    const grown = plugin.memory().highest - before;
    // V8 lets some 64 MiB of buffers that nobody uses any more come together before it frees them, and
    // the allocator keeps some of what two threads hand to each other. Neither grows with the upload.
    assert.ok(grown < 128 * 1024 * 1024, `memory has grown by ${grown} bytes`);
    assert.equal(await plugin.stop("SIGTERM"), 0);
  });
}

test("a handler that holds the event loop holds neither health nor the answer before it", async (t) => {
  const plugin = new Hosted(t, "faulty");
  await plugin.handshake();
  const file = join(dirname(plugin.socketPath), "go-on");
  const held = plugin.get(`/hold?until=${encodeURIComponent(file)}`);
  await plugin.line(/held/);
  for (let count = 0; count < 5; count++) {
    assert.deepEqual(JSON.parse((await plugin.get("/health")).text), { status: "ok" });
  }
  assert.ok(!existsSync(file));
  writeFileSync(file, "");
  assert.equal((await held).status, 200);
});
