const LOOK_MS = 50;
const PATIENCE_MS = 30_000;

/** Resolves once it holds; rejects after `withinMs`, half a minute when left out. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = PATIENCE_MS): Promise<void> {
  const began = performance.now();
  while (!await holds()) {
    if (performance.now() - began > withinMs) throw new Error(`expected ${holds} within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
