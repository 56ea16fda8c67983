import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type Chance, chanceOf, printedSeed } from "./chance.ts";
import { Journal, readHistories, submit } from "./journal.ts";
import { moment, momentOrEnd } from "./program.ts";
import { assertAllTrue } from "./replay.ts";
import { launch, type Service, startService, temporaryDirectory } from "./service.ts";
import { Writers } from "./writers.ts";

const ROUNDS = Number(Deno.env.get("CRASH_ROUNDS") ?? 30);
const WRITERS = 8;
/** Every so many rounds the service is also killed on its way up. */
const KILLED_AT_START_EVERY = 6;

describe("kill -9 at random moments under eight writers", () => {
  it("loses nothing acknowledged, doubles nothing, and its read models equal a replay", async () => {
    const seed = printedSeed("crash_test");
    const chance = chanceOf(seed);
    await using directory = await temporaryDirectory();
    const journal = new Journal();
    const writers = new Writers(journal, { seed, count: WRITERS });
    let retried = 0;
    let lifeBegan = 0;
    for (let round = 1; round <= ROUNDS; round += 1) {
      if (round % KILLED_AT_START_EVERY === 0) await killStarting(directory.path, chance);
      await using service = await startService({ directory: directory.path });
      retried += await journal.retryUnknown(service);
      journal.check(await readHistories(service, journal.paths(lifeBegan)));
      lifeBegan = journal.entries.length;
      await crash(service, { writers, chance });
    }
    await using service = await startService({ directory: directory.path });
    retried += await journal.retryUnknown(service);
    await endEach(service, journal);
    await assertAllTrue(service, journal);
    const acknowledged = journal.count("acknowledged");
    console.log(`crash_test: ${acknowledged} acknowledged, ${retried} retried, ${journal.count("unknown")} unknown`);
    assert(acknowledged > 10 * ROUNDS, `expected some load, found ${acknowledged} acknowledged commands`);
    assert(retried > ROUNDS, `expected commands without an answer, found ${retried} to retry`);
  });
});

async function crash(
  service: Service,
  { writers, chance }: { writers: Writers; chance: Chance },
): Promise<void> {
  let killed = false;
  const writing = writers.write(service, () => killed);
  await momentOrEnd(chance.between(200, 600), writing);
  killed = true;
  const { signal } = await service.end("SIGKILL");
  assertEquals(signal, "SIGKILL");
  await writing;
}

async function killStarting(directory: string, chance: Chance): Promise<void> {
  await using program = launch({ directory });
  await moment(chance.between(0, 700));
  program.kill("SIGKILL");
}

/** One last acknowledged write to each account, as the one before it may have been neither keyed nor answered. */
async function endEach(service: Service, journal: Journal): Promise<void> {
  for (const path of journal.paths()) {
    if (!path.startsWith("/accounts/")) continue;
    const command = { type: "Deposit", amount: 0.01 };
    const entry = journal.intend({ path, command, key: undefined, correlationId: crypto.randomUUID() });
    await submit(service, entry);
    assertEquals(entry.outcome.is, "acknowledged", path);
  }
}
