import { assertEquals, assertRejects } from "@std/assert";
import { StartError } from "../ports/plugin.ts";
import { addressOf, requireNet } from "./net_permission.ts";

const permissions = { net: ["127.0.0.1:443"] };

Deno.test("requireNet asks for the port of a URL alone", { permissions }, async () => {
  await requireNet(addressOf(new URL("https://127.0.0.1/hook")), "post");
  for (const [url, port] of [["http://127.0.0.1/hook", 80], ["https://127.0.0.1:8443/hook", 8443]] as const) {
    const { message } = await assertRejects(() => requireNet(addressOf(new URL(url)), "post"), StartError);
    const advice = `add 127.0.0.1:${port} to --allow-net of the task that starts it`;
    assertEquals(message, `Cannot post: Deno may not use 127.0.0.1:${port}; ${advice}`);
  }
});
