/** The `Request` of a fetch-style handler: what it says, and what it passes for. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { extractAuthContext, type VerifiedCaller } from "temps-plugin";
import { testUser } from "temps-plugin/testing";
import { Peer, placeOf } from "./helpers/peer.js";
import { run, test } from "./helpers/plugin.js";

test("every method arrives as it was sent", async (t) => {
  const plugin = await run(t, { fetch: (request) => new Response(request.method) });
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "TRACE"]) {
    assert.equal(await (await plugin.fetch("/", { method })).text(), method);
  }
  const head = await plugin.fetch("/", { method: "HEAD" });
  assert.deepEqual(
    [head.status, head.headers.get("content-type")],
    [200, "text/plain;charset=UTF-8"],
  );
});

test("the URL is what a URL parser makes of the target", async (t) => {
  const plugin = await run(t, { fetch: (request) => new Response(request.url) });
  for (const path of [
    "/",
    "/plain/path?query=1&other=%20",
    "/caf%C3%A9/a%2Fb?q=1&r=%20",
    "//two/slashes",
    "/a/./b/../c",
    "/a/%2e%2e/c",
    "/with;semicolon,comma=1?a[]=1&b={x}|y^z`",
    "/?",
    "/a?b?c",
    "/%",
    "/it's/'quoted'?x='y'",
    "/back\\slash",
    "/pipe|brace{}",
    `/${"long/".repeat(1000)}?${"q=1&".repeat(1000)}`,
  ]) {
    const said = await (await plugin.fetch(path)).text();
    assert.equal(said, new URL(`http://plugin${path}`).href);
  }
});

test("the host is taken from its header, if it is one", async (t) => {
  const plugin = await run(t, { fetch: (request) => new Response(request.url) });
  for (const [host, expected] of [
    ["example.org:8080", "http://example.org:8080/a"],
    ["UPPER.example", "http://upper.example/a"],
    ["[::1]:80", "http://[::1]/a"],
    ["example.org:80", "http://example.org/a"],
    ["user@evil.example", "http://localhost/a"],
    ["evil.example/path?", "http://localhost/a"],
    ["999.999.999.999", "http://localhost/a"],
  ] as const) {
    const peer = new Peer(t, placeOf(plugin));
    const signed = `x-temps-auth-signature: ${plugin.ctx.authSecret}`;
    peer.write(`GET /a HTTP/1.1\r\nhost: ${host}\r\n${signed}\r\nconnection: close\r\n\r\n`);
    assert.ok((await peer.rest()).endsWith(`\r\n\r\n${expected}`), host);
  }
});

test("headers are there, repeated ones joined, each byte a character", async (t) => {
  const plugin = await run(t, {
    fetch: (request) => {
      const { headers } = request;
      const names = ["x-mixed", "x-twice", "x-latin", "cookie", "x-empty", "x-none"];
      return Response.json([names.map((name) => headers.get(name)), headers.has("X-MIXED")]);
    },
  });
  const headers: [string, string][] = [
    ["X-Mixed", "Case"],
    ["x-twice", "1"],
    ["x-twice", "2"],
    ["x-latin", "caf\u00e9"],
    ["x-empty", ""],
  ];
  assert.deepEqual(await (await plugin.fetch("/", { headers })).json(), [
    ["Case", "1, 2", "caf\u00e9", null, "", null],
    true,
  ]);
});

test("credentials never reach the handler, and headers alone make no caller", async (t) => {
  const seen: [VerifiedCaller | undefined, string][] = [];
  const plugin = await run(
    t,
    {
      fetch: (request) => {
        seen.push([extractAuthContext(request), JSON.stringify([...request.headers])]);
        return new Response();
      },
    },
    { dialect: 1 },
  );
  const user = testUser({ actorToken: "the-token" });
  await plugin.fetch("/", { user });
  const [caller, headers] = seen[0] ?? [];
  assert.deepEqual(Object.entries(caller?.toJSON() ?? {})[1], ["email", user.email]);
  assert.ok(!headers?.includes(plugin.ctx.authSecret));
  assert.ok(!headers?.includes("the-token"));
  for (const separator of ["-", "_"]) {
    const named = ["id", "email", "role"].map((name): [string, string] => [
      ["x", "temps", "user", name].join(separator),
      "admin",
    ]);
    const response = await plugin.fetch("/", { headers: named, signed: false });
    assert.equal(response.status, 200);
    assert.equal(seen.at(-1)?.[0], undefined);
  }
});

test("a caller is known of a request, its clones and what is made of it, and of nothing else", async (t) => {
  const users: unknown[] = [];
  const plugin = await run(t, {
    fetch: (request) => {
      const others = [request, request.clone(), new Request(request), new Request(request, {})];
      users.push(...others.map((one) => extractAuthContext(one)?.userId));
      const [once, twice] = [request, request].map(extractAuthContext);
      users.push(once === twice);
      const strangers = [new Request("http://plugin/"), {}, new Headers()];
      users.push(...strangers.map((one) => extractAuthContext(one)));
      return new Response();
    },
  });
  const response = await plugin.fetch("/", { user: testUser({ id: "7" }) });
  assert.equal(response.status, 200);
  assert.deepEqual(users, ["7", "7", "7", "7", true, undefined, undefined, undefined]);
});

test("a request passes for one", async (t) => {
  const plugin = await run(t, {
    fetch: (request) =>
      Response.json([
        request instanceof Request,
        Object.prototype.toString.call(request),
        Object.prototype.toString.call(new Request("http://x/")),
        new Request("http://x/") instanceof Request,
        request.signal instanceof AbortSignal,
        request.redirect,
        request.headers instanceof Headers,
        [request.headers, request.headers].every((one, _, [first]) => one === first),
      ]),
  });
  assert.deepEqual(await (await plugin.fetch("/")).json(), [
    true,
    "[object Request]",
    "[object Request]",
    true,
    true,
    "follow",
    true,
    true,
  ]);
});

test("requests and responses can be looked at", async (t) => {
  const plugin = await run(t, {
    fetch: async (request) => {
      await request.text();
      return new Response(inspect([request, Response.json({}, { status: 201 })], { depth: 4 }));
    },
  });
  const shown = await (await plugin.fetch("/path", { method: "POST", body: "x" })).text();
  for (const part of [
    "POST",
    "http://plugin/path",
    "bodyUsed: true",
    "status: 201",
    "application/json",
  ]) {
    assert.ok(shown.includes(part), shown);
  }
});

test("a request can be changed by making another of it", async (t) => {
  const plugin = await run(t, {
    fetch: async (request) => {
      const headers = new Headers(request.headers);
      headers.set("x-added", "1");
      const other = new Request(new URL("/other", request.url), request);
      const third = new Request(other, { headers, method: "PUT" });
      const { method, url } = third;
      return Response.json([method, url, third.headers.get("x-added"), await third.text()]);
    },
  });
  const response = await plugin.fetch("/", { method: "POST", body: "body" });
  assert.deepEqual(await response.json(), ["PUT", "http://plugin/other", "1", "body"]);
});

test("a handler passes a request on by fetch", async (t) => {
  const behind = createServer((req, res) => {
    req.setEncoding("utf8");
    let text = "";
    req.on("data", (piece: string) => {
      text += piece;
    });
    req.on("end", () => res.setHeader("x-behind", "1").end(`${req.method} ${req.url} ${text}`));
  });
  await new Promise<void>((resolve) => behind.listen(0, "127.0.0.1", resolve));
  t.after(() => behind.close());
  const { port } = behind.address() as AddressInfo;
  const plugin = await run(t, {
    fetch: (request) => {
      const { pathname } = new URL(request.url);
      const target = new URL(pathname, `http://127.0.0.1:${port}`);
      if (pathname === "/init") return fetch(target, request);
      return fetch(new Request(target, request));
    },
  });
  for (const path of ["/init", "/request"]) {
    const response = await plugin.fetch(path, { method: "POST", body: "body" });
    const got = [response.status, response.headers.get("x-behind"), await response.text()];
    assert.deepEqual(got, [200, "1", `POST ${path} body`]);
  }
});

test("what a handler enters with AsyncLocalStorage is not the next request's", async (t) => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const plugin = await run(t, {
    fetch: (request) => {
      seen.push(storage.getStore());
      storage.enterWith(request.url);
      return new Response();
    },
  });
  await Promise.all(Array.from({ length: 20 }, () => plugin.fetch("/")));
  assert.deepEqual(
    seen,
    seen.map(() => undefined),
  );
});
