/// <reference lib="deno.worker" />
import { EventsFile, type Group, type GroupReply } from "./events_file.ts";
import { refusalOf } from "./sqlite_error.ts";

/** The thread that owns events.db for writing: fsync and B-trees cost the main thread nothing. */
export type EventsRequest = { readonly open: string } | { readonly group: Group } | { readonly close: true };
export type EventsReply = OpenReply | GroupReply | { readonly closed: true };
export type OpenReply =
  | { readonly head: number; readonly isWritable: boolean }
  | { readonly refused: string };

let file: EventsFile | undefined;

self.onmessage = ({ data }: MessageEvent<EventsRequest>) => {
  self.postMessage(reply(data));
};

function reply(request: EventsRequest): EventsReply {
  if ("open" in request) return open(request.open);
  if ("close" in request) return close();
  if (file === undefined) throw new Error("expected events.db to be open, found it closed; open it first");
  if ("group" in request) return file.write(request.group);
  throw new Error("expected open, group or close, found another message");
}

function close(): EventsReply {
  file?.close();
  file = undefined;
  return { closed: true };
}

function open(path: string): OpenReply {
  file?.close();
  file = undefined;
  try {
    file = new EventsFile(path);
    return { head: file.head(), isWritable: file.isWritable };
  } catch (error) {
    return { refused: refusalOf(error, path) };
  }
}
