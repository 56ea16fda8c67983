import { parseArgs } from "node:util";
import { readPort, runInForeground } from "../servers/foreground.ts";
import { type KafkaOptions, startKafka } from "./kafka.ts";

await runInForeground("KAFKA", async () => await startKafka(readOptions()));

function readOptions(): KafkaOptions {
  const { values: { port, heap, directory } } = parseArgs({
    options: {
      port: { type: "string", default: "9092" },
      directory: { type: "string" },
      heap: { type: "string", default: "384m" },
    },
  });
  const options = { port: readPort(port), heap };
  return directory === undefined ? options : { directory, ...options };
}
