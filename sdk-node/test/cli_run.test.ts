/** `temps-plugin run`: the small host it is, against a plugin made by hand. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cli, project, runCli, Watched, write } from "./helpers/command.js";

const FIXTURE = readFileSync(
  join(process.env["TEMPS_PLUGIN_ROOT"] ?? "", "test", "fixtures", "by_hand.mjs"),
  "utf8",
);
const UP = /http:\/\/127\.0\.0\.1:(\d+)\/api\/x\/[a-z-]+\/$/;
const limited = { timeout: 60_000 };

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly trailers: NodeJS.Dict<string>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: what the fixture says is looked at field by field
  readonly json: any;
}

interface State {
  readonly events: Record<string, unknown>[];
  readonly left: number;
  readonly pid: number;
  readonly version: string;
}

/** One `run`, seen from the terminal and the browser. */
class Developer extends Watched {
  readonly root: string;
  port = 0;

  constructor(root: string, args: string[], environment: Record<string, string> = {}) {
    const given = [cli, "run", "--port", "0", ...args];
    const env = { ...process.env, ...environment };
    super(process.execPath, given, { cwd: root, env, stdio: ["ignore", "inherit", "pipe"] }, 2);
    this.root = root;
  }

  /** Waits until the plugin has started for the `count`-th time. */
  async up(count = 1): Promise<this> {
    this.port = Number((await this.line(UP, count))[1]);
    return this;
  }

  ask(
    path: string,
    { method = "GET", body = "", headers = {} as Record<string, string> } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { port } = this;
      const asking = request({ host: "127.0.0.1", port, path, method, headers, agent: false });
      asking.once("error", reject);
      asking.once("upgrade", (_, socket) => {
        socket.destroy();
        reject(new Error("it was upgraded"));
      });
      asking.once("response", (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (piece: string) => {
          text += piece;
        });
        answer.once("error", reject);
        answer.once("end", () => {
          const { statusCode: status = 0, headers: found, trailers } = answer;
          const json = text.startsWith("{") ? JSON.parse(text) : undefined;
          resolve({ status, headers: found, trailers, text, json });
        });
      });
      asking.end(body);
    });
  }

  async state(): Promise<State> {
    const { status, json } = await this.ask("/api/x/fixture/state");
    assert.equal(status, 200);
    return json as State;
  }

  /** The plugin's state once it is as wanted; the test's own limit ends the asking. */
  async stateWhen(reached: (state: State) => unknown): Promise<State> {
    for (;;) {
      const state = await this.state();
      if (reached(state)) return state;
    }
  }

  /** A connection on which a request without a body has been sent. */
  connect(start: string, ...headers: string[]): Raw {
    const lines = [`${start} HTTP/1.1`, `Host: 127.0.0.1:${this.port}`, ...headers, ""];
    return new Raw(this.port, lines.join("\r\n"));
  }
}

/** A connection byte by byte. */
class Raw {
  readonly socket: Socket;
  #text = "";
  #ended = false;
  #wake: () => void = () => {};

  constructor(port: number, head: string) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (piece) => {
      this.#text += piece.toString();
      this.#wake();
    });
    this.socket.once("close", () => {
      this.#ended = true;
      this.#wake();
    });
    this.socket.on("error", () => {});
    this.socket.write(`${head}\r\n`);
  }

  /** What came up to and with `end`. */
  async until(end: string): Promise<string> {
    while (!this.#text.includes(end)) {
      assert.ok(!this.#ended, `closed after ${JSON.stringify(this.#text)}`);
      await this.#news();
    }
    const cut = this.#text.indexOf(end) + end.length;
    const found = this.#text.slice(0, cut);
    this.#text = this.#text.slice(cut);
    return found;
  }

  async closed(): Promise<void> {
    while (!this.#ended) await this.#news();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function developing(
  t: TestContext,
  args: string[] = [],
  {
    source = FIXTURE,
    environment = {},
  }: { source?: string; environment?: Record<string, string> } = {},
): Developer {
  const root = project(t, { "package.json": '{"name": "fixture"}', "plugin.mjs": source });
  const developer = new Developer(root, ["plugin.mjs", ...args], environment);
  t.after(() => developer.stop());
  return developer;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function headersOf(answer: Answer): Record<string, string> {
  const pairs = answer.json.headers as [string, string][];
  const names = new Set(pairs.map(([name]) => name.toLowerCase()));
  assert.equal(names.size, pairs.length, "no header is there twice");
  return Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
}

for (const dialect of ["1", "2"]) {
  test(`requests come from a signed-in user, dialect ${dialect}`, limited, async (t) => {
    const user = ["--user", "ann@x.org", "--role", "reader", "--permissions", "projects:read,x"];
    const developer = await developing(t, ["--dialect", dialect, ...user]).up();
    const own = { "X-Temps-User-Id": "9", Cookie: "a=b", Authorization: "x", "X-Other": "kept" };
    const path = "/api/x/fixture/a%20b/c?d=%2F&e?f";
    const seen = await developer.ask(path, { method: "PUT", body: "body", headers: own });
    assert.equal(seen.json.method, "PUT");
    assert.equal(seen.json.target, "/a%20b/c?d=%2F&e?f");
    const headers = headersOf(seen);
    assert.equal(headers["x-temps-plugin"], "fixture");
    assert.equal(headers["x-temps-user-id"], "1");
    assert.equal(headers["x-temps-user-email"], "ann@x.org");
    assert.equal(headers["x-temps-user-role"], "reader");
    assert.equal(headers["x-temps-user-permissions"], "projects:read,x");
    assert.equal(headers["x-other"], "kept");
    assert.match(headers["x-temps-auth-signature"] ?? "", /^[0-9a-f]{64}$/);
    assert.match(headers["x-temps-request-id"] ?? "", /^[0-9a-f-]{36}$/);
    assert.equal("x-temps-actor-token" in headers, dialect === "2");
    assert.equal("cookie" in headers || "authorization" in headers, false);
    assert.equal(headers["connection"], "close");
  });

  test(`calls are answered and events delivered, dialect ${dialect}`, limited, async (t) => {
    const developer = await developing(t, ["--dialect", dialect]).up();
    const { json: pong } = await developer.ask("/api/x/fixture/ping");
    assert.deepEqual(pong, { pong: "are you there" });
    const { json: reply } = await developer.ask("/api/x/fixture/call");
    const error = dialect === "1" ? reply.error : reply.outcome.err;
    assert.deepEqual([reply.type, reply.id, error.code], ["response", 5, "internal"]);
    const given = { event_type: "deployment.ready", project_id: 7, data: { n: "x".repeat(200) } };
    const sent = await developer.ask("/events", { method: "POST", body: JSON.stringify(given) });
    assert.equal(sent.status, 202);
    assert.deepEqual({ ...sent.json, ...given }, sent.json);
    const { events } = await developer.stateWhen(({ events }) => events.length > 0);
    assert.deepEqual(events, [sent.json]);
    assert.deepEqual(Object.keys(sent.json).sort(), [
      "data",
      "event_type",
      "id",
      "project_id",
      "timestamp",
    ]);
  });
}

test("the launch line and the data directory", limited, async (t) => {
  const developer = await developing(t).up();
  const data = join(developer.root, ".temps", "plugin");
  const seen = await developer.ask("/api/x/fixture/");
  assert.deepEqual(JSON.parse(readFileSync(join(data, "launch.json"), "utf8")), {
    protocol_version: 2,
    auth_secret: headersOf(seen)["x-temps-auth-signature"],
    database_url: null,
    host_data_dir: null,
  });
  assert.equal(readFileSync(join(developer.root, ".temps", ".gitignore"), "utf8"), "*\n");
});

test("a database is asked for and passed on", limited, async (t) => {
  const environment = { NEEDS_DB: "1" };
  const without = developing(t, [], { environment });
  await without.line(/error: its manifest has requires_db; .*--database-url/);
  const given = await developing(t, ["--database-url", "postgres://x"], { environment }).up();
  const line = readFileSync(join(given.root, ".temps", "plugin", "launch.json"), "utf8");
  assert.equal(JSON.parse(line).database_url, "postgres://x");
});

test(
  "what is the platform's own is not passed on, other paths lead to the plugin",
  limited,
  async (t) => {
    const developer = await developing(t).up();
    for (const path of [
      "/_events",
      "/_temps/channel",
      "/%5ftemps/channel",
      "/a/../_events",
      "//_events",
      "/%255fevents",
    ]) {
      const { status, json } = await developer.ask(`/api/x/fixture${path}`, { method: "POST" });
      assert.deepEqual([status, json.title], [404, "Not Found"], path);
    }
    const other = await developer.ask("/api/x/fixtures");
    assert.deepEqual([other.status, other.json.detail], [404, "The plugin is at /api/x/fixture/."]);
    const root = await developer.ask("/");
    assert.deepEqual([root.status, root.headers["location"]], [307, "/api/x/fixture/ui/"]);
  },
);

test("other web pages may not ask", limited, async (t) => {
  const developer = await developing(t).up();
  const ask = async (headers: Record<string, string>) =>
    (await developer.ask("/api/x/fixture/", { method: "POST", headers })).status;
  assert.equal(await ask({ Origin: "http://evil.example" }), 403);
  assert.equal(await ask({ Host: "evil.example" }), 403);
  assert.equal(await ask({ Origin: `http://127.0.0.1:${developer.port}` }), 200);
  const upgrade = { Connection: "upgrade", Upgrade: "x", Origin: "http://evil.example" };
  assert.equal(await ask(upgrade), 403);
});

test("bodies stream both ways", limited, async (t) => {
  const developer = await developing(t).up();
  const raw = developer.connect("POST /api/x/fixture/upload", "Transfer-Encoding: chunked");
  await raw.until("\r\n\r\n");
  for (const piece of ["one", "two", "end."]) {
    raw.socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
    await raw.until(piece);
  }
  raw.socket.destroy();
});

test(
  "trailers of an answer arrive, and an answer that breaks off looks like one",
  limited,
  async (t) => {
    const developer = await developing(t).up();
    const whole = await developer.ask("/api/x/fixture/trailers");
    assert.deepEqual([whole.text, whole.trailers["x-sum"]], ["hi", "7"]);
    await assert.rejects(developer.ask("/api/x/fixture/broken"), { code: "ECONNRESET" });
  },
);

test("an upgraded connection carries bytes both ways", limited, async (t) => {
  const developer = await developing(t).up();
  const raw = developer.connect("GET /api/x/fixture/upgrade", "Connection: upgrade", "Upgrade: x");
  assert.match(await raw.until("\r\n\r\n"), /^HTTP\/1\.1 101 /);
  for (const piece of ["ping", "pong"]) {
    raw.socket.write(piece);
    await raw.until(piece.toUpperCase());
  }
  raw.socket.destroy();
});

test("an upgrade is asked for when the caller does, and may be refused", limited, async (t) => {
  const developer = await developing(t).up();
  const headers = { Connection: "keep-alive, Upgrade", Upgrade: "websocket" };
  const seen = headersOf(await developer.ask("/api/x/fixture/a", { headers }));
  assert.deepEqual([seen["connection"], seen["upgrade"]], ["upgrade", "websocket"]);
});

test("the plugin learns that a caller has left", limited, async (t) => {
  const developer = await developing(t).up();
  const raw = developer.connect("GET /api/x/fixture/endless");
  await raw.until("here");
  assert.equal((await developer.state()).left, 0);
  raw.socket.destroy();
  await developer.stateWhen(({ left }) => left === 1);
});

test("an answer that leaves the body unread arrives", limited, async (t) => {
  const developer = await developing(t).up();
  for (let times = 0; times < 50; times++) {
    const body = "x".repeat(10_000);
    const { status } = await developer.ask("/api/x/fixture/a", { method: "POST", body });
    assert.equal(status, 200);
  }
});

test("a plugin that gives no answer is a bad gateway", limited, async (t) => {
  const developer = await developing(t).up();
  const { status, json } = await developer.ask("/api/x/fixture/silent");
  assert.deepEqual([status, json.detail], [502, "The plugin gave no answer."]);
  const headers = { Connection: "upgrade", Upgrade: "x" };
  assert.equal((await developer.ask("/api/x/fixture/silent", { headers })).status, 502);
});

test("what is no event is refused", limited, async (t) => {
  const developer = await developing(t).up();
  for (const body of ["{", '{"event_type": 1}', "[]"]) {
    assert.equal((await developer.ask("/events", { method: "POST", body })).status, 400);
  }
  assert.deepEqual((await developer.state()).events, []);
});

test("a lost channel is dialled again", limited, async (t) => {
  const developer = await developing(t).up();
  await developer.ask("/api/x/fixture/ping");
  await developer.ask("/api/x/fixture/drop");
  const body = '{"event_type": "project.created"}';
  // One that was sent just before the loss is gone with the channel.
  for (let state = await developer.state(); state.events.length === 0; ) {
    await developer.ask("/events", { method: "POST", body });
    state = await developer.state();
  }
  const { json: pong } = await developer.ask("/api/x/fixture/ping");
  assert.deepEqual(pong, { pong: "are you there" });
});

test("a change starts it again", limited, async (t) => {
  const developer = await developing(t).up();
  const before = await developer.state();
  write(developer.root, { "plugin.mjs": FIXTURE.replace('"1.0.0"', '"1.0.1"') });
  await developer.line(/starting again: plugin\.mjs changed/);
  // The request waits for the new plugin.
  const after = await developer.state();
  assert.deepEqual([before.version, after.version], ["1.0.0", "1.0.1"]);
  assert.equal(isAlive(before.pid), false);
  assert.ok(existsSync(join(developer.root, ".temps", "plugin", "stopped")));
});

test("a plugin that ends is reported and started after a change", limited, async (t) => {
  const developer = await developing(t).up();
  await developer.ask("/api/x/fixture/exit").catch(() => {});
  await developer.line(/error: it ended with status 7/);
  const { status, json } = await developer.ask("/api/x/fixture/state");
  assert.equal(status, 502);
  assert.equal(json.detail, "The plugin is not running: it ended with status 7.");
  write(developer.root, { "src/more.ts": "" });
  await developer.up(2);
  assert.equal((await developer.state()).version, "1.0.0");
});

test("without watching, a plugin that ends is the end", limited, async (t) => {
  const developer = await developing(t, ["--no-watch"]).up();
  await developer.ask("/api/x/fixture/exit").catch(() => {});
  await developer.line(/^error: it ended with status 7$/);
  assert.equal(await developer.end(), 1);
});

const FAILURES: [source: string, message: string][] = [
  ["process.exit(3)", "it ended with status 3 before its hello line"],
  ["process.kill(process.pid, 9)", "it ended with signal SIGKILL before its hello line"],
  ["console.log('hi')", 'a JSON object of type "hello" was due on stdout, not "hi"'],
  ["console.log('[]')", 'a JSON object of type "hello" was due on stdout, not "[]"'],
  [
    `console.log('{"type":"manifest"}')`,
    'a line of type "hello" was due, not "manifest"; it speaks the other dialect, see --dialect',
  ],
  [
    `console.log('{"type":"hello"}')`,
    '"protocol_version" is undefined in its hello line, and not 2',
  ],
  [
    `console.log('{"type":"hello","protocol_version":2,"manifest":{"name":"A b"}}')`,
    'the manifest\'s name is "A b"; it has to be words of a-z',
  ],
  ["console.log('x'.repeat(3_000_000))", "its hello line is longer than 2097152 bytes"],
];
for (const [source, message] of FAILURES) {
  test(`a plugin that fails the handshake is told why: ${message}`, limited, async (t) => {
    const developer = developing(t, [], { source });
    await developer.line(/change a file to start it again/);
    const said = developer.lines.filter((line) => line.startsWith(`[temps] error: ${message}`));
    assert.equal(said.length, 1, developer.lines.join("\n"));
  });
}

test("stray output is reported", limited, async (t) => {
  const developer = await developing(t).up();
  await developer.ask("/api/x/fixture/print");
  await developer.line(/wrote to its real standard output after ready: "stray"/);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} stops the plugin and leaves nothing`, limited, async (t) => {
    const developer = await developing(t).up();
    const { pid } = await developer.state();
    assert.equal(await developer.stop(signal), 0);
    assert.equal(isAlive(pid), false);
    assert.ok(existsSync(join(developer.root, ".temps", "plugin", "stopped")));
    assert.ok(
      developer.lines.every((line) => line.startsWith("[temps] ")),
      developer.lines.join("\n"),
    );
  });
}

test("a second signal ends a plugin that does not stop", limited, async (t) => {
  const source = FIXTURE.replace(
    'process.once("SIGTERM", () => {',
    '$&\n  writeSync(1, "asked");\n  return;',
  );
  const developer = await developing(t, [], { source }).up();
  const { pid } = await developer.state();
  developer.process.kill("SIGINT");
  await developer.line(/output after ready: "asked"/);
  assert.equal(await developer.stop(), 0);
  assert.equal(isAlive(pid), false);
  assert.ok(developer.lines.every((line) => !line.includes("did not stop")));
});

test(
  "TypeScript runs with its own import.meta, and is told what is wrong with it",
  limited,
  async (t) => {
    const root = project(t, {
      "package.json": '{"name": "typed"}',
      "src/greeting.ts": 'export const greeting: string = "hello " + import.meta.filename;',
      "src/index.ts": `import { greeting } from "./greeting";
import { createManifest, runPlugin } from "temps-plugin";
await runPlugin({
  manifest: createManifest("typed", "1.0.0").build(),
  fetch: () => Response.json({ greeting, url: import.meta.url, directory: __dirname }),
});`,
    });
    const developer = await new Developer(root, [join("src", "index.ts")]).up();
    t.after(() => developer.stop());
    const { json } = await developer.ask("/api/x/typed/");
    assert.deepEqual(json, {
      greeting: `hello ${join(root, "src", "greeting.ts")}`,
      url: `file://${join(root, "src", "index.ts")}`,
      directory: join(root, "src"),
    });
    write(root, { "src/greeting.ts": "export const greeting: = 1;" });
    await developer.line(/error: it cannot be bundled:/);
    await developer.line(/src\/greeting\.ts:1:23|greeting\.ts:1:23/);
  },
);

test("what cannot run at all exits with 1, wrong arguments with 2", limited, async (t) => {
  const developer = await developing(t).up();
  const { root, port } = developer;
  const missing = runCli(root, "run", "nosuch.ts");
  assert.deepEqual([missing.status, missing.stderr], [1, "error: there is no file nosuch.ts\n"]);
  const taken = runCli(root, "run", "plugin.mjs", "--port", String(port));
  assert.equal(taken.status, 1);
  assert.equal(taken.stderr, `error: port ${port} is taken; choose another with --port\n`);
  for (const [args, message] of [
    [["--port", "70000"], "error: --port 70000: a number from 0 to 65535 is allowed"],
    [["--dialect", "3"], "error: --dialect 3: allowed are 1, 2"],
    [["--role", "king"], "error: --role king: allowed are admin, platform_admin,"],
    [["--user", "a\nb"], 'error: --user "a\\nb": printable ASCII is allowed'],
    [["--ports", "1"], "error: Unknown option '--ports'"],
    [["other.ts"], "error: there is one file to name, and not other.ts too"],
  ] as [string[], string][]) {
    const { status, stderr } = runCli(root, "run", "plugin.mjs", ...args);
    assert.equal(status, 2, stderr);
    assert.ok(stderr.startsWith(message), stderr);
  }
  assert.match(runCli(root, "run").stderr, /^error: the plugin's main file is missing\n/);
  assert.match(runCli(root, "run", "--help").stdout, /^usage: temps-plugin run FILE/);
});
