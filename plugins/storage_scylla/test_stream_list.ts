import type { StreamList } from "../../core/ports/stream_list.ts";
import { createStreamList } from "./stream_list.ts";
import { openTestStore } from "./test_event_store.ts";
import { uniqueName } from "./test_storage.ts";

/** A store and its list of streams, on a keyspace of its own. */
export async function openTestStreamList() {
  const name = uniqueName();
  const opened = await openTestStore({ fresh: true, name });
  const streamList: StreamList = {
    async *streams(after) {
      for await (const { streams, place } of createStreamList(opened.session).streams(after)) {
        const back = streams.map((each) => ({ ...each, aggregateType: each.aggregateType.slice(name.length + 1) }));
        yield { streams: back, place };
      }
    },
  };
  return { ...opened, streamList };
}
