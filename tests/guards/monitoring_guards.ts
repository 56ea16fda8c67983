import type { Guard } from "./guards.ts";

const METRICS = "tests/engine/metrics_test.ts";
const LINES = "plugins/logging/mod_test.ts";
const LOGS = "tests/service/logs_test.ts";
const TRACES = "tests/engine/traces_test.ts";
const TRACE = "tests/service/trace_test.ts";

export const monitoringGuards: readonly Guard[] = [
  {
    promise: "the time of every page of events is measured",
    file: "plugins/cdc_streamer/timed.ts",
    find: "if (events.length > 0) observe(",
    replace: "if (events.length > 1_000) observe(",
    test: METRICS,
  },
  {
    promise: "a view that is made anew says how far it has come",
    file: "core/engine/log_source.ts",
    find: "1 - left.events / all.events",
    replace: "left.events / left.events",
    test: METRICS,
  },
  {
    promise: "a count is shown before there is anything to count",
    file: "plugins/metrics/mod.ts",
    find: "      own.child.inc(own.pending);",
    replace: "      if (own.pending > 0) own.child.inc(own.pending);",
    test: METRICS,
  },
  {
    promise: "a thread that was held up between two readings shows in the later one",
    file: "plugins/health/event_loop.ts",
    find: "Math.max(lagSeconds, (",
    replace: "Math.min(lagSeconds, (",
    test: METRICS,
  },
  {
    promise: "no client can make a series",
    file: "core/engine/command_metrics.ts",
    find: "for (const { aggregateType, eventType } of stored) ofModule(aggregateType).events(eventType)",
    replace: "for (const { aggregateType, aggregateId } of stored) ofModule(aggregateType).events(aggregateId)",
    test: "tests/http/series_test.ts",
  },
  {
    promise: "a scan of the cluster says how far it has come",
    file: "plugins/storage_scylla/feed/scans.ts",
    find: "          this.#scannedShare = shareBefore(from);\n",
    replace: "",
    test: "plugins/storage_scylla/feed/scans_test.ts",
  },
  {
    promise: "a rule asks for nothing that is not exported",
    file: "deploy/prometheus/alerts.yml",
    find: "expr: projection_lag_seconds > 30",
    replace: "expr: projection_lag_ms > 30",
    test: "tests/service/monitoring_test.ts",
  },
  {
    promise: "LOG_LEVEL silences what is below it",
    file: "plugins/logging/mod.ts",
    find: '{ category: "annals", lowestLevel,',
    replace: '{ category: "annals", lowestLevel: "info",',
    test: "plugins/logging/mod_test.ts",
  },
  {
    promise: "fields that name a secret or a person are not logged",
    file: "plugins/logging/mod.ts",
    find: "return withoutFields((record) => {",
    replace: "return ((record) => {",
    test: LINES,
  },
  {
    promise: "a secret within a text is not logged",
    file: "plugins/logging/mod.ts",
    find: "withoutPatterns(terminal ? readableLines : jsonLines)",
    replace: "(terminal ? readableLines : jsonLines)",
    test: LINES,
  },
  {
    promise: "no client writes a line of the log: JSON",
    file: "plugins/logging/lines.ts",
    find: "(record) => escapeControls(toJson(record))",
    replace: "(record) => toJson(record)",
    test: LINES,
  },
  {
    promise: "no client writes a line of the log: readable",
    file: "plugins/logging/lines.ts",
    find: "quoted(name).slice(1, -1)",
    replace: "name",
    test: LINES,
  },
  {
    promise: "nothing is logged for a request that goes well",
    file: "plugins/http/call.ts",
    find: "    kernel.traffic.begin();\n",
    replace: '    kernel.traffic.begin();\n    kernel.log.info("A request");\n',
    test: LOGS,
  },
  {
    promise: "a request that failed is found by its correlation id",
    file: "plugins/http/call.ts",
    find: 'log.error("A request failed", { correlation_id: correlationId, error: text });',
    replace: 'log.error("A request failed", { error: text });',
    test: LOGS,
  },
  {
    promise: "a command is a part of its request",
    file: "plugins/http/commands.ts",
    find: "tracer?.request()?.traceparent ?? ",
    replace: "",
    test: TRACE,
  },
  {
    promise: "an event is stored as caused by its command",
    file: "core/engine/traced_commands.ts",
    find: "bus.execute({ ...request, traceparent: span.traceparent })",
    replace: "bus.execute(request)",
    test: TRACE,
  },
  {
    promise: "what was typed into a URL is not told to whoever collects traces",
    file: "plugins/http/trace.ts",
    find: ', "url.full": "", "url.path": "", "url.query": ""',
    replace: "",
    test: TRACE,
  },
  {
    promise: "what is done for an event is a part of the command that caused it",
    file: "plugins/cdc_streamer/traced.ts",
    find: "      parent,\n",
    replace: "      parent: undefined,\n",
    test: TRACE,
  },
  {
    promise: "an append of several commands is linked to all of them",
    file: "core/engine/traced_commands.ts",
    find: "parent, links, attributes });",
    replace: "parent, attributes });",
    test: TRACES,
  },
  {
    promise: "a message tells its readers of its own sending",
    file: "plugins/publisher/traced_sender.ts",
    find: "headers: { ...message.headers, traceparent: span.traceparent }",
    replace: "headers: message.headers",
    test: TRACES,
  },
  {
    promise: "a sending is a part of what the subscription does for its event",
    file: "plugins/publisher/publisher.ts",
    find: "traceparent === undefined ? message : caused(message, traceparent)",
    replace: "message",
    test: TRACES,
  },
  {
    promise: "an append of a keyed command is traced, too",
    file: "core/engine/traced_commands.ts",
    find: "append: (options) => traced(stream, options.events, () => attempt.append(options)),",
    replace: "append: (options) => attempt.append(options),",
    test: "tests/cluster/traces_cluster_test.ts",
  },
];
