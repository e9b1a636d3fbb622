/** A plugin cannot be built or run; the message is for the person at the terminal. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** The command line itself is wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Says one line to the person at the terminal. */
export type Report = (line: string) => void;

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether `error` is one of the operating system with this code, such as `ENOENT`. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
