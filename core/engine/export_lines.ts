/** One line of a file. `end` is the number of bytes up to and with its newline. */
export type Line = { readonly number: number; readonly text: string; readonly end: number };

/** A file is not an export, or not a whole one, or not of what the store has. Nothing of it was stored in this call. */
export class ExportRefused extends Error {
  override readonly name = "ExportRefused";
}

const NEWLINE = 10;
const ANOTHER_COPY = "take another copy of the export, or make it again";
/** Many times what a command may make. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * The lines of a file, their newlines among them, one in memory at a time. Throws `ExportRefused` at one that is too
 * long, is no UTF-8 or, at the end of the file, has no newline.
 */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line, void> {
  let begun = new Uint8Array();
  let number = 0;
  let end = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at !== -1; at = chunk.indexOf(NEWLINE, from)) {
      const bytes = joined(begun, chunk.subarray(from, at + 1));
      begun = new Uint8Array();
      number += 1;
      end += bytes.length;
      from = at + 1;
      yield { number, text: decoded(bytes, number), end };
    }
    begun = joined(begun, chunk.subarray(from));
    if (begun.length > MAX_LINE_BYTES) throw refusal(number + 1, `is longer than ${MAX_LINE_BYTES} bytes`);
  }
  if (begun.length > 0) throw refusal(number + 1, "ends in the middle, as of a file that was cut off");
}

/** Without other advice the file is taken to be damaged. */
export function refusal(line: number, finding: string, advice = ANOTHER_COPY): ExportRefused {
  return new ExportRefused(`line ${line} ${finding}; ${advice}`);
}

function joined(first: Uint8Array<ArrayBuffer>, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

function decoded(bytes: Uint8Array, number: number): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refusal(number, "is no UTF-8");
  }
}
