import type { Registry } from "../../core/engine/registry.ts";
import type { ChangeSource } from "../../core/ports/change_source.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import type { Branch } from "../../core/ports/supervision.ts";
import type { Log, Telemetry } from "../../core/ports/telemetry.ts";
import type { Config } from "./config.ts";
import { historyText } from "./live_history.ts";
import { LiveHub } from "./live_hub.ts";
import { LiveStreams } from "./live_streams.ts";

type LiveParts = {
  readonly registry: Registry;
  readonly changes: ChangeSource;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly telemetry: Telemetry;
  readonly branch: Branch;
};

/** What all live streams share, counted in `sse_clients`. */
export function createLive({ registry, changes, runtime, log, telemetry, branch }: LiveParts, config: Config) {
  const limits = {
    streams: config.LIVE_STREAM_LIMIT,
    streamsPerClient: config.LIVE_STREAMS_PER_CLIENT,
    heartbeatMs: config.LIVE_HEARTBEAT_MS,
    slowReaderMs: config.LIVE_SLOW_READER_MS,
  };
  const live = new LiveStreams({ runtime, log, branch, limits });
  telemetry.gauge({ name: "sse_clients", help: "Open live streams", labels: [] }, () => {
    return [{ labels: {}, value: live.size }];
  });
  const eventTypes = new Set(registry.modules.flatMap(({ events }) => [...events.keys()]));
  return { live, hub: new LiveHub({ source: changes, eventTypes, runtime, branch, toText: historyText }) };
}
