import { assertEquals } from "@std/assert";
import type { CqlSession, Statement } from "../../../plugins/storage_scylla/session.ts";
import { loggedBy } from "./logged_session.ts";

const COMMIT: readonly Statement[] = [
  { cql: "UPDATE event_store SET current_sequence = ? WHERE aggregate_id = ? IF current_sequence = ?", values: [] },
];

Deno.test("nothing is answered before the log has it, where that is waited for", async () => {
  const told: string[] = [];
  const logged = Promise.withResolvers<void>();
  const log = () => logged.promise.then(() => void told.push("logged"));
  const answered = loggedBy({ log }, sessionThat(true), { waits: true }).batch(COMMIT).then(() =>
    told.push("answered")
  );
  setTimeout(logged.resolve);
  await answered;
  assertEquals(told, ["logged", "answered"]);
});

Deno.test("an answer waits for no log by itself, and a condition that failed is not logged", async () => {
  const told: string[] = [];
  const log = async () => {
    told.push("logging");
    await Promise.withResolvers<void>().promise;
  };
  await loggedBy({ log }, sessionThat(true)).batch(COMMIT);
  assertEquals(told, ["logging"]);
  await loggedBy({ log }, sessionThat(false), { waits: true }).batch(COMMIT);
  assertEquals(told, ["logging"]);
});

/** Stands in for a server: every condition holds, or none. */
function sessionThat(applies: boolean): CqlSession {
  const answer = () => Promise.resolve([{ "[applied]": applies }]);
  return {
    execute: answer,
    batch: answer,
    async *pages() {},
    define: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
