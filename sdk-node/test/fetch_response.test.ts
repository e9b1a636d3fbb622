/** What a fetch-style handler's `Response` becomes on the wire. */

import assert from "node:assert/strict";
import { Peer, placeOf } from "./helpers/peer.js";
import { gate, run, test, until } from "./helpers/plugin.js";

/** A plugin whose routes give these responses. */
const routes =
  (responses: Record<string, () => Response | Promise<Response>>) =>
  (request: Request): Response | Promise<Response> =>
    responses[new URL(request.url).pathname.slice(1)]?.() ?? new Response("ok");

const stream = (...pieces: string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(Buffer.from(piece));
    },
  });

test("bodies of every kind are sent, with the type they have", async (t) => {
  const form = new FormData();
  form.set("a", "b");
  const buffer = new Uint8Array([0, 255, 128]);
  const responses: Record<string, () => Response> = {
    text: () => new Response("caf\u00e9 \u{1f600}"),
    bytes: () => new Response(buffer),
    part: () => new Response(new Uint8Array([9, 0, 255, 128, 9]).subarray(1, 4)),
    words: () => new Response(new Uint16Array([0x6261])),
    arrayBuffer: () => new Response(buffer.buffer),
    blob: () => new Response(new Blob(["blob"], { type: "a/b" })),
    params: () => new Response(new URLSearchParams({ a: "b" })),
    form: () => new Response(form),
    stream: () => new Response(stream("one ", "two")),
    json: () => Response.json({ a: [1] }),
    object: () => new Response({ toString: () => "object" } as never),
    number: () => new Response(7 as never),
    nothing: () => new Response(),
    null: () => new Response(null),
    empty: () => new Response(""),
    typed: () => new Response("x", { headers: { "content-type": "a/b" } }),
    typedJson: () => Response.json(1, { headers: new Headers({ "content-type": "a/b" }) }),
  };
  const plugin = await run(t, { fetch: routes(responses) });
  const expected: Record<string, [string | null, string]> = {
    text: ["text/plain;charset=UTF-8", Buffer.from("caf\u00e9 \u{1f600}").toString("latin1")],
    bytes: [null, "\0\xff\x80"],
    part: [null, "\0\xff\x80"],
    words: [null, "ab"],
    arrayBuffer: [null, "\0\xff\x80"],
    blob: ["a/b", "blob"],
    params: ["application/x-www-form-urlencoded;charset=UTF-8", "a=b"],
    stream: [null, "one two"],
    json: ["application/json", '{"a":[1]}'],
    object: ["text/plain;charset=UTF-8", "object"],
    number: ["text/plain;charset=UTF-8", "7"],
    nothing: [null, ""],
    null: [null, ""],
    empty: ["text/plain;charset=UTF-8", ""],
    typed: ["a/b", "x"],
    typedJson: ["a/b", "1"],
  };
  for (const [name, [type, body]] of Object.entries(expected)) {
    const response = await plugin.fetch(`/${name}`);
    const got = Buffer.from(await response.arrayBuffer()).toString("latin1");
    assert.deepEqual([name, response.headers.get("content-type"), got], [name, type, body]);
    const isWhole = (type ?? "").startsWith("text/") || /^(?:bytes|part|json|null)$/.test(name);
    if (isWhole && !["object", "number"].includes(name))
      assert.equal(response.headers.get("content-length"), String(body.length), name);
  }
  const sent = await plugin.fetch("/form");
  assert.equal((await sent.formData()).get("a"), "b");
});

test("statuses and headers go out as they were given", async (t) => {
  const plugin = await run(t, {
    fetch: routes({
      headers: () =>
        new Response("x", {
          status: 299,
          headers: [
            ["X-Mixed", "Case"],
            ["x-twice", "1"],
            ["x-twice", "2"],
            ["set-cookie", "a=1; Path=/"],
            ["set-cookie", "b=2"],
            ["x-latin", "caf\u00e9"],
            ["x-space", "  around\t\r\n"],
            ["x-empty", ""],
          ],
        }),
      changed: () => {
        const response = new Response("x", { headers: { "x-kept": "1", "x-gone": "2" } });
        response.headers.delete("x-gone");
        response.headers.append("set-cookie", "a=1");
        response.headers.append("set-cookie", "b=2");
        response.headers.set("content-type", "a/b");
        return response;
      },
      record: () => new Response("x", { headers: { "X-One": "1", "x-two": 2 as never } }),
      copied: () => {
        const first = new Response("body", { status: 201, headers: { "x-first": "1" } });
        return new Response(first.body, first);
      },
      redirect: () => Response.redirect("http://example.org/a b", 307),
      text: () => new Response("gone", { status: 410, statusText: "Gone Fishing" }),
    }),
  });
  const headers = await plugin.fetch("/headers");
  assert.equal(headers.status, 299);
  const get = (name: string): string | null => headers.headers.get(name);
  assert.deepEqual(["x-mixed", "x-twice", "x-latin", "x-space", "x-empty"].map(get), [
    "Case",
    "1, 2",
    "caf\u00e9",
    "around",
    "",
  ]);
  assert.deepEqual(headers.headers.getSetCookie(), ["a=1; Path=/", "b=2"]);
  const changed = await plugin.fetch("/changed");
  assert.deepEqual(
    [
      changed.headers.get("x-kept"),
      changed.headers.get("x-gone"),
      changed.headers.get("content-type"),
    ],
    ["1", null, "a/b"],
  );
  assert.deepEqual(changed.headers.getSetCookie(), ["a=1", "b=2"]);
  const record = await plugin.fetch("/record");
  assert.deepEqual([record.headers.get("x-one"), record.headers.get("x-two")], ["1", "2"]);
  const copied = await plugin.fetch("/copied");
  assert.deepEqual(
    [copied.status, copied.headers.get("x-first"), await copied.text()],
    [201, "1", "body"],
  );
  const redirect = await plugin.fetch("/redirect");
  assert.deepEqual(
    [redirect.status, redirect.headers.get("location")],
    [307, "http://example.org/a%20b"],
  );
  const gone = await plugin.fetch("/text");
  assert.deepEqual([gone.status, await gone.text()], [410, "gone"]);
});

test("statuses without body have none, and HEAD has none either", async (t) => {
  let cancelled = 0;
  const endless = (): Response =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(Buffer.from("x")),
        cancel: () => {
          cancelled++;
        },
      }),
    );
  const plugin = await run(t, {
    fetch: routes({
      none: () => new Response(null, { status: 204, headers: { "x-a": "1" } }),
      same: () => new Response(null, { status: 304, headers: { etag: '"a"' } }),
      endless,
      length: () => new Response("four"),
    }),
  });
  const peer = new Peer(t, placeOf(plugin));
  // One connection: a byte too many would be taken for the next answer.
  assert.match(await peer.head("GET", "/none").until("\r\n\r\n"), /^HTTP\/1\.1 204 .*x-a: 1/s);
  assert.match(await peer.head("GET", "/same").until("\r\n\r\n"), /^HTTP\/1\.1 304 .*etag: "a"/s);
  const head = await peer.head("HEAD", "/length").until("\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 200 .*content-length: 4\r\n/s);
  assert.match(await peer.head("HEAD", "/endless").until("\r\n\r\n"), /^HTTP\/1\.1 200 /);
  assert.match(await peer.head("GET", "/length").until("four"), /^HTTP\/1\.1 200 /);
  // Nobody reads the body of an answer to HEAD: it is let go.
  await until(t, () => cancelled === 1);
});

test("a response passes for one", async (t) => {
  const plugin = await run(t, {
    fetch: async () => {
      const light = new Response("text", { status: 201, statusText: "Made" });
      const real = await fetch("data:text/plain,real");
      return Response.json([
        light instanceof Response,
        real instanceof Response,
        ({} as unknown) instanceof Response,
        Object.prototype.toString.call(light),
        Response.name,
        [light.ok, light.status, light.statusText, light.type, light.redirected, light.url],
        light.bodyUsed,
        await light.clone().text(),
        await light.text(),
        light.bodyUsed,
        await Response.json({ a: 1 }).json(),
        Buffer.from(await new Response("b").arrayBuffer()).toString(),
        await (await new Response("c").blob()).text(),
        (await new Response(new URLSearchParams("d=e")).formData()).get("d"),
        Response.error().type,
      ]);
    },
  });
  assert.deepEqual(await (await plugin.fetch("/")).json(), [
    true,
    true,
    false,
    "[object Response]",
    "Response",
    [true, 201, "Made", "default", false, ""],
    false,
    "text",
    "text",
    true,
    { a: 1 },
    "b",
    "c",
    "e",
    "error",
  ]);
});

test("what `new Response` refuses, it refuses here", async (t) => {
  const refused: (() => unknown)[] = [
    () => new Response("", { status: 199 }),
    () => new Response("", { status: 600 }),
    () => new Response("", { status: 200.5 }),
    () => new Response("", { status: "x" as never }),
    () => new Response("body", { status: 204 }),
    () => new Response("body", { status: 304 }),
    () => new Response(stream("a"), { status: 204 }),
    () => new Response("", { headers: { "x-a": "a\r\nset-cookie: b=c" } }),
    () => new Response("", { headers: { "x-a": "a\nb" } }),
    () => new Response("", { headers: { "x-a": "a\0b" } }),
    () => new Response("", { headers: { "no name": "a" } }),
    () => new Response("", { headers: { "": "a" } }),
    () => new Response("", { headers: { "a\r\nb": "a" } }),
    () => new Response("", { headers: { "x-a": "snow \u2603" } }),
    () => new Response("", { headers: [["only one"]] as never }),
    () => new Response("", { headers: 7 as never }),
    () => Response.json(undefined),
    () => Response.json({}, { status: 204 }),
    () => Response.json(1n),
    () => Response.redirect("http://x/", 200 as never),
    () => new Response("", { statusText: "a\nb" }),
  ];
  // The same ones are refused by Node's own class.
  let verdicts: boolean[] = [];
  const plugin = await run(t, {
    fetch: () => {
      verdicts = refused.map((make) => {
        try {
          make();
          return false;
        } catch (error) {
          return error instanceof TypeError || error instanceof RangeError;
        }
      });
      return new Response();
    },
  });
  await plugin.fetch("/");
  assert.deepEqual(refused.filter((_, at) => !verdicts[at]).map(String), []);
});

test("Node's own response, as `fetch` gives it, is passed through", async (t) => {
  const plugin = await run(t, { fetch: () => fetch("data:text/plain;charset=utf-8,passed%20on") });
  const response = await plugin.fetch("/");
  const got = [response.status, response.headers.get("content-type"), await response.text()];
  assert.deepEqual(got, [200, "text/plain;charset=utf-8", "passed on"]);
});

test("bytes that the handler changes after it has answered are sent as they were", async (t) => {
  const bytes = Buffer.from("before");
  const plugin = await run(t, {
    fetch: () => {
      const response = new Response(bytes);
      bytes.write("after!");
      return response;
    },
  });
  assert.equal(await (await plugin.fetch("/")).text(), "before");
});

test("pieces of a stream reach the caller one by one", async (t) => {
  const pieces = ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"].map((text) => ({
    text,
    go: gate(),
  }));
  const plugin = await run(t, {
    fetch: () => {
      const left = [...pieces];
      const body = new ReadableStream({
        async pull(controller) {
          const piece = left.shift();
          if (piece === undefined) return controller.close();
          await piece.go.promise;
          controller.enqueue(Buffer.from(piece.text));
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  });
  const response = await plugin.fetch("/");
  const reader = response.body?.getReader();
  for (const { text, go } of pieces) {
    go.open();
    const { value } = (await reader?.read()) ?? {};
    assert.equal(Buffer.from(value ?? []).toString(), text);
  }
  assert.equal((await reader?.read())?.done, true);
});

test("both directions stream at once", async (t) => {
  const plugin = await run(t, { fetch: (request) => new Response(request.body) });
  const peer = new Peer(t, placeOf(plugin));
  peer.head("POST", "/", "transfer-encoding: chunked", "connection: close");
  for (const text of ["one", "two", "three"]) {
    peer.chunk(text);
    assert.match(await peer.until(text), /^/);
  }
  peer.chunk();
  assert.match(await peer.rest(), /\r\n0\r\n\r\n$/);
});

test("a declared length is kept to", async (t) => {
  const plugin = await run(t, {
    fetch: () => new Response(stream("four"), { headers: { "content-length": "4" } }),
  });
  const peer = new Peer(t, placeOf(plugin));
  const answer = await peer.head("GET", "/").until("four");
  assert.match(answer, /content-length: 4\r\n/);
  assert.doesNotMatch(answer, /transfer-encoding/);
});

test("headers about the connection are the server's business, but for its end", async (t) => {
  const headers = {
    "keep-alive": "timeout=5",
    "transfer-encoding": "gzip",
    connection: "keep-alive",
  };
  const plugin = await run(t, {
    fetch: routes({
      hop: () => new Response("body", { headers }),
      close: () => new Response("last", { headers: { connection: "close" } }),
    }),
  });
  const peer = new Peer(t, placeOf(plugin));
  const answer = await peer.head("GET", "/hop").until("body");
  assert.doesNotMatch(answer, /keep-alive|transfer-encoding|gzip/);
  assert.match(await peer.head("GET", "/close").rest(), /connection: close\r\n.*last$/s);
});

test("a handler may give a promise, or anything that is like one", async (t) => {
  const plugin = await run(t, {
    fetch: routes({
      thenable: () =>
        // biome-ignore lint/suspicious/noThenProperty: that is what is tested
        ({ then: (give: (value: Response) => void) => give(new Response("then")) }) as never,
      promise: async () => new Response("promise"),
    }),
  });
  assert.equal(await (await plugin.fetch("/thenable")).text(), "then");
  assert.equal(await (await plugin.fetch("/promise")).text(), "promise");
});

test("a plugin without a handler answers 404", async (t) => {
  const plugin = await run(t, {});
  const response = await plugin.fetch("/anything");
  const type = response.headers.get("content-type");
  assert.deepEqual([response.status, type], [404, "application/problem+json"]);
  assert.equal((await plugin.fetch("/health")).status, 200);
});
