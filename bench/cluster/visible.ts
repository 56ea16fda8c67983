import type { Service } from "../../tasks/child.ts";

export type VisibleOptions = {
  /** Commands, evenly over time. */
  readonly perSecond: number;
  readonly seconds: number;
  /** How many of them a second are followed until the view shows them. */
  readonly samplesPerSecond: number;
};

export type Visible = { readonly sent: number; readonly perSecond: number; readonly ms: readonly number[] };

const TICK_MS = 4;
/** Between two looks at a view; later a tenth of the time waited so far, so that a slow one gets no heavy load. */
const LOOK_MS = 4;
const VISIBLE_WITHIN_MS = 30_000;

/**
 * Opens accounts at a steady pace, whether answers come or not, and follows some of them: from the moment that the
 * answer was read to the moment that an answer of the view which shows the account was. The view is asked plainly,
 * again and again: to ask it to wait would hurry the projection, which rests only while nobody waits.
 */
export async function measureVisible(copy: Service, options: VisibleOptions): Promise<Visible> {
  const { perSecond, seconds, samplesPerSecond } = options;
  const run = crypto.randomUUID().slice(0, 8);
  const sampleEvery = Math.max(1, Math.round(perSecond / samplesPerSecond));
  const all = Math.round(perSecond * seconds);
  const work: Promise<number | undefined>[] = [];
  const beganMs = performance.now();
  while (work.length < all) {
    const due = Math.min(all, Math.ceil((performance.now() - beganMs) / 1000 * perSecond));
    while (work.length < due) {
      const at = work.length;
      work.push(open(copy, { id: `paced-${run}-${at}`, isFollowed: at % sampleEvery === sampleEvery - 1 }));
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  const sentAfterMs = performance.now() - beganMs;
  const times = await Promise.all(work);
  return {
    sent: all,
    perSecond: all / sentAfterMs * 1000,
    ms: times.filter((time) => time !== undefined),
  };
}

/** Milliseconds from the answer to the view, if it is followed. */
async function open(
  { url }: Service,
  { id, isFollowed }: { readonly id: string; readonly isFollowed: boolean },
): Promise<number | undefined> {
  const answer = await fetch(`${url}/accounts/${id}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "OpenAccount", owner: "Somebody", initial_balance: 100 }),
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`expected ${id} to be opened, found ${answer.status} ${text}`);
  if (!isFollowed) return undefined;
  const acknowledgedMs = performance.now();
  for (;;) {
    const shown = await fetch(`${url}/views/account_balances/${id}`);
    const body = await shown.text();
    const waitedMs = performance.now() - acknowledgedMs;
    if (shown.ok && JSON.parse(body).version === 1) return waitedMs;
    if (shown.status !== 404 || waitedMs > VISIBLE_WITHIN_MS) {
      throw new Error(`expected the view to show ${id}, found ${shown.status} ${body} after ${waitedMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(LOOK_MS, waitedMs / 10)));
  }
}
