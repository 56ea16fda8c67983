import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Stream } from "../../core/ports/event_store.ts";
import type { Snapshots } from "../../core/ports/snapshots.ts";
import { HARD_JSON, HARD_TEXTS, nextId, type Open, streamOf } from "./samples.ts";

export type OpenSnapshots = Open<{
  readonly snapshots: Snapshots;
  /** Makes what is stored of this stream's snapshot unreadable, as a bad disk would. */
  readonly damage: (stream: Stream) => Promise<void>;
}>;

export function snapshotsContract(name: string, open: OpenSnapshots): void {
  describe(`${name} as a store of snapshots`, () => {
    it("gives back what was saved", async () => {
      await using opened = await open();
      const snapshot = { version: 100, eventId: nextId(), content: HARD_JSON };
      assertEquals(await opened.snapshots.load(streamOf("a"), "f"), undefined);
      await opened.snapshots.save(streamOf("a"), { ...snapshot, fingerprint: "f" });
      assertEquals(await opened.snapshots.load(streamOf("a"), "f"), snapshot);
      assertEquals(await opened.snapshots.load(streamOf("b"), "f"), undefined);
      assertEquals(await opened.snapshots.load(streamOf("a", "other"), "f"), undefined);
    });

    it("does not find a snapshot of other code", async () => {
      await using opened = await open();
      await save(opened.snapshots, streamOf("a"), { version: 1, fingerprint: "old" });
      assertEquals(await opened.snapshots.load(streamOf("a"), "new"), undefined);
    });

    it("keeps the last one saved for a stream and a fingerprint, however far others had come", async () => {
      await using opened = await open();
      await save(opened.snapshots, streamOf("a"), { version: 100, fingerprint: "old" });
      await save(opened.snapshots, streamOf("a"), { version: 200, fingerprint: "old" });
      assertEquals((await opened.snapshots.load(streamOf("a"), "old"))?.version, 200);
      await save(opened.snapshots, streamOf("a"), { version: 150, fingerprint: "new" });
      assertEquals((await opened.snapshots.load(streamOf("a"), "new"))?.version, 150);
      // A store may still have the one of the old code, or it may not.
      assertEquals((await opened.snapshots.load(streamOf("a"), "old"))?.version ?? 200, 200);
    });

    it("does not find a damaged one, and takes another in its place", async () => {
      await using opened = await open();
      await save(opened.snapshots, streamOf("a"), { version: 100, fingerprint: "f" });
      await opened.damage(streamOf("a"));
      assertEquals(await opened.snapshots.load(streamOf("a"), "f"), undefined);
      await save(opened.snapshots, streamOf("a"), { version: 101, fingerprint: "f" });
      assertEquals((await opened.snapshots.load(streamOf("a"), "f"))?.version, 101);
    });

    it("keeps awkward ids apart", async () => {
      await using opened = await open();
      for (const [at, text] of HARD_TEXTS.entries()) {
        await save(opened.snapshots, streamOf(text), { version: at + 1, fingerprint: "f" });
      }
      for (const [at, text] of HARD_TEXTS.entries()) {
        assertEquals((await opened.snapshots.load(streamOf(text), "f"))?.version, at + 1);
      }
    });

    it("does not share memory with its callers", async () => {
      await using opened = await open();
      const content = { list: [1] };
      await opened.snapshots.save(streamOf("a"), { version: 1, eventId: nextId(), content, fingerprint: "f" });
      content.list.push(2);
      assertEquals((await opened.snapshots.load(streamOf("a"), "f"))?.content, { list: [1] });
    });
  });
}

function save(
  snapshots: Snapshots,
  stream: Stream,
  { version, fingerprint }: { version: number; fingerprint: string },
): Promise<void> {
  return snapshots.save(stream, { version, fingerprint, eventId: nextId(), content: { version } });
}
