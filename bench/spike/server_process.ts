// A server in a process and a data folder of its own. Both are gone afterwards, also when the work failed or the run
// was interrupted.
import { required } from "./required.ts";
import type { Shape } from "./shape.ts";

export interface ServerProcess {
  url: string;
  pid: number;
  startup: number;
}

export const here = new URL(".", import.meta.url).pathname;

export async function withServer<T>(
  shape: Shape,
  interrupted: AbortSignal,
  work: (server: ServerProcess) => Promise<T>,
): Promise<T> {
  const dir = await Deno.makeTempDir({ dir: here, prefix: "data-" });
  try {
    interrupted.throwIfAborted();
    return await inProcess(shape, dir, interrupted, work);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function inProcess<T>(
  shape: Shape,
  dir: string,
  signal: AbortSignal,
  work: (server: ServerProcess) => Promise<T>,
): Promise<T> {
  const child = new Deno.Command("deno", {
    args: ["run", "--no-lock", "--allow-net=127.0.0.1", "--allow-env", `--allow-read=${here}`, `--allow-write=${dir}`]
      .concat(`${here}server.ts`, JSON.stringify(shape), dir),
    stdout: "piped",
    signal,
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    return await work(await started(shape, reader));
  } finally {
    try {
      child.kill("SIGTERM");
    } catch {
      // It had ended by itself.
    }
    await reader.cancel();
    await child.status;
  }
}

/** The first line the server prints. */
async function started(shape: Shape, reader: ReadableStreamDefaultReader<string>): Promise<ServerProcess> {
  let head = "";
  while (!head.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`${shape.name}: the server did not start`);
    head += required(value, "the server's output");
  }
  const { port, pid, startup }: { port: number; pid: number; startup: number } = JSON.parse(head);
  return { url: `http://127.0.0.1:${port}`, pid, startup };
}
