import type { Progress } from "../../core/ports/progress.ts";
import type { ReadModel, ReadModels } from "../../core/ports/read_models.ts";
import { type CreateTable, createTableOf, MIGRATIONS } from "./migrations.ts";
import { type Tables, tablesOf } from "./read_model_definitions.ts";
import { createReadModels } from "./read_models.ts";
import type { CqlSession } from "./session.ts";
import { openTestSession, type TestSession, type TestSessionOptions, uniqueName } from "./test_storage.ts";

/** Read models in the tests' keyspace whose incarnations have names of their own there, removed when disposed. */
export type TestReadModels = AsyncDisposable & {
  readonly readModels: ReadModels;
  readonly session: CqlSession;
  /** The same incarnations as another process has them, whose requests go over this session. */
  copy(session?: CqlSession): ReadModels;
  tables(model: ReadModel): Tables;
};

export async function openTestReadModels(options?: TestSessionOptions): Promise<TestReadModels> {
  const test = await openTestSession(options);
  const { session } = test;
  const suffix = uniqueName("_of");
  const made = new Set<string>();
  const createTable: CreateTable = async (table, cql) => {
    await createTableOf({ ...test, migrations: MIGRATIONS })(table, cql);
    made.add(table);
  };
  const copy = (over = session) => named(suffix, createReadModels({ session: over, progress: NO_FEED, createTable }));
  return {
    session,
    copy,
    readModels: copy(),
    tables: ({ incarnation }) => tablesOf(incarnation + suffix),
    [Symbol.asyncDispose]: () => removeAll(test, made),
  };
}

const NO_PROGRESS: Progress = {
  load: () => Promise.resolve({ checkpoint: null, parked: [] }),
  parked: () => Promise.resolve({ items: [], next: null }),
  standing: () => Promise.resolve({ is: "behind" }),
  whenMoved: () => new Promise(() => {}),
};

/** Refuses no write, and keeps nothing of its progress. */
const NO_FEED = { port: NO_PROGRESS, check() {}, move: () => Promise.resolve() };

function named(suffix: string, { find, get, known, prepare, write, ...rest }: ReadModels): ReadModels {
  const own = (model: ReadModel) => ({ ...model, incarnation: model.incarnation + suffix });
  return {
    ...rest,
    // What is no name stays none.
    prepare: async (model) => await prepare(/^[a-z]\w{0,60}$/.test(model.incarnation) ? own(model) : model),
    get: (model, keys) => get(own(model), keys),
    known: (model, keys, options) => known(own(model), keys, options),
    find: (model, options) => find(own(model), options),
    write: (model, change) => write(own(model), change),
  };
}

async function removeAll(test: TestSession, tables: ReadonlySet<string>): Promise<void> {
  for (const table of tables) await test.session.define(`DROP TABLE IF EXISTS ${table}`);
  await test[Symbol.asyncDispose]();
}
