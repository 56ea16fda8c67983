import { scratchDirectory, type Service, startService } from "../tasks/child.ts";
import { CONNECTIONS, load } from "./load.ts";
import { whenCaughtUp } from "./metrics.ts";
import { median } from "./statistics.ts";

export type ColdOptions = { readonly longStream: number; readonly starts: number };

const SHORT_STREAM = 10;
const SHORT_STREAMS_PER_START = 9;
/** Enough for a snapshot. */
const MIDDLE_STREAM = 150;
/** The script's single aggregate. */
const LONG_ID = "acc-0";

/**
 * A first command on a long stream over one on a short stream, each start's: the processes are new, so neither stream
 * is in memory, but they have answered other commands before, on streams of their own with and without a snapshot.
 */
export async function measureCold({ longStream, starts }: ColdOptions): Promise<readonly number[]> {
  await using directory = await scratchDirectory("bench");
  await seed(directory.path, { longStream, starts });
  const ratios: number[] = [];
  for (let start = 0; start < starts; start++) {
    await using service = await startService(directory.path);
    for (let at = 0; at < 50; at++) await timed(service, `warm-${start}-${at}`, "OpenAccount");
    await timed(service, `middle-${start}`);
    const times: number[] = [];
    for (let at = 0; at < SHORT_STREAMS_PER_START; at++) times.push(await timed(service, `short-${start}-${at}`));
    ratios.push(await timed(service, LONG_ID) / median(times));
  }
  return ratios;
}

async function seed(directory: string, { longStream, starts }: ColdOptions): Promise<void> {
  await using service = await startService(directory);
  await timed(service, LONG_ID, "OpenAccount");
  for (let events = 0; events < longStream;) {
    await load(service.url, { kind: "one", connections: CONNECTIONS, seconds: 1 });
    events = (await (await fetch(`${service.url}/accounts/${LONG_ID}`)).json()).version;
  }
  for (let start = 0; start < starts; start++) {
    await timed(service, `middle-${start}`, "OpenAccount");
    await Promise.all(Array.from({ length: MIDDLE_STREAM }, () => timed(service, `middle-${start}`)));
    for (let at = 0; at < SHORT_STREAMS_PER_START; at++) {
      for (let event = 0; event < SHORT_STREAM; event++) {
        await timed(service, `short-${start}-${at}`, event === 0 ? "OpenAccount" : "Deposit");
      }
    }
  }
  await whenCaughtUp(service);
}

/** Milliseconds of one command. */
async function timed({ url }: Service, id: string, type: "OpenAccount" | "Deposit" = "Deposit"): Promise<number> {
  const body = type === "Deposit" ? { type, amount: 5 } : { type, owner: "Somebody", initial_balance: 100 };
  const sinceMs = performance.now();
  const answer = await fetch(`${url}/accounts/${id}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`expected ${type} on ${id} to be taken, found ${answer.status} ${text}`);
  return performance.now() - sinceMs;
}
