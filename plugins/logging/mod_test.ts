import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Log } from "../../core/ports/telemetry.ts";
import logging from "./mod.ts";

const OWN_COLOURS = new RegExp("\u001b\\[(?:0|1|2|3[1-7])m", "g");
const LEVELS = ["debug", "info", "warn", "error"] as const;
const FORMS = [{ form: "JSON", terminal: false }, { form: "readable", terminal: true }];

describe("a line of the log", () => {
  it("keeps its own message, level, logger and moment, whatever its fields are called", async () => {
    const fields = { message: "m", level: "l", logger: "g", "@timestamp": "t", reason: "r" };
    const written = await writtenBy((log) => log.error("Events could not be stored", fields), { terminal: false });
    const { "@timestamp": moment, ...line } = JSON.parse(written);
    assertEquals(new Date(moment).toISOString(), moment);
    assertEquals(line, {
      level: "ERROR",
      message: "Events could not be stored",
      logger: "annals",
      field_message: "m",
      field_level: "l",
      field_logger: "g",
      "field_@timestamp": "t",
      reason: "r",
    });
  });

  for (const { form, terminal } of FORMS) {
    it(`tells no secret and nothing of a person: ${form}`, async () => {
      const error = new Error("no login for alice@example.com at kafka://bob:Hunter2@broker:9092, password=Hunter2");
      const fields = {
        sasl: { username: "bob", password: "Hunter2" },
        headers: [{ Authorization: "Basic Ym9iOkh1bnRlcjI=" }],
        event_data: { first_name: "Alice", street: "Hunter2 Street" },
        owner: "Alice",
        reason: `sent "Authorization: Bearer Hunter2-Hunter2" with {"token": "Hunter2"} and api_key=Hunter2`,
        url: "https://alice:Hunter2@example.com/path",
        error,
        aggregate_id: "acc-1",
      };
      const written = await writtenBy((log) => log.error("It failed", fields), { terminal });
      assertEquals(/hunter2|alice|bob|ym9i/i.exec(written)?.[0], undefined, written);
      for (const kept of ["It failed", "acc-1", "no login for", "broker:9092", "example.com/path"]) {
        assertStringIncludes(written, kept);
      }
    });

    it(`is one line that commands no terminal, whatever is in its fields: ${form}`, async () => {
      const forged = 'x"\r\n{"level":"INFO"}\n\u2028\u2029\u0085\u009b31m\u001b[2J\u0000\u007f';
      const error = new Error(forged);
      const fields = { reason: forged, [forged]: 1, deep: [{ [forged]: forged }], error };
      const written = await writtenBy((log) => log.error("It failed", fields), { terminal });
      assertEquals(written.at(-1), "\n");
      const rest = written.slice(0, -1).replaceAll(OWN_COLOURS, "");
      assertEquals(/[\p{Cc}\u2028\u2029]/u.exec(rest)?.[0], undefined, JSON.stringify(rest));
      assertStringIncludes(rest, "It failed");
    });
  }

  it("shows its fields to people, too", async () => {
    const written = await writtenBy((log) => log.warn("It waits", { topic: "a b" }), { terminal: true });
    assertStringIncludes(written, 'It waits  topic="a b"');
  });
});

describe("LOG_LEVEL", () => {
  for (const [at, level] of LEVELS.entries()) {
    it(`${level} silences what is below it, and nothing else`, async () => {
      const write = (log: Log) => LEVELS.forEach((each) => log[each](`of ${each}`));
      const written = await writtenBy(write, { terminal: false, level });
      const messages = written.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line).message);
      assertEquals(messages, LEVELS.slice(at).map((each) => `of ${each}`));
    });
  }
});

type Written = { readonly terminal: boolean; readonly level?: typeof LEVELS[number] };

async function writtenBy(write: (log: Log) => void, { terminal, level = "info" }: Written): Promise<string> {
  const { signal } = new AbortController();
  const { isTerminal, writeSync } = Deno.stderr;
  const written: string[] = [];
  Deno.stderr.isTerminal = () => terminal;
  Deno.stderr.writeSync = (bytes) => {
    written.push(new TextDecoder().decode(bytes));
    return bytes.length;
  };
  try {
    const { services } = await logging.start({ services: {}, config: { LOG_LEVEL: level }, signal });
    write(services.log);
  } finally {
    Deno.stderr.isTerminal = isTerminal;
    Deno.stderr.writeSync = writeSync;
  }
  return written.join("");
}
