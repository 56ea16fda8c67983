import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import logging from "./mod.ts";

describe("a line of the log", () => {
  it("keeps its own message, level, logger and moment, whatever its fields are called", async () => {
    const { signal } = new AbortController();
    const fields = { message: "m", level: "l", logger: "g", "@timestamp": "t", reason: "r" };
    const { isTerminal, writeSync } = Deno.stderr;
    const written: string[] = [];
    Deno.stderr.isTerminal = () => false;
    Deno.stderr.writeSync = (bytes) => {
      written.push(new TextDecoder().decode(bytes));
      return bytes.length;
    };
    try {
      const { services } = await logging.start({ services: {}, config: { LOG_LEVEL: "info" }, signal });
      services.log.error("Events could not be stored", fields);
    } finally {
      Deno.stderr.isTerminal = isTerminal;
      Deno.stderr.writeSync = writeSync;
    }
    const { "@timestamp": moment, ...line } = JSON.parse(written.join(""));
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
});
