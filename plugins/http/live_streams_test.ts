import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { virtualRuntime } from "annals/testing";
import type { Log } from "../../core/ports/telemetry.ts";
import { keptLog, openBranch } from "../../tests/contract/surroundings.ts";
import type { Feed } from "./live_stream.ts";
import { LiveStreams } from "./live_streams.ts";
import { HEARTBEAT, RETRY } from "./sse.ts";

describe("a live stream", () => {
  it("asks its feed for nothing before the reader wants it, and for nothing more until that was taken", async () => {
    const { open } = rig();
    const feed = new ToldFeed();
    const reader = await open(feed);
    assertEquals(feed.asked, 0);
    assertEquals([await reader.read(), feed.asked], [RETRY, 0]);
    const first = reader.read();
    feed.tell("a");
    assertEquals([await first, feed.asked], ["a", 1]);
    feed.tell("b");
    await turn();
    assertEquals(feed.asked, 1);
    assertEquals([await reader.read(), feed.asked], ["b", 2]);
  });

  it("gives a sign of life every 15 s in which nothing is sent, and keeps what comes at that moment", async () => {
    const { open, runtime } = rig();
    const feed = new ToldFeed();
    const reader = await open(feed);
    await reader.read();
    for (let minute = 0; minute < 3; minute++) {
      const beforeMs = runtime.monotonicMs();
      const beat = reader.read();
      await runtime.advance(15_000);
      assertEquals(await beat, HEARTBEAT);
      assert(runtime.monotonicMs() - beforeMs <= 15_000);
    }
    feed.tell("a");
    assertEquals([await reader.read(), feed.asked], ["a", 1]);
  });

  it("is ended when its reader takes nothing for 30 s, and not before", async () => {
    const { open, runtime, streams } = rig();
    const [slow, gone] = [new ToldFeed(), new ToldFeed()];
    const reader = await open(slow);
    await open(gone);
    await reader.read();
    slow.tell("a");
    await reader.read();
    await runtime.advance(29_000);
    assertEquals([slow.closed, streams.size], [false, 2]);
    await runtime.advance(2_000);
    assertEquals([slow.closed, gone.closed, streams.size], [true, true, 0]);
    assertEquals(await reader.read(), undefined);
  });

  it("is ended when the time of who reads is over, however busy it is", async () => {
    const { open, runtime, streams } = rig();
    const [ending, staying] = [new ToldFeed(), new ToldFeed()];
    const reader = await open(ending, { untilMs: runtime.now() + 5_000 });
    await open(staying);
    await reader.read();
    ending.tell("a");
    assertEquals(await reader.read(), "a");
    await runtime.advance(4_000);
    assertEquals([ending.closed, streams.size], [false, 2]);
    await runtime.advance(1_000);
    assertEquals([ending.closed, staying.closed, streams.size], [true, false, 1]);
    assertEquals(await reader.read(), undefined);
  });

  it("keeps at most what its reader asked for and did not wait for", async () => {
    const { open, runtime } = rig();
    const feed = new ToldFeed();
    const reader = await open(feed);
    await reader.read();
    const asked = reader.read();
    await runtime.advance(15_000);
    assertEquals(await asked, HEARTBEAT);
    for (const text of ["a", "b", "c"]) feed.tell(text);
    await turn();
    assertEquals(feed.asked, 1);
  });

  it("lets go of its feed when its reader leaves, when the feed ends, and when the feed fails", async () => {
    const { open, streams, errors } = rig();
    const feeds = [new ToldFeed(), new ToldFeed(), new ToldFeed()];
    const readers = await Promise.all(feeds.map(open));
    for (const reader of readers) await reader.read();
    const [, ending, failing] = readers.map((reader) => reader.read());
    await readers[0]?.cancel();
    feeds[1]?.tell(undefined);
    feeds[2]?.fail(new Error("broken"));
    assertEquals([await ending, await failing], [undefined, undefined]);
    assertEquals([feeds.map(({ closed }) => closed), streams.size], [[true, true, true], 0]);
    assertEquals(errors, [{ correlation_id: "c", error: "Error: broken" }]);
  });
});

describe("live streams", () => {
  it("have one timer among them all, and who sees to it another, and none when there are none", async () => {
    const { open, runtime, streams } = rig();
    const readers = await Promise.all(Array.from({ length: 20 }, () => open(new ToldFeed())));
    assertEquals(runtime.pending, 2);
    for (const reader of readers) await reader.cancel();
    await runtime.advance(1_000);
    assertEquals([runtime.pending, streams.size], [0, 0]);
  });

  it("end all at once when they are closed, and take no others", async () => {
    const { open, runtime, streams, answer } = rig();
    const reader = await open(new ToldFeed());
    await reader.read();
    const waiting = reader.read();
    await open(new ToldFeed());
    streams.close();
    assertEquals([await waiting, streams.size], [undefined, 0]);
    const refused = await answer(new ToldFeed());
    assert(!(refused instanceof Response) && refused.status === 503);
    await runtime.advance(0);
    assertEquals(runtime.pending, 0);
  });

  it("are refused beyond the limit, those that are being opened counted, until one has left", async () => {
    const { open, answer, streams } = rig({ limit: 2 });
    const [reader, , refused] = await Promise.all([
      open(new ToldFeed()),
      open(new ToldFeed()),
      answer(new ToldFeed()),
    ]);
    assertEquals(refused instanceof Response ? 200 : refused.type, "/problems/overloaded");
    await reader.cancel();
    await open(new ToldFeed());
    assertEquals(streams.size, 2);
    assertEquals((await answer(new ToldFeed())) instanceof Response, false);
  });

  it("are refused to a client beyond its own limit, and not to another", async () => {
    const { open, answer, streams } = rig({ limit: 3, perClient: 2 });
    const [reader, , refused] = await Promise.all([
      open(new ToldFeed()),
      open(new ToldFeed()),
      answer(new ToldFeed()),
    ]);
    assertEquals(refused instanceof Response ? 200 : [refused.type, refused.headers], ["/problems/rate_limited", {
      "retry-after": "1",
    }]);
    await open(new ToldFeed(), { client: "b" });
    await reader.cancel();
    await answer(new ToldFeed(), { method: "HEAD" });
    await open(new ToldFeed());
    assertEquals(streams.size, 3);
  });

  it("tell a HEAD that there is one, and open none", async () => {
    const { answer, streams } = rig();
    const feed = new ToldFeed();
    const response = await answer(feed, { method: "HEAD" });
    assert(response instanceof Response);
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    assertEquals([feed.asked, feed.closed, streams.size], [0, true, 0]);
  });
});

/** Tells what a test says, in order. */
class ToldFeed implements Feed {
  asked = 0;
  closed = false;
  readonly #texts: Promise<string | undefined>[] = [];
  readonly #waiting: PromiseWithResolvers<string | undefined>[] = [];

  tell(text: string | undefined): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#texts.push(Promise.resolve(text));
    else waiting.resolve(text);
  }

  fail(error: Error): void {
    this.#waiting.shift()?.reject(error);
  }

  next(): Promise<string | undefined> {
    this.asked += 1;
    const text = this.#texts.shift();
    if (text !== undefined) return text;
    const waiting = Promise.withResolvers<string | undefined>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  close(): void {
    this.closed = true;
  }
}

function rig({ limit = 100, perClient = 100 } = {}) {
  const runtime = virtualRuntime({ seed: 1 });
  const errors: unknown[] = [];
  const log: Log = { ...keptLog(), error: (_, fields) => void errors.push(fields) };
  const branch = openBranch({ runtime, log });
  const limits = { streams: limit, streamsPerClient: perClient, heartbeatMs: 15_000, slowReaderMs: 30_000 };
  const streams = new LiveStreams({ runtime, log, branch, limits });
  const answer = (feed: Feed, { method = "GET", client = "a", untilMs = Infinity } = {}) => {
    const call = { request: new Request("http://x", { method }), correlationId: "c", client: () => client, untilMs };
    return streams.open(call, { begin: () => Promise.resolve(feed) });
  };
  const open = async (feed: Feed, options = {}) => {
    const response = await answer(feed, options);
    if (!(response instanceof Response) || response.body === null) throw new Error("expected a stream, found none");
    return readerOf(response.body);
  };
  return { runtime, streams, errors, answer, open };
}

/** Reads by hand: a stream piped through another one would be read ahead. */
function readerOf(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  const read = async () => {
    const { value } = await reader.read();
    return value && new TextDecoder().decode(value);
  };
  return { read, cancel: () => reader.cancel() };
}

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
