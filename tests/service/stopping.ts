import { assertEquals } from "@std/assert";
import { momentOrEnd, timed } from "./program.ts";
import type { Service } from "./service.ts";
import type { Writers } from "./writers.ts";

/** Stops the service `ms` into the load; no request may fail within `onMs` after the signal. */
export async function stopWhileWriting(
  service: Service,
  { writers, ms, onMs }: { writers: Writers; ms: number; onMs: number },
): Promise<void> {
  let signalledMs = Infinity;
  // By the clock: a timer may come late, when the door is shut already.
  const writing = writers.write(service, () => performance.now() >= signalledMs + onMs);
  await momentOrEnd(ms, writing);
  signalledMs = performance.now();
  const { code, stderr } = await timed(service.end("SIGTERM"));
  assertEquals(code, 0, stderr);
  await writing;
}
