import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { startApp } from "../../core/engine/app.ts";
import { kernel } from "../../core/engine/kernel.ts";
import { supervision } from "../../core/engine/supervision.ts";
import account from "../../modules/account/mod.ts";
import cdcStreamer from "../../plugins/cdc_streamer/mod.ts";
import http, { httpRef } from "../../plugins/http/mod.ts";
import logging from "../../plugins/logging/mod.ts";
import metrics from "../../plugins/metrics/mod.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import storageScylla from "../../plugins/storage_scylla/mod.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

const TOO_FAR_MS = 65_000;

describe("a copy whose clock is more than a minute from the database's", () => {
  for (const [where, skewMs] of [["ahead", TOO_FAR_MS], ["behind", -TOO_FAR_MS]] as const) {
    it(`refuses commands and is not ready while it is ${where}, and works once it is set right`, async () => {
      await using keyspace = await freshKeyspace("skewed");
      let aheadMs = 0;
      await using service = await open(keyspace.name, () => aheadMs);
      assertEquals(await service.append(), 201);
      assertEquals((await service.ready()).status, 200);
      aheadMs = skewMs;
      assertEquals(await service.append(), 503);
      const { status, reason } = await service.ready();
      assertEquals(status, 503);
      assertMatch(reason, /found 6[45] s (ahead of|behind) it: set the machine's clock/);
      assertEquals(await service.count(), 1);
      aheadMs = skewMs / 2;
      assertEquals(await service.append(), 201);
      assertEquals((await service.ready()).status, 200);
    });
  }
});

/** The service in this process, by a clock that can be set. */
async function open(keyspace: string, aheadMs: () => number) {
  const found = [{ module: account, location: "account/mod.ts", fingerprint: "test" }];
  const app = await startApp({
    plugins: [logging, metrics, supervision, storageScylla, kernel(found), cdcStreamer, http],
    environment: {
      ...{ PORT: "0", METRICS_PORT: "0", LOG_LEVEL: "error" },
      ...{ SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace },
    },
    runtime: { ...systemRuntime, now: () => systemRuntime.now() + aheadMs() },
  });
  const { publicUrl, operatorUrl } = app.service(httpRef);
  let opened = 0;
  return {
    /** The status of a command to a new account. */
    async append(): Promise<number> {
      opened += 1;
      const response = await fetch(`${publicUrl}/accounts/${opened}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ type: "OpenAccount", owner: "Alice", initial_balance: 1 }),
      });
      await response.text();
      return response.status;
    },
    async ready(): Promise<{ readonly status: number; readonly reason: string }> {
      const response = await fetch(`${operatorUrl}/readyz`);
      const { checks } = await response.json();
      return { status: response.status, reason: String(checks.storage_scylla?.reason) };
    },
    /** How many accounts there are, by their streams: those that were refused left nothing. */
    async count(): Promise<number> {
      const statuses: number[] = [];
      for (let id = 1; id <= opened; id += 1) {
        const response = await fetch(`${publicUrl}/accounts/${id}`);
        await response.text();
        statuses.push(response.status);
      }
      return statuses.filter((status) => status === 200).length;
    },
    [Symbol.asyncDispose]: () => app.stop(),
  };
}
