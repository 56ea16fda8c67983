import { assertEquals } from "@std/assert";
import { z } from "zod";
import { type App, startApp } from "../../core/engine/app.ts";
import type { Module } from "../../core/model/module.ts";
import { definePlugin, type Plugin } from "../../core/ports/plugin.ts";
import type { Runtime } from "../../core/ports/runtime.ts";
import { type Log, logRef } from "../../core/ports/telemetry.ts";
import { servicePlugins } from "../../main.ts";
import account from "../../modules/account/mod.ts";
import customer from "../../modules/customer/mod.ts";
import order from "../../modules/order/mod.ts";
import brokerLocal from "../../plugins/broker_local/mod.ts";
import { httpRef } from "../../plugins/http/mod.ts";
import logging from "../../plugins/logging/mod.ts";
import { systemRuntime } from "../../plugins/runtime/mod.ts";
import storageMemory from "../../plugins/storage_memory/mod.ts";

/** All that `main.ts` puts into the service, on real listeners over the memory store; what it logs is kept. */
export type Service = AsyncDisposable & {
  readonly app: App;
  readonly url: string;
  readonly operatorUrl: string;
  readonly lines: readonly string[];
  send(path: string, options?: Sending): Promise<Answer>;
};

export type Sending = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; text and bytes are sent as they are. */
  readonly body?: unknown;
  readonly operator?: boolean;
};

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Body; readonly text: string };
type Body = Record<string, unknown>;

type Options = {
  readonly environment?: Readonly<Record<string, string>>;
  readonly storage?: Plugin;
  readonly modules?: readonly Module[];
  /** False: there are no topics, as on a storage without a log of changes. */
  readonly broker?: boolean;
  readonly runtime?: Runtime;
};

export async function openService(options: Options = {}): Promise<Service> {
  const { environment = {}, storage = storageMemory, modules = [account, customer, order], broker = true } = options;
  const { runtime = systemRuntime } = options;
  const lines: string[] = [];
  const found = modules.map((module) => ({ module, location: `${module.name}/mod.ts`, fingerprint: "test" }));
  const data = broker ? [storage, brokerLocal] : [storage];
  const app = await startApp({
    plugins: servicePlugins(found, data).map((plugin) => plugin === logging ? keptLog(lines) : plugin),
    environment: { PORT: "0", METRICS_PORT: "0", DRAIN_MS: "0", WATCHDOG_SECONDS: "0", ...environment },
    runtime,
  });
  const { publicUrl, operatorUrl } = app.service(httpRef);
  return {
    app,
    url: publicUrl,
    operatorUrl,
    lines,
    send: (path, sending = {}) => send((sending.operator ? operatorUrl : publicUrl) + path, sending),
    [Symbol.asyncDispose]: () => app.stop(),
  };
}

async function send(url: string, { method, headers = {}, body }: Sending): Promise<Answer> {
  const text = body === undefined || typeof body === "string" || body instanceof Uint8Array
    ? body
    : JSON.stringify(body);
  const request = text === undefined ? { headers } : {
    headers: { "content-type": "application/json", ...headers },
    body: text as BodyInit,
  };
  const response = await fetch(url, { method: method ?? (text === undefined ? "GET" : "POST"), ...request });
  if (response.headers.get("content-type") === "text/event-stream" && method !== "HEAD") {
    await response.body?.cancel();
    throw new Error(`expected an answer that ends from ${url}, found a live stream`);
  }
  const answered = await response.text();
  const json = response.headers.get("content-type")?.includes("json") && answered !== "";
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(answered) : {}, text: answered };
}

/** Holds an answer against the problem it should be, and every problem against what all have. */
export function assertProblem(answer: Answer, status: number, type: string): void {
  const { body, headers } = answer;
  assertEquals([answer.status, body.status, body.type], [status, status, `/problems/${type}`]);
  assertEquals(headers.get("content-type"), "application/problem+json");
  assertEquals(body.correlation_id, headers.get("x-correlation-id"));
  assertEquals([typeof body.title, typeof body.instance], ["string", "string"]);
}

/** Sends bytes as they are; gives what comes back until it holds `until`, or the connection ends. */
export async function sendRaw(url: string, text: string, until = "\r\n\r\n"): Promise<string> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(text));
  const buffer = new Uint8Array(65_536);
  let answer = "";
  while (!answer.includes(until)) {
    const count = await connection.read(buffer);
    if (count === null) break;
    answer += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return answer;
}

function keptLog(lines: string[]): Plugin {
  const at = (level: string) => (message: string, fields = {}) => {
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  const log: Log = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  return definePlugin({
    name: "kept_log",
    provides: { log: logRef },
    requires: {},
    config: z.object({}),
    start: () => Promise.resolve({ services: { log } }),
  });
}
