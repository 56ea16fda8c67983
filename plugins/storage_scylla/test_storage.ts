import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { openDriverSession } from "./driver_session.ts";
import { digest, ensureKeyspace, migrate, MIGRATIONS } from "./migrations.ts";
import type { ServerKind } from "./dialect.ts";
import type { CqlSession } from "./session.ts";
import { realRuntime } from "../../tests/contract/surroundings.ts";

/** What Cassandra and ScyllaDB both call a data centre that nobody has named. */
export const TEST_DC = "datacenter1";

export type TestSession = AsyncDisposable & {
  readonly session: CqlSession;
  readonly keyspace: string;
  readonly kind: ServerKind;
  readonly runtime: Runtime;
};

export type TestSessionOptions = {
  /** In a keyspace of its own, dropped at the end: seconds. Else in one that all tests share and that stays. */
  readonly fresh?: boolean;
  /** `host:port` of a proxy before the server. */
  readonly address?: string;
  readonly timeoutMs?: number;
};

/** A session on a keyspace with all tables. */
export async function openTestSession(
  { fresh = false, address, timeoutMs }: TestSessionOptions = {},
): Promise<TestSession> {
  const keyspace = fresh ? uniqueName() : sharedName();
  const runtime = realRuntime;
  const kind = await prepareKeyspace(keyspace);
  const session = await openDriverSession({
    contactPoints: [address ?? serverAddress()],
    homeDc: TEST_DC,
    keyspace,
    // The driver forgets the timer of the heartbeat of a connection that is cut.
    ...(address === undefined ? {} : { reachedAt: address, heartbeatMs: 0 }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  return {
    session,
    keyspace,
    kind,
    runtime,
    async [Symbol.asyncDispose]() {
      await session.close();
      if (fresh) await dropKeyspace(keyspace);
    },
  };
}

/** A name of its own, for streams, types or subscriptions in a shared keyspace. */
export function uniqueName(prefix = "test"): string {
  return `${prefix}_${realRuntime.newId().replaceAll("-", "").slice(-16)}`;
}

/** Opens a session without a keyspace for the time of the work. */
export async function withServer<T>(work: (session: CqlSession) => Promise<T>): Promise<T> {
  const session = await openDriverSession({ contactPoints: [serverAddress()], homeDc: TEST_DC });
  try {
    return await work(session);
  } finally {
    await session.close();
  }
}

export async function dropKeyspace(keyspace: string): Promise<void> {
  await withServer((session) => session.define(`DROP KEYSPACE IF EXISTS ${keyspace}`));
}

/** `host:port` of the server that the tests of a run share. */
export function serverAddress(): string {
  const address = Deno.env.get("CASSANDRA");
  if (address !== undefined) return address;
  throw new StartError("expected a server's host:port in CASSANDRA, found none; run `deno task test:cluster`");
}

/** An edit of the schema gets a keyspace of its own, for the one before would refuse it. */
function sharedName(): string {
  const digests = MIGRATIONS.map((migration) => digest(migration)).join("");
  return `shared_${digests.slice(0, 16)}`;
}

const prepared = new Map<string, Promise<ServerKind>>();

function prepareKeyspace(keyspace: string): Promise<ServerKind> {
  const known = prepared.get(keyspace);
  if (known !== undefined) return known;
  const preparing = withServer(async (server) => {
    const kind = await ensureKeyspace({ session: server, runtime: realRuntime, keyspace, homeDc: TEST_DC });
    const session = await openDriverSession({ contactPoints: [serverAddress()], homeDc: TEST_DC, keyspace });
    try {
      await migrate({ session, runtime: realRuntime, keyspace, kind });
    } finally {
      await session.close();
    }
    return kind;
  });
  prepared.set(keyspace, preparing);
  return preparing;
}
