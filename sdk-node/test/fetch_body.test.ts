/** The body of a fetch-style handler's `Request`. */

import assert from "node:assert/strict";
import { Peer, placeOf } from "./helpers/peer.js";
import { gate, run, test } from "./helpers/plugin.js";

const READERS: Record<string, (request: Request) => Promise<unknown>> = {
  text: (request) => request.text(),
  json: async (request) => JSON.stringify(await request.json()),
  arrayBuffer: async (request) => Buffer.from(await request.arrayBuffer()).toString(),
  bytes: async (request) =>
    Buffer.from(await (request as unknown as { bytes(): Promise<Uint8Array> }).bytes()).toString(),
  blob: async (request) => (await request.blob()).text(),
  body: async (request) => {
    let text = "";
    for await (const piece of request.body ?? []) text += Buffer.from(piece).toString();
    return text;
  },
  copy: async (request) => new Request(request).text(),
  clone: async (request) => {
    const copy = request.clone();
    const both = await Promise.all([request.text(), copy.text()]);
    assert.equal(both[0], both[1]);
    return both[0];
  },
};

for (const [name, read] of Object.entries(READERS)) {
  test(`a body is read by ${name}, once, whatever its size and framing`, async (t) => {
    const plugin = await run(t, {
      fetch: async (request) => {
        const read_ = (await read(request)) as string;
        assert.equal(request.bodyUsed, true);
        for (const again of [request.text(), request.json(), request.arrayBuffer()]) {
          await assert.rejects(again, TypeError);
        }
        return new Response(read_);
      },
    });
    const small = JSON.stringify({ small: "body" });
    const large = JSON.stringify({ large: "body ".repeat(200_000) });
    async function* pieces(text: string): AsyncGenerator<Buffer> {
      for (let at = 0; at < text.length; at += 70_000)
        yield Buffer.from(text.slice(at, at + 70_000));
    }
    for (const body of [small, large, pieces(small), pieces(large)]) {
      const response = await plugin.fetch("/", { method: "POST", body });
      const expected = body === small || typeof body !== "string" ? undefined : large;
      const text = await response.text();
      assert.equal(response.status, 200, text);
      assert.ok(text === small || text === large);
      if (expected !== undefined) assert.equal(text, expected);
    }
  });
}

test("a form comes as form data", async (t) => {
  const plugin = await run(t, {
    fetch: async (request) => {
      const form = await request.formData();
      const file = form.get("file") as File | null;
      return Response.json([form.get("name"), file?.name, await file?.text()]);
    },
  });
  const form = new FormData();
  form.set("name", "caf\u00e9");
  form.set("file", new Blob(["content"]), "a.txt");
  const multipart = await plugin.fetch("/", { method: "POST", body: form });
  assert.deepEqual(await multipart.json(), ["caf\u00e9", "a.txt", "content"]);
  const body = new URLSearchParams({ name: "a b" });
  const encoded = await plugin.fetch("/", { method: "POST", body });
  assert.deepEqual(await encoded.json(), ["a b", null, null]);
});

test("a request without body has none", async (t) => {
  const plugin = await run(t, {
    fetch: async (request) => {
      const { body } = request;
      return Response.json([body, request.bodyUsed, await request.text(), request.bodyUsed]);
    },
  });
  for (const method of ["GET", "POST", "DELETE"]) {
    const response = await plugin.fetch("/", { method });
    assert.deepEqual(await response.json(), [null, false, "", false]);
  }
  const empty = await plugin.fetch("/", { method: "POST", body: "" });
  assert.equal(await empty.text(), '[null,false,"",false]');
});

test("what is no JSON is a SyntaxError, and what is no form a TypeError", async (t) => {
  const plugin = await run(t, {
    fetch: async (request) => {
      await assert.rejects(request.clone().json(), SyntaxError);
      await assert.rejects(request.formData(), TypeError);
      return new Response("both");
    },
  });
  const response = await plugin.fetch("/", { method: "POST", body: "{" });
  assert.equal(await response.text(), "both");
});

test("a byte order mark is not part of the text", async (t) => {
  const plugin = await run(t, {
    fetch: async (request) => Response.json([await request.clone().text(), await request.json()]),
  });
  const response = await plugin.fetch("/", { method: "POST", body: "\ufeff[1]" });
  assert.deepEqual(await response.json(), ["[1]", [1]]);
});

test("a body comes piece by piece as it is sent", async (t) => {
  let came = gate<string>();
  const plugin = await run(t, {
    fetch: async (request) => {
      for await (const piece of request.body ?? []) came.open(Buffer.from(piece).toString());
      return new Response("all");
    },
  });
  const peer = new Peer(t, placeOf(plugin));
  peer.head("POST", "/", "transfer-encoding: chunked", "connection: close");
  for (const text of ["one", "two", "three"]) {
    peer.chunk(text);
    assert.equal(await came.promise, text);
    came = gate();
  }
  peer.chunk();
  assert.match(await peer.rest(), /^HTTP\/1\.1 200 .*\r\n\r\nall$/s);
});

test("a body that nobody reads is no obstacle to the next request", async (t) => {
  const plugin = await run(t, { fetch: () => new Response("unread") });
  const peer = new Peer(t, placeOf(plugin));
  const length = 300_000;
  for (let count = 0; count < 3; count++) {
    peer.head("POST", "/", `content-length: ${length}`).write(Buffer.alloc(length));
    assert.match(await peer.until("unread"), /^HTTP\/1\.1 200 /);
  }
});

test("a body that was begun and left is no obstacle either", async (t) => {
  const plugin = await run(t, {
    fetch: async (request) => {
      if (request.url.endsWith("/cancelled")) for await (const _ of request.body ?? []) break;
      else await request.body?.getReader().read();
      return new Response("enough");
    },
  });
  const peer = new Peer(t, placeOf(plugin));
  const length = 3_000_000;
  for (const path of ["/cancelled", "/left", "/cancelled", "/left"]) {
    peer.head("POST", path, `content-length: ${length}`).write(Buffer.alloc(length));
    assert.match(await peer.until("enough"), /^HTTP\/1\.1 200 /);
  }
});

test("who reads on after the answer gets the rest, and who begins then is refused", async (t) => {
  let outcome: Promise<unknown> = Promise.resolve();
  const answered = gate();
  const plugin = await run(t, {
    fetch: (request) => {
      const begun = request.url.endsWith("/reading") ? request.text() : undefined;
      outcome = begun ?? answered.promise.then(() => request.text());
      outcome.catch(() => undefined);
      return new Response("early");
    },
  });
  const length = 1_000_000;
  const peer = new Peer(t, placeOf(plugin));
  peer.head("POST", "/reading", `content-length: ${length}`).write(Buffer.alloc(length - 1));
  await peer.until("early");
  peer.write(Buffer.alloc(1));
  assert.equal(((await outcome) as string).length, length);
  peer.head("POST", "/late", `content-length: ${length}`).write(Buffer.alloc(length));
  await peer.until("early");
  answered.open();
  await assert.rejects(outcome, /the request's body is gone: it is read before the answer/);
});

test("a reader that waits does not ask for more than is wanted", async (t) => {
  const read = gate();
  const plugin = await run(t, {
    fetch: async (request) => {
      const reader = request.body?.getReader();
      const first = await reader?.read();
      await read.promise;
      let length = first?.value?.length ?? 0;
      for (;;) {
        const piece = await reader?.read();
        if (piece === undefined || piece.done) break;
        length += piece.value.length;
      }
      return new Response(String(length));
    },
  });
  const peer = new Peer(t, placeOf(plugin));
  const length = 64 << 20;
  peer.head("POST", "/", `content-length: ${length}`, "connection: close");
  const piece = Buffer.alloc(1 << 20);
  let sent = 0;
  // Sends until the plugin takes no more: the loop turns many times meanwhile.
  const full = (): boolean => peer.socket.writableLength > 8 << 20;
  for (let turn = 0; turn < 200 && !full() && sent < length; turn++) {
    peer.write(piece);
    sent += piece.length;
    assert.equal((await plugin.fetch("/health")).status, 200);
  }
  assert.ok(full(), `${sent} bytes were taken, though nobody read them`);
  read.open();
  for (; sent < length; sent += piece.length) peer.write(piece);
  assert.match(await peer.rest(), new RegExp(`\r\n\r\n${length}$`));
});

test("a caller that expects 100-continue gets it once the body is read", async (t) => {
  const plugin = await run(t, {
    fetch: async (request) =>
      new URL(request.url).pathname === "/refused"
        ? new Response("no", { status: 413, headers: { connection: "close" } })
        : new Response(await request.text()),
  });
  const peer = new Peer(t, placeOf(plugin));
  peer.head("POST", "/", "content-length: 4", "expect: 100-continue", "connection: close");
  assert.match(await peer.until("\r\n\r\n"), /^HTTP\/1\.1 100 /);
  peer.write("body");
  assert.match(await peer.rest(), /^HTTP\/1\.1 200 .*body$/s);
  const refused = new Peer(t, placeOf(plugin));
  refused.head("POST", "/refused", "content-length: 4", "expect: 100-continue");
  assert.match(await refused.rest(), /^HTTP\/1\.1 413 .*no$/s);
});
