/** Command lines: options by `node:util`, errors for people. */

import { type ParseArgsConfig, parseArgs } from "node:util";
import { messageOf, UsageError } from "./errors.js";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Parses what follows the name of a command; `file` is the one argument that is no option. */
export function parseCommand<T extends Options>(given: string[], options: T) {
  try {
    const { values, positionals } = parseArgs({ args: given, options, allowPositionals: true });
    return { values, positionals };
  } catch (error) {
    // The first sentence says what is wrong, the rest how a shell would quote it.
    throw new UsageError(messageOf(error).split(". ")[0] ?? "");
  }
}

/** The plugin's main file: exactly one argument is no option. */
export function oneFile(positionals: readonly string[]): string {
  const [file, ...more] = positionals;
  if (file === undefined) throw new UsageError("the plugin's main file is missing");
  if (more.length > 0)
    throw new UsageError(`there is one file to name, and not ${more.join(", ")} too`);
  return file;
}

/** One of several texts an option can be. */
export function oneOf<T extends string>(option: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) {
    throw new UsageError(`${option} ${value}: allowed are ${allowed.join(", ")}`);
  }
  return found;
}
