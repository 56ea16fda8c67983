/** What is asked for before it is wanted; it may never be. */
export function ahead<T>(items: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const next = items.next();
  next.catch(() => {});
  return next;
}
