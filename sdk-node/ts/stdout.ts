/**
 * Keeps stdout for the handshake from the moment the package is imported, in a process that a host has
 * started: code that prints may well run before `runPlugin`.
 */

import { native } from "./native.js";

/** The argument that every host gives, in both dialects. */
const SOCKET = "--socket-path";

/** Whether a host has started this process. */
function isPlugin(): boolean {
  return process.argv.some((given) => given === SOCKET || given.startsWith(`${SOCKET}=`));
}

// A worker thread of a plugin has the same arguments, long after the handshake.
if (isPlugin() && native.isFirstThread() !== false) native.claimStdout();
