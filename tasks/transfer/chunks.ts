const CHUNK_BYTES = 256 * 1024;

/** The file from its beginning; it stays open. */
export async function* chunksOf(file: Deno.FsFile): AsyncGenerator<Uint8Array, void> {
  await file.seek(0, Deno.SeekMode.Start);
  for (;;) {
    const buffer = new Uint8Array(CHUNK_BYTES);
    const read = await file.read(buffer);
    if (read === null) return;
    yield buffer.subarray(0, read);
  }
}

/** Writes at the file's end what comes, many lines at a time. */
export async function writeLines(file: Deno.FsFile, lines: AsyncIterable<string>): Promise<void> {
  await file.seek(0, Deno.SeekMode.End);
  let waiting = "";
  for await (const line of lines) {
    waiting += line;
    if (waiting.length < CHUNK_BYTES) continue;
    await writeAll(file, waiting);
    waiting = "";
  }
  await writeAll(file, waiting);
}

async function writeAll(file: Deno.FsFile, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
}
