import { assertEquals, assertGreater } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { until } from "../contract/surroundings.ts";
import { chanceOf, printedSeed } from "../service/chance.ts";
import { openService, type Service } from "./rig.ts";

const PATHS = Number(Deno.env.get("SERIES_PATHS") ?? 10_000);
const CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_.%/?&={}\"'";

describe("the series of /metrics", () => {
  it(`are as many after ${PATHS} made-up paths, ids, commands and headers as after one`, async () => {
    const chance = chanceOf(printedSeed("series_test"));
    await using service = await openService();
    // Twice, since made-up ids may meet by chance: an account is opened, and then it is there already.
    for (let at = 1; at <= 2; at++) for (const request of requestsOf(() => "acc-1")) await request(service);
    const handled = 'cdc_processing_duration_seconds_count{subscription="account_balances_v1"}';
    await until(async () => (await seriesOf(service)).includes(handled));
    const before = await seriesOf(service);
    const character = () => CHARACTERS.charAt(chance.between(0, CHARACTERS.length - 1));
    const text = () => Array.from({ length: chance.between(1, 24) }, character).join("");
    const requests = requestsOf(text);
    for (let at = 0; at < PATHS; at++) await requests[at % requests.length]?.(service);
    const after = await seriesOf(service);
    assertEquals(after, before);
    assertGreater(after.length, 50);
  });
});

/** Each of the ways in which what a client makes up gets into the service. */
function requestsOf(text: () => string) {
  const id = () => encodeURIComponent(text());
  const free = () => text().replaceAll(/[^a-z0-9-]/g, "x");
  const open = { type: "OpenAccount", owner: "Alice", initial_balance: 1 };
  return [
    (service: Service) => service.send(`/${text().replaceAll(/[%"'{}]/g, "x")}`),
    (service: Service) => service.send(`/accounts/${id()}`),
    (service: Service) => service.send(`/accounts/${free()}${free()}`, { body: open }),
    (service: Service) => service.send("/accounts/acc-1", { body: { type: text() } }),
    (service: Service) => service.send("/accounts/acc-1", { body: { type: "Deposit", amount: -1 } }),
    (service: Service) => service.send(`/views/${id()}`),
    (service: Service) => service.send(`/views/account_balances/${id()}`),
    (service: Service) => service.send(`/topics/${id()}`),
    (service: Service) => service.send("/accounts/acc-1", { headers: { "x-correlation-id": id() } }),
    (service: Service) => service.send(`/${id()}`, { method: "PUT" }),
  ];
}

/** Names and labels, without values. */
async function seriesOf(service: Service): Promise<readonly string[]> {
  const { text } = await service.send("/metrics", { operator: true });
  return text.split("\n").filter((line) => /^[a-z]/.test(line)).map((line) => line.slice(0, line.lastIndexOf(" ")))
    .toSorted();
}
