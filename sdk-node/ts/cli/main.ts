/** `npx temps-plugin`: the commands `build` and `run`. */

import { BUILD_HELP, buildCommand } from "./build_command.js";
import { CommandError, UsageError } from "./errors.js";
import { RUN_HELP, runCommand } from "./run_command.js";

const HELP = `usage: temps-plugin build|run FILE [OPTION…]

  build  make one executable file of a plugin
  run    run a plugin for development

\`temps-plugin build --help\` and \`temps-plugin run --help\` tell more.
`;

interface Command {
  readonly help: string;
  run(given: string[]): Promise<number>;
}

const COMMANDS = new Map<string, Command>([
  ["build", { help: BUILD_HELP, run: buildCommand }],
  ["run", { help: RUN_HELP, run: runCommand }],
]);

/** Runs one command line; returns the exit status. */
async function main([name, ...given]: string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h") {
    process.stdout.write(HELP);
    return name === undefined ? 2 : 0;
  }
  const command = COMMANDS.get(name);
  if (!command) {
    process.stderr.write(`error: there is no command ${name}; there are build and run\n`);
    return 2;
  }
  if (given.includes("--help") || given.includes("-h")) {
    process.stdout.write(command.help);
    return 0;
  }
  try {
    return await command.run(given);
  } catch (error) {
    if (!(error instanceof CommandError || error instanceof UsageError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    if (error instanceof CommandError) return 1;
    process.stderr.write(`\`temps-plugin ${name} --help\` tells what is allowed\n`);
    return 2;
  }
}

main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
