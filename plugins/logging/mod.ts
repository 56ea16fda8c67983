import { configure, getAnsiColorFormatter, getJsonLinesFormatter, getLogger, type Sink } from "@logtape/logtape";
import { z } from "zod";
import { definePlugin } from "../../core/ports/plugin.ts";
import { type Log, logRef } from "../../core/ports/telemetry.ts";

/** Logs to standard error: JSON lines, or readable lines on a terminal. One configuration a process: the last one. */
export default definePlugin({
  name: "logging",
  provides: { log: logRef },
  requires: {},
  config: z.object({
    LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info"),
  }),
  async start({ config }) {
    const lowestLevel = config.LOG_LEVEL === "warn" ? "warning" : config.LOG_LEVEL;
    await configure({
      reset: true,
      sinks: { lines: createSink(Deno.stderr.isTerminal()) },
      loggers: [
        { category: "annals", lowestLevel, sinks: ["lines"] },
        { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["lines"] },
      ],
    });
    return { services: { log: createLog() } };
  },
});

function createSink(terminal: boolean): Sink {
  const format = terminal
    ? getAnsiColorFormatter({ value: (value, inspect) => typeof value === "string" ? value : inspect(value) })
    : getJsonLinesFormatter({ properties: "flatten" });
  const encoder = new TextEncoder();
  return (record) => {
    const bytes = encoder.encode(format(record));
    for (let written = 0; written < bytes.length;) written += Deno.stderr.writeSync(bytes.subarray(written));
  };
}

function createLog(): Log {
  const logger = getLogger("annals");
  return {
    debug: (message, fields) => logger.debug(message, { ...fields }),
    info: (message, fields) => logger.info(message, { ...fields }),
    warn: (message, fields) => logger.warn(message, { ...fields }),
    error: (message, fields) => logger.error(message, { ...fields }),
  };
}
