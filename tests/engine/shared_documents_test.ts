import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Demand } from "../../core/engine/demand.ts";
import { createProjector } from "../../core/engine/projector.ts";
import { createRegistry } from "../../core/engine/registry.ts";
import { type RecordedEvent, Unavailable } from "../../core/ports/event_store.ts";
import type { KnownDocument, ReadModels } from "../../core/ports/read_models.ts";
import type { Subscriber } from "../../core/ports/subscriber.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import { createMemoryStorage } from "../../plugins/storage_memory/mod.ts";
import { NO_PROGRESS } from "../contract/read_model_samples.ts";
import { sampleEvent } from "../contract/samples.ts";
import { counterSum, counterWith } from "./counter.ts";
import { found } from "./rig.ts";

/** Documents that several processes write: each write over the version it was made from, or not at all. */
function sharedReadModels(): SharedReadModels {
  const stored = new Map<string, KnownDocument & { readonly shown: ReadonlyMap<string, number> }>();
  const shared: SharedReadModels = {
    ...createMemoryStorage().readModels,
    soleWriter: false,
    stored,
    writes: [],
    before: () => {},
    answer: (outcome) => outcome,
    known: (_, keys, { streamsOf } = { streamsOf: () => new Set() }) =>
      Promise.resolve(
        new Map(keys.map((key) => {
          const { version = 0, document, shown = new Map<string, number>() } = stored.get(key) ?? {};
          const asked = [...streamsOf(key)].flatMap((stream) => {
            const number = shown.get(stream);
            return number === undefined ? [] : [[stream, number] as const];
          });
          return [key, { version, document, shown: new Map(asked) }];
        })),
      ),
    async write(_, { documents }) {
      await shared.before();
      for (const { key, version, document, before, shown = new Map() } of documents) {
        const now = stored.get(key);
        if ((now?.version ?? 0) !== before?.version) return "moved";
        stored.set(key, { version, document, shown: new Map([...now?.shown ?? [], ...shown]) });
        shared.writes.push(shown.size);
      }
      return shared.answer("written");
    },
  };
  return shared;
}

type Outcome = "written" | "moved";
type SharedReadModels = ReadModels & {
  readonly stored: ReadonlyMap<string, KnownDocument>;
  /** Of how many streams each write was. */
  readonly writes: number[];
  /** Done before the next write. */
  before: () => void | Promise<void>;
  answer: (outcome: Outcome) => Outcome;
};

function projectorOn(readModels: ReadModels): Subscriber {
  const view = createRegistry([found(counterWith({ projections: [counterSum] }))]).views.get("counter_sum");
  if (view === undefined) throw new Error("expected the view counter_sum, found none");
  return createProjector(view, { readModels, demand: new Demand(systemRuntime) });
}

function counted(aggregateId: string, sequenceNumber: number, by = 1): RecordedEvent {
  return { ...sampleEvent({ data: { by } }), aggregateType: "counter", aggregateId, sequenceNumber };
}

async function apply(projector: Subscriber, events: readonly RecordedEvent[]): Promise<void> {
  const unit = await projector.begin(events);
  for (const event of events) unit.apply(event);
  await unit.commit(NO_PROGRESS);
}

const sumOf = ({ stored }: SharedReadModels) => stored.get("all")?.document;

describe("a document of many streams that several processes write", () => {
  it("skips an event that it shows, in one page and in the next", async () => {
    const readModels = sharedReadModels();
    const projector = projectorOn(readModels);
    await apply(projector, [counted("a", 1), counted("a", 1), counted("b", 1)]);
    await apply(projector, [counted("a", 1), counted("a", 2), counted("b", 1)]);
    await apply(projectorOn(readModels), [counted("a", 2), counted("b", 1), counted("a", 3)]);
    assertEquals(sumOf(readModels), { total: 4, count: 4 });
  });

  it("is read again and projected again when another process wrote it in between", async () => {
    const readModels = sharedReadModels();
    const [one, other] = [projectorOn(readModels), projectorOn(readModels)];
    let round = 0;
    readModels.before = async () => {
      if (++round > 3) return;
      readModels.before = () => {};
      await apply(other, [counted("b", round), counted("a", 1)]);
      readModels.before = () => {};
    };
    await apply(one, [counted("a", 1, 5), counted("a", 2, 5)]);
    assertEquals(sumOf(readModels), { total: 7, count: 3 });
  });

  it("counts a write that was done though its answer was lost", async () => {
    const readModels = sharedReadModels();
    readModels.answer = () => {
      readModels.answer = (outcome) => outcome;
      return "moved";
    };
    await apply(projectorOn(readModels), [counted("a", 1), counted("b", 1)]);
    assertEquals(sumOf(readModels), { total: 2, count: 2 });
    assertEquals(readModels.writes, [2]);
  });

  it("is written in steps when more streams than one write takes come together", async () => {
    const readModels = sharedReadModels();
    const events = Array.from({ length: 250 }, (_, at) => [counted(`s${at}`, 1), counted(`s${at % 7}`, at + 2)]).flat();
    await apply(projectorOn(readModels), events);
    await apply(projectorOn(readModels), events);
    assertEquals(sumOf(readModels), { total: 500, count: 500 });
    assertEquals(readModels.writes.every((streams) => streams <= 100), true);
  });

  it("is given up, to be tried again, when it never stands still", async () => {
    const readModels = sharedReadModels();
    const unit = projectorOn({ ...readModels, write: () => Promise.resolve("moved") });
    await assertRejects(() => apply(unit, [counted("a", 1)]), Unavailable, "moved by others");
  });

  it("leaves an event that fails on what is stored by now to its next delivery", async () => {
    const readModels = sharedReadModels();
    const other = projectorOn(readModels);
    readModels.before = async () => {
      readModels.before = () => {};
      await apply(other, [counted("b", 1, Number.MAX_VALUE)]);
    };
    const events = [counted("a", 1, Number.MAX_VALUE)];
    await assertRejects(() => apply(projectorOn(readModels), events), Unavailable);
    const unit = await projectorOn(readModels).begin(events);
    let error: unknown;
    try {
      await unit.apply(counted("a", 1, Number.MAX_VALUE));
    } catch (caught) {
      error = caught;
    }
    assertEquals(error instanceof Error && !(error instanceof Unavailable), true);
  });
});
