import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CqlError, type CqlRow, type CqlSession, type Statement } from "../session.ts";
import { announcedMinutes } from "./announced.ts";

const ASKED = { slice: 1, from: 100, to: 399, signal: new AbortController().signal };
const HELD = [99, 100, 250, 399, 400];

describe("the minutes in which something was announced", () => {
  it("are read from the list of all where that is short", async () => {
    const list = HELD.flatMap((minute) => [{ slice: 1, minute: BigInt(minute) }, { slice: 2, minute: 300n }]);
    const { session, statements } = sessionThat(() => list);
    assertEquals(await announcedMinutes(session, ASKED), [100, 250, 399]);
    assertEquals(statements.length, 1);
  });

  const troubles = {
    "is long": () => Array.from({ length: 1_000 }, (_, minute) => ({ slice: 2, minute: BigInt(minute) })),
    "leads through too much that has expired": () => {
      throw new CqlError("unknown", "Server failure during read");
    },
  };
  for (const [trouble, list] of Object.entries(troubles)) {
    it(`are asked for by name where the list ${trouble}`, async () => {
      const { session, statements } = sessionThat(list);
      assertEquals(await announcedMinutes(session, ASKED), [100, 250, 399]);
      assertEquals(statements.slice(1).map(({ values }) => values.length), [61, 61, 61, 61, 61]);
    });
  }

  it("are not asked for by name once nobody wants to know them", async () => {
    const stopping = new AbortController();
    const { session, statements } = sessionThat(() => {
      stopping.abort();
      throw new CqlError("unknown", "No answer is waited for any more");
    });
    await assertRejects(() => announcedMinutes(session, { ...ASKED, signal: stopping.signal }), DOMException);
    assertEquals(statements.length, 1);
  });

  it("are not known while nobody answers", async () => {
    const away = () => Promise.reject(new CqlError("unsent", "away"));
    const { session } = sessionThat(() => []);
    await assertRejects(() => announcedMinutes({ ...session, execute: away }, ASKED), CqlError, "away");
  });
});

function sessionThat(list: () => readonly CqlRow[]) {
  const statements: Statement[] = [];
  const session: CqlSession = {
    execute(statement) {
      statements.push(statement);
      if (statement.cql.startsWith("SELECT DISTINCT")) return Promise.resolve().then(list);
      const rows = HELD.filter((minute) => statement.values.includes(BigInt(minute)));
      return Promise.resolve(rows.map((minute) => ({ minute: BigInt(minute) })));
    },
    batch: () => Promise.resolve([]),
    async *pages() {},
    define: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  return { session, statements };
}
