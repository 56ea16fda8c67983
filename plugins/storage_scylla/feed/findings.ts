import { type Stream, streamKey } from "../../../core/ports/event_store.ts";

/** How far a stream has come by an announcement; undefined when that was in vain. */
export type Finding = (Stream & { readonly through: number }) | undefined;
/** How far the streams of a minute have come. */
export type Content = ReadonlyMap<string, Stream & { readonly through: number }>;

export function contentOf(findings: readonly Finding[]): Content {
  const content = new Map<string, Stream & { readonly through: number }>();
  for (const found of findings) {
    if (found === undefined) continue;
    const key = streamKey(found);
    if (found.through > (content.get(key)?.through ?? 0)) content.set(key, found);
  }
  return content;
}
