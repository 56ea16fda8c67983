import type { Service } from "../../tasks/child.ts";

export type PacedOptions = {
  /** Commands, evenly over time. */
  readonly perSecond: number;
  readonly seconds: number;
  /** How many of them a second are followed until they are seen. */
  readonly samplesPerSecond: number;
  /** Resolves with the moment at which this account was seen, by `performance.now()`. */
  readonly follow: (id: string) => Promise<number>;
};

/** How many milliseconds after its answer each command was seen that was followed. */
export type Paced = { readonly perSecond: number; readonly ms: readonly number[] };

const TICK_MS = 4;

/** Opens accounts at a steady pace, whether answers come or not, and follows some of them from their answers on. */
export async function measurePaced(copy: Service, options: PacedOptions): Promise<Paced> {
  const { perSecond, seconds, samplesPerSecond, follow } = options;
  const run = crypto.randomUUID().slice(0, 8);
  const sampleEvery = Math.max(1, Math.round(perSecond / samplesPerSecond));
  const all = Math.round(perSecond * seconds);
  const work: Promise<number | undefined>[] = [];
  const command = async (at: number) => {
    const id = `paced-${run}-${at}`;
    const acknowledgedMs = await open(copy, id);
    if (at % sampleEvery !== sampleEvery - 1) return undefined;
    return Math.max(0, await follow(id) - acknowledgedMs);
  };
  const beganMs = performance.now();
  while (work.length < all) {
    const due = Math.min(all, Math.ceil((performance.now() - beganMs) / 1000 * perSecond));
    while (work.length < due) work.push(command(work.length));
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const sentAfterMs = performance.now() - beganMs;
  const times = await Promise.all(work);
  return { perSecond: all / sentAfterMs * 1000, ms: times.filter((time) => time !== undefined) };
}

/** When its answer had been read. */
async function open({ url }: Service, id: string): Promise<number> {
  const answer = await fetch(`${url}/accounts/${id}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "OpenAccount", owner: "Somebody", initial_balance: 100 }),
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`expected ${id} to be opened, found ${answer.status} ${text}`);
  return performance.now();
}
