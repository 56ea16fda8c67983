export type Lanes<T> = {
  /** So many are worked on at once. */
  readonly lanes: number;
  /** Neighbours of one key are worked on one after the other. */
  readonly keyOf: (item: T) => string;
  readonly work: (item: T) => Promise<void>;
};

/** Works on all of them as they come; rejects with the first failure, once nothing is under way any more. */
export async function inLanes<T>(items: AsyncIterable<T>, { lanes, keyOf, work }: Lanes<T>): Promise<void> {
  const underWay = new Set<Promise<void>>();
  let last = { key: "", done: Promise.resolve() };
  try {
    for await (const item of items) {
      const key = keyOf(item);
      const before = key === last.key ? last.done : Promise.resolve();
      const done = before.then(() => work(item)).then(() => void underWay.delete(done));
      // It is waited for below: failed ones stay among those under way.
      done.catch(() => {});
      underWay.add(done);
      last = { key, done };
      if (underWay.size >= lanes) await Promise.race(underWay);
    }
    await Promise.all(underWay);
  } finally {
    await Promise.allSettled(underWay);
  }
}
