import { Unavailable } from "../../core/ports/event_store.ts";
import { StartError } from "../../core/ports/plugin.ts";

/** What crosses from a worker: `kind` says what the caller may conclude. */
export type Failure = {
  /** `unavailable`: nothing was stored. `unknown`: it may be stored. `fault`: nothing was stored, and it is a bug. */
  readonly kind: "unavailable" | "unknown" | "fault";
  readonly message: string;
};

const BUSY = 5, LOCKED = 6, NO_MEMORY = 7, READ_ONLY = 8, IO_ERROR = 10, CORRUPT = 11, FULL = 13, CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;
const IO_ERROR_WRITE = 778;

const ADVICE = new Map([
  [BUSY, "another program holds it locked; end that program"],
  [LOCKED, "another connection holds it locked; try again"],
  [NO_MEMORY, "there is no memory left; give the process more"],
  [READ_ONLY, "its disk is read-only; make it writable"],
  [IO_ERROR, "its disk failed to read or write; free space on the disk or repair it"],
  [CORRUPT, "its contents are damaged; restore it from a backup"],
  [FULL, "its disk is full; free space on it"],
  [
    CANNOT_OPEN,
    "it cannot be opened; check that its directory is there and may be written, or holds its -wal and -shm",
  ],
  [NOT_A_DATABASE, "it is not a database; restore it from a backup"],
]);

/** What an error of SQLite means for the caller; an error of any other origin is a fault. */
export function failureOf(error: unknown, file: string): Failure {
  const code = primaryCode(error);
  const advice = code === undefined ? undefined : ADVICE.get(code);
  if (advice === undefined) return { kind: "fault", message: messageOf(error) };
  return { kind: "unavailable", message: `Cannot use ${file}: ${advice} (SQLite: ${messageOf(error)})` };
}

/**
 * What a failed COMMIT means. Its last frame may be on the disk when only the sync after it failed, and a recovery
 * would then find it; where the write itself was refused, it is not.
 */
export function commitFailureOf(error: unknown, file: string): Failure {
  const failure = failureOf(error, file);
  if (primaryCode(error) !== IO_ERROR || extendedCode(error) === IO_ERROR_WRITE) return failure;
  return { ...failure, kind: "unknown" };
}

/** Why a file was not opened, with what to do about it. */
export function refusalOf(error: unknown, file: string): string {
  if (error instanceof StartError) return error.message;
  const { kind, message } = failureOf(error, file);
  return kind === "fault" ? `Cannot open ${file}: ${message}` : message;
}

/** What a write to a file on a disk that was read-only when the file was opened comes to. */
export function readOnlyFailure(file: string): Failure {
  return { kind: "unavailable", message: `Cannot use ${file}: ${ADVICE.get(READ_ONLY)}` };
}

export function errorOf({ kind, message }: Failure): Error {
  return kind === "fault" ? new Error(message) : new Unavailable(message);
}

/** Runs a read; throws `Unavailable` where SQLite could not answer. */
export function reading<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const failure = failureOf(error, file);
    throw failure.kind === "fault" ? error : errorOf(failure);
  }
}

export function isReadOnly(error: unknown): boolean {
  return primaryCode(error) === READ_ONLY;
}

export function isDamaged(error: unknown): boolean {
  const code = primaryCode(error);
  return code === CORRUPT || code === NOT_A_DATABASE;
}

function primaryCode(error: unknown): number | undefined {
  const code = extendedCode(error);
  return code === undefined ? undefined : code & 0xff;
}

function extendedCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  // Thrown for a file that cannot be opened, it has no code.
  if (!("errcode" in error)) return error.message.startsWith("unable to open database file") ? CANNOT_OPEN : undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
