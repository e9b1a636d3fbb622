/** Loading a native addon out of an executable. */

import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { nativeFile } from "../ts/cli/native_file.js";
import { inspectNode } from "../ts/cli/node_binary.js";
import { embeddedUi, loadFrom, unpackedAddon } from "../ts/unpack.js";
import { installed } from "./helpers/command.js";

const addon = () => readFileSync(nativeFile(installed, inspectNode(undefined)));

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), "temps-unpack-"));
  t.after(() => rmSync(made, { force: true, recursive: true }));
  return made;
}

test("it is loaded from a private file that is gone afterwards", (t) => {
  const place = folder(t);
  const seen: number[] = [];
  const dlopen = process.dlopen.bind(process);
  t.mock.method(process, "dlopen", (module: object, file: string) => {
    seen.push(statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777);
    dlopen(module, file);
  });
  const loaded = loadFrom(addon(), [place]) as { checkManifest: unknown };
  assert.equal(typeof loaded.checkManifest, "function");
  assert.deepEqual(seen, [0o700, 0o700]);
  assert.deepEqual(readdirSync(place), []);
});

test("a place that will not do is followed by the next", (t) => {
  const place = folder(t);
  writeFileSync(join(place, "file"), "");
  mkdirSync(join(place, "good"));
  const places = [join(place, "missing"), join(place, "file"), join(place, "good")];
  const loaded = loadFrom(addon(), places) as { checkManifest: unknown };
  assert.equal(typeof loaded.checkManifest, "function");
});

test("when none will do, each is named with the reason, and nothing stays", (t) => {
  const place = folder(t);
  const places = [join(place, "missing"), place];
  assert.throws(
    () => loadFrom(Buffer.from("no library"), places),
    (error: Error) => {
      assert.match(error.message, /Set the environment variable TMPDIR/);
      const tried = error.message.split("Tried ")[1] ?? "";
      const [first, second] = tried.split("; ");
      assert.equal(first, `${places[0]}: ENOENT: no such file or directory`);
      assert.ok(second?.startsWith(`${place}: `) && second.length > place.length + 5, second);
      assert.doesNotMatch(tried, /addon\.node|temps-plugin-/);
      return true;
    },
  );
  assert.deepEqual(readdirSync(place), []);
});

test("a plugin that runs from its files has nothing embedded", () => {
  assert.equal(unpackedAddon(), undefined);
  assert.equal(embeddedUi(), undefined);
});
