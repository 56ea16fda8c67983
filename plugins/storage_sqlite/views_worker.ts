/// <reference lib="deno.worker" />
import type { IndexList } from "./document_rows.ts";
import { isDamaged, messageOf, refusalOf } from "./sqlite_error.ts";
import { type ViewChange, type ViewReply, ViewsFile } from "./views_file.ts";

/** The thread that owns views.db for writing. */
export type ViewsRequest =
  | { readonly open: string }
  | { readonly prepare: { readonly incarnation: string; readonly indexes: IndexList } }
  | { readonly write: ViewChange }
  | { readonly discard: readonly string[] }
  | { readonly close: true };
export type ViewsReply = ViewReply | { readonly refused: string };

let file: ViewsFile | undefined;

self.onmessage = ({ data }: MessageEvent<ViewsRequest>) => {
  self.postMessage(reply(data));
};

function reply(request: ViewsRequest): ViewsReply {
  if ("open" in request) return open(request.open);
  if ("close" in request) return close();
  if (file === undefined) throw new Error("expected views.db to be open, found it closed; open it first");
  if ("write" in request) return file.write(request.write);
  if ("prepare" in request) return file.prepare(request.prepare.incarnation, request.prepare.indexes);
  if ("discard" in request) return file.discard(request.discard);
  throw new Error("expected open, prepare, write, discard or close, found another message");
}

function close(): ViewsReply {
  file?.close();
  file = undefined;
  return { done: true };
}

function open(path: string): ViewsReply {
  file?.close();
  file = undefined;
  try {
    file = new ViewsFile(path);
    return { done: true };
  } catch (error) {
    if (!isDamaged(error)) return { refused: refusalOf(error, path) };
    const advice = `delete ${path}, ${path}-wal and ${path}-shm and start again: it is made anew from the events`;
    return { refused: `Cannot open ${path}: it is damaged (${messageOf(error)}); ${advice}` };
  }
}
