import { type Problem, problem } from "./problems.ts";
import type { Query } from "./query.ts";

/** Server-sent events, as the HTML standard has them (9.2). */
export const EVENT_STREAM = "text/event-stream";
/** The first thing sent, so that the headers leave at once: how long a reader waits before it comes back. */
export const RETRY = "retry: 2000\n\n";
/** A comment, which keeps proxies from closing a quiet connection. */
export const HEARTBEAT = ":\n\n";

/** `no-transform` keeps whatever stands between from compressing: it would hold events back until a block is full. */
export const EVENT_STREAM_HEADERS = {
  "content-type": EVENT_STREAM,
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

/** One event; the id and the type hold no line breaks, and JSON writes them as `\n`. */
export function frame({ id, type, data }: { id: string | number; type: string; data: unknown }): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Whether the caller names event streams among what it accepts; `*` alone is no wish for one. */
export function acceptsEventStream(headers: Headers): boolean {
  const accept = headers.get("accept");
  if (accept === null || !accept.toLowerCase().includes(EVENT_STREAM)) return false;
  return accept.toLowerCase().split(",").some((range) => {
    const [type = "", ...parameters] = range.split(";").map((each) => each.trim());
    return type === EVENT_STREAM && !parameters.some((each) => /^q=0(?:\.0{0,3})?$/.test(each));
  });
}

export const START_NAMES: ReadonlySet<string> = new Set(["after", "from"]);

/** Where a reader wants to begin; `after` remembers where its id stood. */
export type Start =
  | { readonly is: "after"; readonly id: string; readonly by: "Last-Event-ID" | "after" }
  | { readonly is: "beginning" | "now" };

/** `Last-Event-ID`, else `?after=`, else `?from=beginning`, else now: a browser keeps the query when it comes back. */
export function readStart(headers: Headers, { values }: Query): Start | Problem {
  const from = values.get("from");
  if (from !== undefined && from !== "beginning") {
    return problem("invalid_query", { detail: "from must be beginning, or be left out" });
  }
  const header = headers.get("last-event-id");
  if (header !== null) return { is: "after", id: header, by: "Last-Event-ID" };
  const after = values.get("after");
  if (after !== undefined) return { is: "after", id: after, by: "after" };
  return { is: from ?? "now" };
}

export function wrongStart({ by }: { readonly by: "Last-Event-ID" | "after" }, expected: string): Problem {
  return problem(by === "after" ? "invalid_query" : "invalid_header", { detail: `${by} must be ${expected}` });
}
