import type { Service } from "../../tasks/child.ts";

/** Between two looks at a view; later a tenth of the time waited so far, so that a slow one gets no heavy load. */
const LOOK_MS = 4;
const VISIBLE_WITHIN_MS = 30_000;

/**
 * Resolves with the moment at which an answer of the view was read that shows the account. The view is asked plainly,
 * again and again: to ask it to wait would hurry the projection, which rests only while nobody waits.
 */
export async function whenVisible({ url }: Service, id: string): Promise<number> {
  const sinceMs = performance.now();
  for (;;) {
    const shown = await fetch(`${url}/views/account_balances/${id}`);
    const body = await shown.text();
    const nowMs = performance.now();
    const waitedMs = nowMs - sinceMs;
    if (shown.ok && JSON.parse(body).version === 1) return nowMs;
    if (shown.status !== 404 || waitedMs > VISIBLE_WITHIN_MS) {
      throw new Error(`expected the view to show ${id}, found ${shown.status} ${body} after ${waitedMs} ms`);
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(LOOK_MS, waitedMs / 10)));
  }
}
