import { assert, assertEquals, assertLess, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { StartError } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { httpRef } from "../../plugins/http/mod.ts";
import { PROBLEMS } from "../../plugins/http/problems.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import { assertProblem, openService, sendRaw, type Service } from "./rig.ts";

/** Of nothing else. */
const DRAIN_MS = 1_234;
const OPEN = { type: "OpenAccount", owner: "Alice", initial_balance: 100 };

describe("the doors", () => {
  let service: Service;
  beforeAll(async () => {
    service = await openService();
    await service.send("/accounts/acc-001", { body: OPEN });
  });
  afterAll(() => service.app.stop());

  it("answer HEAD like GET, without the body", async () => {
    const head = await sendRaw(service.url, "HEAD /accounts/acc-001 HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const { headers, text } = await service.send("/accounts/acc-001");
    assert(head.startsWith("HTTP/1.1 200 ") && head.endsWith("\r\n\r\n"), head);
    assertStringIncludes(head, `etag: ${headers.get("etag")}\r\n`);
    assertStringIncludes(head, `content-length: ${text.length}\r\n`);
  });

  it("tell which methods a path takes", async () => {
    const methods = [
      ["/accounts", "POST, OPTIONS"],
      ["/accounts/acc-001", "GET, HEAD, POST, OPTIONS"],
      ["/accounts/acc-001/events", "GET, HEAD, OPTIONS"],
      ["/views/account_balances", "GET, HEAD, OPTIONS"],
      ["/livez", "GET, HEAD, OPTIONS"],
    ];
    for (const [path = "", allow = ""] of methods) {
      const options = await service.send(path, { method: "OPTIONS" });
      assertEquals([options.status, options.text, options.headers.get("allow")], [204, "", allow]);
      for (const method of ["PUT", "DELETE", "PROPFIND"]) {
        const refused = await service.send(path, { method });
        assertProblem(refused, 405, "method_not_allowed");
        assertEquals(refused.headers.get("allow"), allow);
      }
    }
    assertProblem(await service.send("/accounts"), 405, "method_not_allowed");
    assertProblem(await service.send("/livez", { body: {} }), 405, "method_not_allowed");
  });

  it("know no other path, and a trailing slash is another one", async () => {
    for (
      const path of [
        "/",
        "/nothing",
        "/accounts/acc-001/",
        "/livez/",
        "/views",
        "/views/",
        "/metrics",
        "/accounts//events",
      ]
    ) {
      assertProblem(await service.send(path), 404, "not_found");
    }
    const raw = await sendRaw(service.url, "GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "}");
    assertMatch(raw, /^HTTP\/1\.1 404 /);
  });

  it("have a page for each problem", async () => {
    for (const code of Object.keys(PROBLEMS)) {
      const { status, headers, text } = await service.send(`/problems/${code}`);
      assertEquals([status, headers.get("content-type")], [200, "text/html; charset=utf-8"]);
      assertStringIncludes(text, `<code>${code}</code>`);
    }
    assertStringIncludes(
      (await service.send("/problems/account/insufficient_funds")).text,
      "does not cover the withdrawal",
    );
    assertProblem(await service.send("/problems/nothing"), 404, "not_found");
    assertProblem(await service.send("/problems/account/constructor"), 404, "not_found");
    assertProblem(await service.send("/problems/not_found?x=1"), 400, "invalid_query");
  });

  it("tell of health, the reasons to operators only", async () => {
    assertEquals((await service.send("/livez")).body, { status: "pass", checks: {} });
    const ready = await service.send("/readyz");
    assertEquals([ready.status, ready.body.status], [200, "pass"]);
    assertEquals((ready.body.checks as Record<string, unknown>).app, { status: "pass" });
    assertEquals((await service.send("/readyz", { operator: true })).status, 200);
  });

  it("show operators alone how each component is", async () => {
    const { status, headers, body } = await service.send("/health", { operator: true });
    assertEquals([status, headers.get("content-type"), body.status], [200, "application/json", "healthy"]);
    assertProblem(await service.send("/health"), 404, "not_found");
  });

  it("show metrics to operators, and what the public sees", async () => {
    const { status, text } = await service.send("/metrics", { operator: true });
    assertEquals(status, 200);
    assertStringIncludes(text, "commands_total");
    assertEquals((await service.send("/accounts/acc-001", { operator: true })).body.version, 1);
  });

  it("have one that needs no socket", async () => {
    const response = await service.app.service(httpRef).fetch(new Request("http://localhost/accounts/acc-001"));
    assertEquals([response.status, (await response.json()).owner], [200, "Alice"]);
  });
});

describe("the start of the doors", () => {
  const refusal = async (environment: Record<string, string>) =>
    (await assertRejects(() => openService({ environment }), StartError)).message;

  it("is refused when a port is in use, and leaves no door open", async () => {
    await using service = await openService();
    const { port } = new URL(service.url);
    assertEquals(
      await refusal({ PORT: port }),
      `Cannot listen on 127.0.0.1:${port}: the port is in use; set PORT to a free one`,
    );
    assertEquals(
      await refusal({ METRICS_PORT: port }),
      `Cannot listen on 127.0.0.1:${port}: the port is in use; set METRICS_PORT to a free one`,
    );
  });

  it("is refused beyond loopback without authentication, unless that is said", async () => {
    assertMatch(
      await refusal({ HOST: "0.0.0.0" }),
      /^Cannot serve HOST=0\.0\.0\.0 without authentication: set AUTH=jwt to ask for tokens, AUTH=none/,
    );
  });

  it("names the permission that is missing", async () => {
    assertMatch(
      await refusal({ HOST: "10.9.8.7", AUTH: "none" }),
      / add 10\.9\.8\.7:0 to --allow-net of the task that starts it$/,
    );
  });

  it("is refused with a bad environment, all of it in one line", async () => {
    const message = await refusal({ PORT: "eighty", METRICS_PORT: "70000", RATE_LIMIT: "many", AUTH: "maybe" });
    for (const name of ["PORT", "METRICS_PORT", "RATE_LIMIT", "AUTH"]) assertStringIncludes(message, `${name}=`);
  });
});

describe("the rate limit", () => {
  it("refuses an address what is over it, and its health never", async () => {
    await using service = await openService({ environment: { RATE_LIMIT: "2/60" } });
    const answers = await Promise.all(["/nothing", "/accounts/a", "/accounts/b"].map((path) => service.send(path)));
    const limited = answers.filter(({ status }) => status === 429);
    assertEquals([answers.map(({ status }) => status).sort(), limited.length], [[404, 404, 429], 1]);
    for (const answer of limited) assertProblem(answer, 429, "rate_limited");
    assertMatch(limited[0]?.headers.get("retry-after") ?? "", /^[0-9]+$/);
    assertEquals((await service.send("/readyz")).status, 200);
    assertEquals((await service.send("/accounts/a", { operator: true })).status, 404);
  });
});

describe("the stop of the doors", () => {
  it("first says that it is not ready, at either door, and serves on until the drain is over", async () => {
    const drained = Promise.withResolvers<void>();
    const sleep: Runtime["sleep"] = (ms, options) =>
      ms === DRAIN_MS ? drained.promise : systemRuntime.sleep(ms, options);
    const runtime = { ...systemRuntime, sleep };
    const service = await openService({ environment: { DRAIN_MS: String(DRAIN_MS) }, runtime });
    await service.send("/accounts/acc-001", { body: OPEN });
    const stopping = service.app.stop();
    for (const operator of [false, true]) {
      const { status, body } = await service.send("/readyz", { operator });
      assertEquals([status, body.status], [503, "fail"]);
      assertEquals((await service.send("/livez", { operator })).status, 200);
    }
    assertEquals((await service.send("/accounts/acc-001", { body: { type: "Deposit", amount: 1 } })).status, 200);
    drained.resolve();
    await stopping;
    await assertRejects(() => service.send("/livez"));
  });

  it("does not wait for a client that never ends its request", async () => {
    const service = await openService({ environment: { BODY_TIMEOUT_MS: "60000" } });
    const { hostname, port } = new URL(service.url);
    using connection = await Deno.connect({ hostname, port: Number(port) });
    const head =
      "POST /accounts/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    await connection.write(new TextEncoder().encode(head));
    assertEquals((await service.send("/livez")).status, 200);
    const startedMs = performance.now();
    await service.app.stop();
    assertLess(performance.now() - startedMs, 5_000);
  });
});
