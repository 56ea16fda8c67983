/** The work's result; throws when it takes longer. */
export async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const late = moment(limitMs, done.signal).then((): never => {
    throw new Error(`expected it within ${limitMs} ms`);
  });
  late.catch(() => {});
  return await Promise.race([work, late]).finally(() => done.abort());
}

/** Resolves once it holds. */
export async function until(holds: () => boolean, limitMs = 20_000): Promise<void> {
  const began = performance.now();
  while (!holds()) {
    if (performance.now() - began > limitMs) throw new Error(`expected it within ${limitMs} ms`);
    await moment(20);
  }
}

/** Resolves after so long, or at the signal. */
export function moment(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal?.aborted === true) end();
    signal?.addEventListener("abort", end, { once: true });
  });
}
