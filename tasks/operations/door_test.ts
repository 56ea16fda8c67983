import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { within } from "../../tests/contract/surroundings.ts";
import { Door, Refusal } from "./door.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

describe("the door that the operators' tasks ask", () => {
  it("is given up when it does not answer in time", async () => {
    const later = Promise.withResolvers<Response>();
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => later.promise);
    const door = new Door(`http://127.0.0.1:${server.addr.port}/`, { answerMs: 1 });
    const asking = assertRejects(() => door.get("/operations/subscriptions"), Refusal);
    const { message } = await within(asking, 5_000, "the door to be given up");
    assertStringIncludes(message, `Nobody answers at http://127.0.0.1:${server.addr.port} (`);
    assertStringIncludes(message, "timeout");
    later.resolve(new Response());
    await server.shutdown();
  });

  for (const url of ["127.0.0.1:9090", "localhost:9090", "ftp://localhost/", ""]) {
    it(`is not at "${url}"`, () => {
      const { message } = assertThrows(() => new Door(url), Refusal);
      assertEquals(message, `expected --url= like http://127.0.0.1:9090, found "${url}"`);
    });
  }

  for (const token of [`${TOKEN}\n${TOKEN}`, `${TOKEN}\n`, "ключ", ""]) {
    it(`takes no token like ${JSON.stringify(token)}, and does not tell it`, () => {
      const { message } = assertThrows(() => new Door("http://127.0.0.1:9090", { token }), Refusal);
      assertEquals(message, "expected OPERATOR_TOKEN in visible ASCII characters on one line, found others, or none");
    });
  }
});
