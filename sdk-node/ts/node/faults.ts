// Errors as Node's own `http` gives them, for code that looks at `code`.

/** The caller went away. */
export function connectionReset(): Error {
  return Object.assign(new Error("aborted"), { code: "ECONNRESET" });
}

/** Something was written that can't arrive any more. */
export function destroyed(): Error {
  return Object.assign(new Error("Cannot write: the connection is closed"), {
    code: "ERR_STREAM_DESTROYED",
  });
}

/**
 * Calls functions of author code, each even if one before it throws. What one throws becomes an
 * uncaught exception, as it is when Node calls them.
 */
export function callAll<T extends unknown[]>(
  functions: readonly ((...given: T) => void)[],
  ...given: T
): void {
  for (const one of functions) {
    try {
      one(...given);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }
}
