/// <reference lib="deno.worker" />
import { StartError } from "../../core/ports/plugin.ts";
import { EventsFile, type Group, type GroupReply } from "./events_file.ts";

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
    if (error instanceof StartError) return { refused: error.message };
    return { refused: `Cannot open ${path}: ${error instanceof Error ? error.message : error}` };
  }
}
