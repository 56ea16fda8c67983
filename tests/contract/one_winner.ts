import { assertEquals } from "@std/assert";
import { readHistories } from "../service/journal.ts";
import { assertProblem, assertStatus, type Service } from "../service/service.ts";

const WRITERS = 64;
const ROUNDS = 20;
const PATH = "/accounts/contended";

/**
 * Of 64 writers that ask at once for one version by If-Match, whichever copy each of them asks, one wins; the others
 * are told the version that it made, and what was acknowledged is what is stored.
 */
export async function assertOneWinsEachVersion(copies: readonly Service[]): Promise<void> {
  const [first] = copies;
  if (first === undefined) throw new Error("expected a copy");
  const opened = await first.post(PATH, { type: "OpenAccount", owner: "Alice", initial_balance: 1 });
  const acknowledged = [idOf(assertStatus(opened, 201).body)];
  for (let version = 1; version <= ROUNDS; version++) {
    const asked = Array.from({ length: WRITERS }, (_, at) => {
      const copy = copies[at % copies.length] ?? first;
      return copy.post(PATH, { type: "Deposit", amount: at + 1 }, { "if-match": `"${version}"` });
    });
    const answers = await Promise.all(asked);
    const winners = answers.filter(({ status }) => status === 200);
    assertEquals(winners.map(({ body }) => body.version), [version + 1]);
    for (const { body } of winners) acknowledged.push(idOf(body));
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      assertProblem(answer, 412, "precondition_failed");
      assertEquals(answer.body.detail, `The current version is ${version + 1}`);
    }
  }
  for (const copy of copies) {
    const stored = (await readHistories(copy, [PATH])).get(PATH) ?? [];
    assertEquals(stored.map(({ event_id }) => event_id), acknowledged);
    assertEquals(stored.map(({ sequence_number }) => sequence_number), acknowledged.map((_, at) => at + 1));
  }
}

/** Of the only event that the command made. */
function idOf({ events }: Readonly<Record<string, unknown>>): string {
  const made = events as readonly { readonly event_id: string }[];
  assertEquals(made.length, 1);
  return made[0]?.event_id ?? "";
}
