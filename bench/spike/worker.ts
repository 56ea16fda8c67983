// A thread that owns events.db, views.db or both. First message: which, and how; every later one is work.
import { EventsDb } from "./events_db.ts";
import { required } from "./required.ts";
import { decode, type Shape } from "./shape.ts";
import { ViewsDb } from "./views_db.ts";

export type Start = { shape: Shape; events?: string; views?: string };
export type Work = { group: unknown } | { docs: (string | number)[]; position: number } | { check: true };
/** What the database of this thread counts; `events` of events.db, the others of views.db. */
export type Check = { events?: number; docs?: number; total?: number };
export type Reply = { ready?: true; outcomes?: number[]; written?: number; check?: Check };

let events: EventsDb | undefined;
let views: ViewsDb | undefined;
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent) => void;
  postMessage: (reply: Reply) => void;
};

scope.onmessage = ({ data }: MessageEvent<Start>) => {
  if (data.events) events = new EventsDb(data.events, data.shape);
  if (data.views) views = new ViewsDb(data.views, data.shape);
  scope.onmessage = ({ data }: MessageEvent<Work>) => {
    if ("group" in data) scope.postMessage({ outcomes: required(events, "events.db").commit(decode(data.group)) });
    else if ("docs" in data) {
      required(views, "views.db").write(data.docs, data.position);
      scope.postMessage({ written: data.position });
    } else scope.postMessage({ check: { ...events && { events: events.count() }, ...views?.check() } });
  };
  scope.postMessage({ ready: true });
};
