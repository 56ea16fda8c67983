import { assertEquals } from "@std/assert";
import { virtualRuntime } from "annals/testing";
import webhook from "./mod.ts";

const permissions = { net: ["127.0.0.1:443"] };

Deno.test("the webhook starts with the least permission that its posts need", { permissions }, async () => {
  const config = webhook.config.parse({ WEBHOOK_URL: "https://127.0.0.1/hook", WEBHOOK_ALLOWED_HOSTS: "127.0.0.1" });
  const services = { runtime: virtualRuntime({ seed: 1 }) };
  const { services: { handlers } } = await webhook.start({ services, config, signal: new AbortController().signal });
  assertEquals(handlers.length, 1);
});
