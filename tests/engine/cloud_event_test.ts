import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CloudEvent, HTTP, Kafka } from "cloudevents";
import { fromCloudEvent, toCloudEvent } from "../../core/engine/cloud_event.ts";
import { eventSource, topicsOf } from "../../core/engine/publication.ts";
import { createRegistry } from "../../core/engine/registry.ts";
import type { TopicMessage } from "../../core/ports/broker.ts";
import type { RecordedEvent } from "../../core/ports/event_store.ts";
import account from "../../modules/account/mod.ts";
import { HARD_JSON, sampleEvent, streamOf } from "../contract/samples.ts";
import { found } from "./rig.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const FULL: RecordedEvent = {
  ...streamOf("acc-001", "account"),
  ...sampleEvent({ eventType: "MoneyDeposited", eventVersion: 2, data: HARD_JSON }),
  sequenceNumber: 7,
  causationId: "0193b5a0-7c1e-7000-8000-000000000001",
  correlationId: "0193b5a0-7c1e-7000-8000-000000000002",
  userId: "alice",
  commandId: "secret",
  commandHash: "secret",
  metadata: { traceparent: TRACEPARENT, more: 1 },
};
const BARE: RecordedEvent = { ...FULL, data: {}, causationId: null, correlationId: null, userId: null, metadata: null };

describe("toCloudEvent", () => {
  const headersOf = (event: RecordedEvent) => messageOf(event).headers;

  it("writes the attributes as headers, and none for what is null", () => {
    const common = {
      "content-type": "application/json",
      ce_specversion: "1.0",
      ce_id: FULL.eventId,
      ce_type: "MoneyDeposited",
      ce_source: "/annals/accounts",
      ce_subject: "acc-001",
      ce_time: "2026-11-21T10:00:00.000Z",
      ce_sequence: "7",
      ce_eventversion: "2",
    };
    assertEquals(headersOf(BARE), common);
    const causes = { ce_causationid: FULL.causationId ?? "", ce_correlationid: FULL.correlationId ?? "" };
    assertEquals(headersOf(FULL), { ...common, ...causes, traceparent: TRACEPARENT });
    assertEquals([messageOf(FULL).key, messageOf(BARE).value], ["acc-001", "{}"]);
  });

  it("takes the prefix of its source from EVENT_SOURCE", () => {
    const [topic] = topicsOf(createRegistry([found(account)]), { source: "https://example.com/bank" }).values();
    assertEquals(topic?.publish(FULL)?.headers.ce_source, "https://example.com/bank/accounts");
    const sources = ["/annals", "https://example.com", "urn:x", "", "/annals/", "a b"];
    assertEquals(sources.map((text) => eventSource.safeParse(text).success), [true, true, true, false, false, false]);
  });

  it("is what the SDK reads, from Kafka and from HTTP", () => {
    for (const event of [FULL, BARE]) {
      const message = messageOf(event);
      const fromKafka = only(Kafka.toEvent({ ...message, body: message.value }));
      const fromHttp = only(HTTP.toEvent({ headers: httpHeaders(message), body: message.value }));
      for (const parsed of [fromKafka, fromHttp]) {
        assertEquals(parsed.validate(), true);
        const { id, type, source, subject, time, specversion, datacontenttype } = parsed;
        assertEquals([id, type, source, subject], [event.eventId, event.eventType, "/annals/accounts", "acc-001"]);
        assertEquals([specversion, datacontenttype], ["1.0", "application/json"]);
        assertEquals(new Date(time ?? "").toISOString(), event.timestamp);
        assertEquals([parsed.sequence, parsed.eventversion], ["7", "2"]);
        assertEquals([parsed.correlationid, parsed.causationid], [
          event.correlationId ?? undefined,
          event.causationId ?? undefined,
        ]);
        assertEquals(parsed.data, JSON.parse(message.value));
      }
    }
  });
});

describe("fromCloudEvent", () => {
  it("gives the event back, without what stays inside", () => {
    for (const event of [FULL, BARE]) {
      const { commandId: _id, commandHash: _hash, ...rest } = event;
      const data = JSON.parse(JSON.stringify(event.data));
      assertEquals(fromCloudEvent(messageOf(event), "account"), { ...rest, data, userId: null, metadata: null });
    }
  });

  it("refuses a message of somebody else, naming what it lacks", () => {
    const { ce_sequence: _, ...headers } = messageOf(BARE).headers;
    assertThrows(() => fromCloudEvent({ ...messageOf(BARE), headers }, "account"), TypeError, "header ce_sequence");
  });
});

function messageOf(event: RecordedEvent): TopicMessage {
  return toCloudEvent(event, { published: { ...event.data, type: event.eventType }, source: "/annals/accounts" });
}

function httpHeaders({ headers }: TopicMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.replace("ce_", "ce-"), value]));
}

function only(parsed: unknown): CloudEvent<unknown> {
  if (parsed instanceof CloudEvent) return parsed;
  throw new Error(`expected one event, found ${JSON.stringify(parsed)}`);
}
