import { assert, assertEquals, assertMatch } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { defineModule, defineProjection, type Module } from "annals";
import { z } from "zod";
import { createRegistry } from "../../core/engine/registry.ts";
import account from "../../modules/account/mod.ts";
import customer from "../../modules/customer/mod.ts";
import order from "../../modules/order/mod.ts";
import { createPublicApp } from "../../plugins/http/app.ts";
import type { Broker } from "../../core/ports/broker.ts";
import type { Kernel } from "../../plugins/http/call.ts";
import { consistencyToken } from "../../plugins/http/headers.ts";
import { problem } from "../../plugins/http/problems.ts";
import { openApiDocument } from "../../plugins/http/openapi/document.ts";
import { Contract, type Part } from "./contract.ts";
import { type Answer, openService, type Sending, type Service } from "./rig.ts";

const MODULES: readonly Module[] = [account, customer, order];
const ID = "0193b5a0-7c1e-7000-8000-0000000000ff";

/** Commands whose examples follow each other on one aggregate. */
const JOURNEYS: Readonly<Record<string, readonly string[][]>> = {
  accounts: [["OpenAccount", "Deposit", "Withdraw"]],
  orders: [
    ["CreateOrder", "UpdateItems", "ConfirmOrder", "ShipOrder", "DeliverOrder"],
    ["CreateOrder", "CancelOrder"],
    ["CreateOrder", "CancelUnconfirmedOrder"],
  ],
  customers: [[
    ...["RegisterCustomer", "UpdateProfile", "ChangeEmail", "ChangePhone", "AddAddress", "UpdateAddress"],
    ...["RemoveAddress", "AddPaymentMethod", "RemovePaymentMethod", "UpgradeTier"],
    ...["SuspendCustomer", "ReactivateCustomer", "DeactivateCustomer"],
  ]],
};

/** Nothing is asked of it here. */
const BROKER: Broker = { tail: () => Promise.reject(new Error("a topic was read")) };

describe("the API document", () => {
  let service: Service;
  let contract: Contract;
  beforeAll(async () => {
    service = await openService({ environment: { BODY_LIMIT_BYTES: "2000" } });
    contract = new Contract((await service.send("/openapi.json")).body);
    contract.register();
  });
  afterAll(() => service.app.stop());

  const exchange = async (path: string, sending: Sending = {}) => {
    const answer = await service.send(path, sending);
    const method = sending.method ?? (sending.body === undefined ? "GET" : "POST");
    const operation = { method, path: contract.pathOf(path.split("?")[0] ?? "") };
    await contract.assertConforms(answer, operation);
    return answer;
  };

  it("is valid by the official schema of OpenAPI 3.1", async () => {
    await contract.assertValid();
  });

  it("is what it was at the last review", async (context) => {
    await context.assertSnapshot(contract.document);
  });

  it("stays as it is, and is not sent again to those who have it", async () => {
    const { headers } = await exchange("/openapi.json");
    const known = { "if-none-match": `"other", ${headers.get("etag")}` };
    assertEquals((await exchange("/openapi.json", { headers: known })).status, 304);
  });

  it("says what happens to those who ask too often", async () => {
    await using limited = await openService({ environment: { RATE_LIMIT: "1/60" } });
    await limited.send("/problems/not_found");
    const answer = await limited.send("/problems/not_found");
    assertEquals(answer.status, 429);
    await contract.assertConforms(answer, { method: "GET", path: "/problems/{code}" });
  });

  it("names every route of the service, and no other", () => {
    const kernel = { registry: registryOf(MODULES), broker: BROKER, limits: { page: 1 } } as Kernel;
    assertEquals(namesOf(contract), routesOf(kernel));
  });

  it("names no topics where there is no broker, as there are none", () => {
    const kernel = { registry: registryOf(MODULES), limits: { page: 1 } } as Kernel;
    const without = new Contract(openApiDocument(kernel));
    assertEquals(namesOf(without), routesOf(kernel));
    assertEquals(namesOf(without).filter((name) => name.includes("/topics/")), []);
  });

  it("gives each operation an id of its own, a summary, a tag and an answer for what goes wrong", () => {
    const all = Object.values(contract.paths).flatMap((methods) => Object.values(methods));
    assertEquals(new Set(all.map(({ operationId }) => operationId)).size, all.length);
    for (const { operationId, summary, tags, responses } of all) {
      assertMatch(String(operationId), /^[a-z][a-z0-9_]*$/);
      assert(typeof summary === "string" && Array.isArray(tags) && tags.length === 1, String(operationId));
      for (const status of [400, 405, 429, 500]) assert(status in (responses as Part), `${operationId} ${status}`);
    }
  });

  it("has an example for each command, and each is accepted by an aggregate in a fitting state", async () => {
    for (const { path, commands } of MODULES) {
      const journeys = JOURNEYS[path] ?? [];
      assertEquals([...new Set(journeys.flat())].sort(), Object.keys(commands).sort());
      for (const [at, journey] of journeys.entries()) {
        const id = `0193b5a0-7c1e-7000-8000-00000000020${at}`;
        for (const type of journey) {
          const sent = await exchange(`/${path}/${id}`, { body: exampleOf(contract, `/${path}/{id}`, type) });
          assert(sent.status < 300, `${type}: ${sent.text}`);
          await exchange(`/${path}/${id}`);
        }
        await exchange(`/${path}/${id}/events`);
      }
    }
  });

  it("has an example for each creation, and each is accepted", async () => {
    for (const { path, creates } of MODULES) {
      for (const type of creates) {
        assertEquals((await exchange(`/${path}`, { body: exampleOf(contract, `/${path}`, type) })).status, 201);
      }
    }
  });

  it("says of each answer on a tour what it is", async () => {
    const open = { type: "OpenAccount", owner: "Alice", initial_balance: 10 };
    const token = (version: number) => consistencyToken({ aggregateType: "account", aggregateId: "a-1", version });
    const key = { "idempotency-key": "k-1" };
    const seen = { "consistency-token": token(1), prefer: "wait=5" };
    const tour: [status: number, path: string, sending?: Sending][] = [
      [201, "/accounts/a-1", { body: open, headers: key }],
      [201, "/accounts/a-1", { body: open, headers: key }],
      [422, "/accounts/a-1", { body: { ...open, owner: "Bob" }, headers: key }],
      [422, "/accounts/a-1", { body: { type: "Withdraw", amount: 11 } }],
      [422, "/accounts/a-1", { body: { type: "Withdraw", amount: "11" } }],
      [422, "/accounts/a-1", { body: { type: "Wihdraw" } }],
      [422, "/orders", { body: { type: "CreateOrder", customer_id: ID, items: [] } }],
      [400, "/accounts/a-1", { body: "{" }],
      [400, `/orders/${ID.toUpperCase()}`, { body: {} }],
      [400, "/accounts/a-1", { body: open, headers: { "x-correlation-id": "1" } }],
      [412, "/accounts/a-1", { body: open, headers: { "if-match": '"7"' } }],
      [412, "/accounts/a-1", { headers: { "if-match": '"7"' } }],
      [413, "/accounts/a-1", { body: { ...open, owner: "a".repeat(3000) } }],
      [415, "/accounts/a-1", { body: "{}", headers: { "content-type": "text/plain" } }],
      [200, "/accounts/a-1?version=1"],
      [304, "/accounts/a-1", { headers: { "if-none-match": '"1"' } }],
      [404, "/accounts/a-2"],
      [200, "/accounts/a-1/events?limit=1"],
      [200, "/views/account_balances/a-1", { headers: seen }],
      [200, "/views/account_balances?limit=1", { headers: seen }],
      [503, "/views/account_balances/a-1", { headers: { "consistency-token": token(9), prefer: "wait=0" } }],
      [200, "/views/order_read_model?status=Created"],
      [400, "/views/order_read_model?status=Created&after=x"],
      [404, "/views/customer_read_model/0193b5a0-7c1e-7000-8000-0000000000aa"],
      [200, "/views/order_activity_by_day"],
      ...[
        "livez",
        "readyz",
        "openapi.json",
        "docs",
        ...["start.js", "swagger-ui.css", "swagger-ui-bundle.js"].map(inDocs),
      ]
        .map((path): [number, string] => [200, `/${path}`]),
      [404, "/docs/nothing.js"],
      [200, "/problems/not_found"],
      [200, "/problems/order/not_shipped"],
      [404, "/problems/order/nothing"],
    ];
    for (const [status, path, sending] of tour) {
      const answer = await exchange(path, sending);
      assertEquals(answer.status, status, `${path}: ${answer.text}`);
    }
    const refused = await service.send("/livez", { method: "DELETE" });
    await contract.assertConforms(refused, { method: "GET", path: "/livez" });
  });

  it("says of what live streams answer what it is", async () => {
    const topic = "/topics/account-events";
    const history = "/accounts/live-1/events";
    const live = { accept: "text/event-stream" };
    const conforms = async (answer: Answer, path: string, status: number) => {
      assertEquals(answer.status, status, `${path}: ${answer.text}`);
      await contract.assertConforms(answer, { method: "GET", path: contract.pathOf(path.split("?")[0] ?? "") });
    };
    const open = { body: { type: "OpenAccount", owner: "Alice", initial_balance: 10 } };
    await service.send("/accounts/live-1", open);
    const place = { ...live, "last-event-id": "nowhere" };
    await conforms(await service.send(topic, { method: "HEAD" }), topic, 200);
    await conforms(await service.send(history, { method: "HEAD", headers: live }), history, 200);
    await conforms(await service.send(`${topic}?after=nowhere`), topic, 400);
    await conforms(await service.send(topic, { headers: place }), topic, 400);
    await conforms(await service.send(history, { headers: place }), history, 400);
    for (const [limit, status] of [["LIVE_STREAM_LIMIT", 503], ["LIVE_STREAMS_PER_CLIENT", 429]] as const) {
      await using full = await openService({ environment: { [limit]: "1" } });
      await full.send("/accounts/live-1", open);
      const reading = await fetch(full.url + topic);
      await conforms(await full.send(topic), topic, status);
      await conforms(await full.send(history, { headers: live }), history, status);
      await reading.body?.cancel();
    }
  });
});

describe("the page of the API", () => {
  it("loads nothing but what the service has, and no script within itself", async () => {
    await using service = await openService();
    const { headers, text } = await service.send("/docs");
    const policy = headers.get("content-security-policy") ?? "";
    assertMatch(policy, /^default-src 'none'; script-src 'self'; style-src 'self';/);
    assertEquals(/unsafe|http|\*/.test(policy), false);
    const loaded = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url);
    assertEquals(loaded, [
      "data:,",
      ...["swagger-ui.css", "swagger-ui-bundle.js", "start.js"].map((file) => `/docs/${file}`),
    ]);
    for (const url of loaded.slice(1)) {
      const file = await service.send(String(url));
      assertEquals([file.status, file.headers.get("cache-control")], [200, "public, max-age=3600"]);
      const known = { "if-none-match": String(file.headers.get("etag")) };
      assertEquals((await service.send(String(url), { headers: known })).status, 304);
    }
    assertEquals(/<script(?![^>]* src=)/.test(text), false);
  });
});

describe("what a module presents", () => {
  for (const { name, state, presented = state, decider, present } of MODULES) {
    it(`of the first state of ${name} is as its schema says`, () => {
      presented.parse(present?.(decider.initialState) ?? decider.initialState);
    });
  }
});

describe("the document of a module that was just dropped in", () => {
  const document = openApiDocument({
    authenticator: undefined,
    registry: registryOf([lamp()]),
    broker: BROKER,
    limits: { page: 10 } as Kernel["limits"],
  });
  const contract = new Contract(document);
  const { schemas } = document.components as { schemas: Readonly<Record<string, Part>> };

  it("is valid", async () => {
    await contract.assertValid();
  });
  it("has what the module has: no creation, no examples, somebody to forbid it", () => {
    const lamps = Object.entries(contract.paths).filter(([path]) => /lamp/.test(path));
    const operations = lamps.map(([path, methods]) => `${Object.keys(methods)} ${path}`);
    assertEquals(operations, [
      ...["get,post /lamps/{id}", "get /lamps/{id}/events", "get /topics/lamp-events"],
      ...["get /views/lamps_by_room", "get /views/lamps_by_room/{key}"],
    ]);
    assertEquals(JSON.stringify(contract.paths["/lamps/{id}"]).includes('"examples"'), false);
    for (const { responses } of lamps.flatMap(([, methods]) => Object.values(methods))) {
      assert("403" in (responses as Part));
    }
  });
  it("leaves open what the module presents without a schema", () => {
    const { required, additionalProperties } = schemas["lamp.state"] ?? {};
    assertEquals([required, additionalProperties], [["id", "version"], undefined]);
  });
  it("gives a schema within a schema a place of its own", () => {
    const { room } = schemas["lamp.commands.Hang"]?.properties as Record<string, Part>;
    const inner = String(room?.$ref).replace("#/components/schemas/", "");
    assertEquals((schemas[inner]?.properties as Record<string, Part>).within, room);
    const event = (schemas["lamp.events.Hung"]?.properties as Record<string, Part>).event_data?.properties as Part;
    assert(String((event.room as Part).$ref).startsWith("#/components/schemas/lamp.events.Hung."));
  });
});

function lamp(): Module {
  const room = z.strictObject({
    name: z.string(),
    get within() {
      return room.exactOptional();
    },
  });
  const events = { Hung: z.strictObject({ room }) };
  return defineModule({
    name: "lamp",
    path: "lamps",
    id: "text",
    commands: { Hang: z.strictObject({ room }) },
    events,
    rejections: {},
    state: z.strictObject({ watts: z.number() }),
    creates: [],
    decider: { initialState: { watts: 5 }, decide: () => [], evolve: (state) => state },
    present: ({ watts }) => ({ bright: watts > 3 }),
    projections: [
      defineProjection({
        name: "lamps_by_room",
        version: 1,
        events,
        document: z.strictObject({ lamps: z.int() }),
        key: ({ room }) => room.name,
        on: {},
        indexes: { lamps_by_number: { by: "lamps" } },
      }),
    ],
    allow: () => true,
    allowRead: () => true,
  });
}

function inDocs(file: string): string {
  return `docs/${file}`;
}

function exampleOf({ paths }: Contract, path: string, type: string): unknown {
  const { content } = paths[path]?.post?.requestBody as { content: Record<string, { examples?: Part }> };
  const example = content["application/json"]?.examples?.[type] as { value: unknown } | undefined;
  assert(example !== undefined, `expected an example of ${type} at ${path}, found none`);
  return example.value;
}

function registryOf(modules: readonly Module[]) {
  return createRegistry(modules.map((module) => ({ module, location: module.name, fingerprint: "test" })));
}

function namesOf({ operations }: Contract): string[] {
  return operations.map(({ method, path }) => `${method} ${path}`).sort();
}

function routesOf(kernel: Kernel): string[] {
  const enter = () => problem("not_found");
  const gates = { data: enter, document: enter, health: enter, operation: enter };
  const { routes } = createPublicApp(kernel, { gates });
  return routes.map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}`).sort();
}
