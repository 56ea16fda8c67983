import { assertEquals } from "@std/assert";
import { freePorts, isFree } from "./ports.ts";

Deno.test("freePorts gives different ports that nobody listens on", () => {
  const ports = freePorts("127.0.0.1", 20);
  assertEquals(new Set(ports).size, 20);
  assertEquals(ports.filter((port) => !isFree("127.0.0.1", port)), []);
});

Deno.test("isFree sees a listener", () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  assertEquals(isFree("127.0.0.1", listener.addr.port), false);
});
