import { configure, getLogger, type Sink } from "@logtape/logtape";
import { z } from "zod";
import { definePlugin } from "../../core/ports/plugin.ts";
import { type Log, logRef } from "../../core/ports/telemetry.ts";
import { jsonLines, readableLines } from "./lines.ts";
import { withoutFields, withoutPatterns } from "./redaction.ts";

/** What every line says of itself. */
const OWN_FIELDS: ReadonlySet<string> = new Set(["message", "level", "logger", "@timestamp"]);

/**
 * Logs to standard error: JSON lines, or readable lines on a terminal, either without secrets and personal data. One
 * configuration a process: the last one.
 */
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
  const format = withoutPatterns(terminal ? readableLines : jsonLines);
  const encoder = new TextEncoder();
  return withoutFields((record) => {
    const bytes = encoder.encode(format(record));
    for (let written = 0; written < bytes.length;) written += Deno.stderr.writeSync(bytes.subarray(written));
  });
}

function createLog(): Log {
  const logger = getLogger("annals");
  return {
    debug: (message, fields) => logger.debug(message, besideOwn(fields)),
    info: (message, fields) => logger.info(message, besideOwn(fields)),
    warn: (message, fields) => logger.warn(message, besideOwn(fields)),
    error: (message, fields) => logger.error(message, besideOwn(fields)),
  };
}

/** Flattened into the line, a field of such a name would take the place of what the line is about. */
function besideOwn(fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const entries = Object.entries(fields);
  return Object.fromEntries(entries.map(([name, value]) => [OWN_FIELDS.has(name) ? `field_${name}` : name, value]));
}
