import { assertEquals } from "@std/assert";
import { momentOrEnd, timed } from "./program.ts";
import type { Service } from "./service.ts";
import type { Writers } from "./writers.ts";

/** Stops the service `ms` into the load; no request that is made within `onMs` after the signal may fail. */
export async function stopWhileWriting(
  service: Service,
  { writers, ms, onMs }: { writers: Writers; ms: number; onMs: number },
): Promise<void> {
  let over = false;
  const writing = writers.write(service, () => over);
  await momentOrEnd(ms, writing);
  over = onMs === 0;
  const exiting = timed(service.end("SIGTERM"));
  await momentOrEnd(onMs, writing);
  over = true;
  const { code, stderr } = await exiting;
  assertEquals(code, 0, stderr);
  await writing;
}
