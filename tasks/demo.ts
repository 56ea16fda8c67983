import { parseArgs } from "node:util";
import { scratchDirectory, startService } from "./child.ts";
import { tell, type Told } from "./demo/story.ts";

/** Tells what the service does by doing it: on the one at `--url`, else on one of its own, which it removes again. */
const { values } = parseArgs({ options: { url: { type: "string" }, once: { type: "boolean", default: false } } });
const stopped = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stopped.resolve);

try {
  await (values.url === undefined ? tellOnOwn() : tellOn(values.url));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exitCode = 1;
}
Deno.exit();

async function tellOnOwn(): Promise<void> {
  await using directory = await scratchDirectory("demo");
  await using service = await startService(directory.path);
  console.log(`A service of its own at ${service.url}, on ${directory.path}`);
  await Promise.race([tellOn(service.url), stopped.promise]);
  if (values.once || !Deno.stdout.isTerminal()) return;
  console.log("\nThe service stays up until Ctrl-C; then its files are removed.");
  await Promise.race([stopped.promise, service.exited]);
}

async function tellOn(url: string): Promise<void> {
  const told = await tell(url, console.log);
  const lines = toTry(url.replace(/\/+$/, ""), told).map((line) => `  ${line}`);
  console.log(`\nTo try while the service runs:\n${lines.join("\n")}`);
}

function toTry(url: string, { orderId, customerId, accountId }: Told): readonly string[] {
  return [
    `${url}/orders/${orderId}`,
    `${url}/orders/${orderId}/events`,
    `${url}/orders/${orderId}?version=1`,
    `${url}/accounts/${accountId}/events`,
    `${url}/views/order_read_model?customer_id=${customerId}`,
    `${url}/views/order_activity_by_day`,
    `${url}/problems/order/invalid_status_transition`,
    `${url}/docs`,
    `${url}/openapi.json`,
    `curl -N '${url}/topics/order-events?from=beginning'`,
  ];
}
