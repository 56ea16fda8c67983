/** What the source gives, each asked for while the one before is worked on: one more is held than is asked for. */
export async function* ahead<T>(source: AsyncIterable<T>): AsyncGenerator<T, void> {
  const values = source[Symbol.asyncIterator]();
  let next = values.next();
  try {
    for (let value = await next; value.done !== true; value = await next) {
      next = values.next();
      // Why it fails is told to whoever comes for it, if anybody does.
      next.catch(() => {});
      yield value.value;
    }
  } finally {
    await values.return?.();
  }
}
