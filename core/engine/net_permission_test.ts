import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { StartError } from "../ports/plugin.ts";
import { addressOf, requireNet, requireServers } from "./net_permission.ts";

const permissions = { net: ["127.0.0.1:443"] };

Deno.test("requireNet asks for the port of a URL alone", { permissions }, async () => {
  await requireNet(addressOf(new URL("https://127.0.0.1/hook")), "post");
  for (const [url, port] of [["http://127.0.0.1/hook", 80], ["https://127.0.0.1:8443/hook", 8443]] as const) {
    const { message } = await assertRejects(() => requireNet(addressOf(new URL(url)), "post"), StartError);
    const advice = `add 127.0.0.1:${port} to --allow-net of the task that starts it`;
    assertEquals(message, `Cannot post: Deno may not use 127.0.0.1:${port}; ${advice}`);
  }
});

Deno.test("requireServers asks for each, and names the task that may use any", { permissions }, async () => {
  await requireServers("REDPANDA_BROKERS", ["127.0.0.1:443"]);
  const refused = (address: string) =>
    assertRejects(() => requireServers("REDPANDA_BROKERS", ["127.0.0.1:443", address]), StartError);
  const { message } = await refused("10.0.0.1:9092");
  const advice = "start with deno task start:cluster, or add 10.0.0.1:9092 to --allow-net of the task that starts it";
  assertEquals(message, `Cannot use REDPANDA_BROKERS: Deno may not use 10.0.0.1:9092; ${advice}`);
  assertStringIncludes(
    (await refused("a..b:1")).message,
    "Cannot use REDPANDA_BROKERS: expected HOST:PORT, found a..b:1",
  );
});
