// Makes the packages as they are published: one for each system with the runner in it, and the one that
// people install, which names them.
//
//   node scripts/pack.mjs --output packed linux-x64=path/to/runner darwin-arm64=path/to/another
//
// Prints the paths of the archives, that of the main package last.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const folder = fileURLToPath(new URL("..", import.meta.url));
const repository = resolve(folder, "../..");
const description = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

// Node's names for systems; the runner for Linux is linked statically and runs on every one.
const SYSTEMS = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];

function stage(parent, name, contents) {
  const directory = join(parent, name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "package.json"), `${JSON.stringify(contents, null, 2)}\n`);
  for (const licence of ["LICENSE-APACHE", "LICENSE-MIT"]) {
    cpSync(join(repository, licence), join(directory, licence));
  }
  return directory;
}

function systemPackage(parent, system, runner) {
  const [os, cpu] = system.split("-");
  const { license, version, engines } = description;
  const name = `${description.name}-${system}`;
  const repo = description.repository;
  const about = `The runner of ${description.name} for ${os} on ${cpu}`;
  const files = ["bin", "LICENSE-APACHE", "LICENSE-MIT"];
  const contents = {
    name,
    version,
    description: about,
    license,
    repository: repo,
    os: [os],
    cpu: [cpu],
    engines,
    files,
  };
  const directory = stage(parent, name, contents);
  mkdirSync(join(directory, "bin"));
  cpSync(runner, join(directory, "bin", description.name));
  chmodSync(join(directory, "bin", description.name), 0o755);
  return directory;
}

function mainPackage(parent, systems) {
  const named = systems.map((system) => [`${description.name}-${system}`, description.version]);
  const contents = { ...description, optionalDependencies: Object.fromEntries(named) };
  const directory = stage(parent, description.name, contents);
  for (const part of ["bin", "lib", "README.md"]) {
    cpSync(join(folder, part), join(directory, part), { recursive: true });
  }
  return directory;
}

function pack(directory, output) {
  const said = execFileSync("npm", ["pack", "--silent", "--json", "--pack-destination", output], {
    cwd: directory,
    encoding: "utf8",
  });
  return join(output, JSON.parse(said)[0].filename);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { output: { type: "string" } },
});
const runners = positionals.map((word) => word.split(/=(.*)/s).slice(0, 2));
const wrong = runners.find(([system, path]) => !SYSTEMS.includes(system) || !path);
if (wrong || runners.length === 0 || !values.output) {
  const found = wrong ? `${wrong.join("=")} is no runner. ` : "";
  console.error(
    `${found}Usage: pack.mjs --output FOLDER ${SYSTEMS[0]}=RUNNER …; systems: ${SYSTEMS.join(", ")}`,
  );
  process.exit(2);
}
const output = resolve(values.output);
mkdirSync(output, { recursive: true });
const staged = mkdtempSync(join(tmpdir(), "pack-"));
try {
  for (const [system, path] of runners) {
    console.log(pack(systemPackage(staged, system, path), output));
  }
  console.log(
    pack(
      mainPackage(
        staged,
        runners.map(([system]) => system),
      ),
      output,
    ),
  );
} finally {
  rmSync(staged, { recursive: true });
}
