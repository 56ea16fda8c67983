import { parseArgs } from "node:util";
import { scratchDirectory, startService } from "./child.ts";
import { tellOfFailure } from "./demo/failure.ts";
import { tell, type Told } from "./demo/story.ts";
import { Teller } from "./demo/teller.ts";

/** Tells what the service does by doing it: on the one at `--url`, else on one of its own, which it removes again. */
const { values } = parseArgs({ options: { url: { type: "string" }, once: { type: "boolean", default: false } } });
const stopped = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, stopped.resolve);

try {
  await (values.url === undefined ? tellOnOwn() : tellOnTheirs(values.url));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exitCode = 1;
}
Deno.exit();

async function tellOnOwn(): Promise<void> {
  await using directory = await scratchDirectory("demo");
  const modules = `${directory.path}/modules`;
  for (const [from, to] of await modulesToServe(modules)) await copy(from, to);
  await using service = await startService(directory.path, { environment: { MODULES_DIR: modules } });
  console.log(`A service of its own at ${service.url}, on ${directory.path}`);
  const { url, operatorUrl } = service;
  const teller = new Teller(url, { operatorUrl, say: console.log });
  const broken = `${modules}/parcel/broken`;
  const ending = () =>
    tellOfFailure(teller, {
      breakView: () => Deno.writeTextFile(broken, ""),
      mendView: () => Deno.remove(broken),
    });
  await Promise.race([tellOn(url, { teller, ending }), stopped.promise]);
  if (values.once || !Deno.stdout.isTerminal()) return;
  console.log("\nThe service stays up until Ctrl-C; then its files are removed.");
  await Promise.race([stopped.promise, service.exited]);
}

/** The project's own modules, and the one whose view breaks on purpose. */
async function modulesToServe(directory: string): Promise<readonly (readonly [from: string, to: string])[]> {
  const names = (await Array.fromAsync(Deno.readDir("modules"))).filter(({ isDirectory }) => isDirectory);
  const own = names.map(({ name }) => [`modules/${name}`, `${directory}/${name}`] as const);
  return [...own, ["tasks/demo/modules/parcel", `${directory}/parcel`]];
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
}

type Telling = { readonly teller: Teller; readonly ending: () => Promise<void> };

async function tellOn(url: string, { teller, ending }: Telling): Promise<void> {
  const told = await tell(teller);
  await ending();
  const lines = toTry(url.replace(/\/+$/, ""), told).map((line) => `  ${line}`);
  console.log(`\nTo try while the service runs:\n${lines.join("\n")}`);
}

/** A service that others use is not broken on purpose. */
function tellOnTheirs(url: string): Promise<void> {
  const teller = new Teller(url, { say: console.log });
  return tellOn(url, { teller, ending: () => Promise.resolve() });
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
