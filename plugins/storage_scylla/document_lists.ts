import { decodeCursor, encodeCursor, type ListName, type Place } from "../../core/ports/cursor.ts";
import type { Find, StoredDocument, View } from "../../core/ports/read_models.ts";
import { type Documents, whereThere } from "./documents.ts";
import { MergedHints } from "./index_reader.ts";
import { cellsOf, type IndexRows, type List, type StaleHint, valueOf } from "./index_rows.ts";
import type { CqlSession } from "./session.ts";
import { fromKey, toKey } from "./text.ts";

/** Beyond the page itself, so many places are looked at before a page ends short. */
const MAX_LOOKED_AT = 2_000;
const MIN_LOOKED_AT_TOGETHER = 50;

/** All documents, in the order of their table. */
export async function findAll(documents: Documents, { after, limit }: Find): Promise<View> {
  const from = after === undefined ? null : fromKey(decodeCursor(after, [null]).key);
  let last = from;
  return await fillPage([null], limit, async (count) => {
    const page = await documents.reader.page(last, count);
    last = page.at(-1)?.key ?? last;
    return page.map((each) => ({ place: { sort: "", key: toKey(each.key) }, document: whereThere(each) }));
  });
}

export type IndexedList = {
  readonly session: CqlSession;
  readonly table: string;
  readonly rows: IndexRows;
  readonly documents: Documents;
  readonly list: List;
};

/** The documents with a value, in the index's order. What the index tells is believed only of documents that say so. */
export async function findIndexed(
  { session, table, rows, documents, list }: IndexedList,
  { where, after, limit }: Find & { readonly where: NonNullable<Find["where"]> },
): Promise<View> {
  const value = valueOf(list.index, where.value) ?? "";
  const name: ListName = [where.index, value];
  const hints = new MergedHints(session, table, {
    list: list.name,
    value,
    after: after === undefined ? undefined : decodeCursor(after, name),
    expected: limit + 1,
  });
  const stale: StaleHint[] = [];
  const view = await fillPage(name, limit, async (count) => {
    const places = await hints.take(count);
    const known = await documents.reader.some(places.map(({ key }) => fromKey(key)));
    return places.map((place) => {
      const key = fromKey(place.key);
      const found = known.get(key);
      const cells = cellsOf(list, found?.document);
      if (found !== undefined && cells?.value === value && cells.sort === place.sort) {
        return { place, document: whereThere({ key, ...found }) };
      }
      if (found !== undefined) {
        stale.push({ key, version: found.version, row: { list: list.name, value, sort: place.sort } });
      }
      return { place, document: undefined };
    });
  });
  await rows.clean(stale);
  return view;
}

/** A place in a list, and what stands there. */
type Looked = { readonly place: Place; readonly document: StoredDocument | undefined };

/** Looks at what follows, `look` giving fewer than asked for only at the end, until the page is full. */
async function fillPage(
  list: ListName,
  limit: number,
  look: (count: number) => Promise<readonly Looked[]>,
): Promise<View> {
  const found: { readonly place: Place; readonly document: StoredDocument }[] = [];
  const page = () => found.slice(0, limit).map(({ document }) => document);
  for (let lookedAt = 0; lookedAt < limit + MAX_LOOKED_AT;) {
    const count = Math.max(limit + 1 - found.length, MIN_LOOKED_AT_TOGETHER);
    const looked = await look(count);
    lookedAt += looked.length;
    for (const { place, document } of looked) if (document !== undefined) found.push({ place, document });
    const end = found.length > limit ? found[limit - 1] : undefined;
    if (end !== undefined) return { items: page(), next: encodeCursor(list, end.place) };
    if (looked.length < count) return { items: page(), next: null };
    const last = looked.at(-1);
    if (last !== undefined && lookedAt >= limit + MAX_LOOKED_AT) {
      return { items: page(), next: encodeCursor(list, last.place) };
    }
  }
  return { items: page(), next: null };
}
