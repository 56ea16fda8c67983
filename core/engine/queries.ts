import type { Fields } from "../model/message.ts";
import type { Principal } from "../model/module.ts";
import type { RecordedEvent } from "../ports/event_store.ts";
import { ref } from "../ports/plugin.ts";
import type { Write } from "../ports/progress.ts";
import type { Find, StoredDocument, View } from "../ports/read_models.ts";
import type { Served, ServedView } from "./registry.ts";

export type Moment = { readonly version: number } | { readonly at: string };

/** Reads on somebody's behalf; `forbidden` is the module's `allowRead` saying no. Throws `Unavailable`. */
export type Queries = {
  /** The presented state now, or as it was at a version or an ISO moment (inclusive). */
  state(served: Served, query: { principal: Principal; id: string; moment?: Moment }): Promise<
    | { readonly is: "found"; readonly version: number; readonly state: Fields }
    | { readonly is: "out_of_range"; readonly currentVersion: number }
    | { readonly is: "missing" | "forbidden" }
  >;
  /** At most `limit` events after sequence number `after`; `next` is the last one's number while there are more. */
  history(served: Served, query: { principal: Principal; id: string; after: number; limit: number }): Promise<
    | { readonly is: "found"; readonly events: readonly RecordedEvent[]; readonly next: number | null }
    | { readonly is: "missing" | "forbidden" }
  >;
  /** Throws `InvalidCursor`. */
  find(view: ServedView, query: { principal: Principal; find: Find }): Promise<
    { readonly is: "found"; readonly view: View } | { readonly is: "forbidden" }
  >;
  document(view: ServedView, query: { principal: Principal; key: string }): Promise<
    { readonly is: "found"; readonly document: StoredDocument } | { readonly is: "missing" | "forbidden" }
  >;
  /** Waits until the view shows the write, at most `timeoutMs`. */
  whenShown(view: ServedView, write: Write, options: { timeoutMs: number }): Promise<"passed" | "behind" | "parked">;
};

export const queriesRef = ref<Queries>("queries");
