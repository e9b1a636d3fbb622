/** The SDK's own native module, as a file to put into an executable. */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { CommandError } from "./errors.js";
import type { NodeBinary } from "./node_binary.js";

/**
 * The native module for the system of `node`: the file beside the package's code, or that of the
 * package for the system. `sdk`: the package's directory.
 */
export function nativeFile(sdk: string, node: NodeBinary): string {
  const target = [node.platform, node.arch, node.libc].filter(Boolean).join("-");
  const beside = join(sdk, "native", `temps-plugin.${target}.node`);
  if (existsSync(beside)) return beside;
  try {
    return createRequire(join(sdk, "package.json")).resolve(`temps-plugin-${target}`);
  } catch {
    throw new CommandError(
      `the native module for ${target} is not installed: neither ${beside} nor the package ` +
        `temps-plugin-${target}. Install temps-plugin again without --omit=optional`,
    );
  }
}
