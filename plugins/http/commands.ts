import type { CommandHeaders } from "./headers.ts";
import { readBody } from "./body.ts";
import { type Call, type Handler, type Kernel, parameter } from "./call.ts";
import type { CommandOutcome, CommandRequest } from "../../core/engine/command_bus.ts";
import { parseCommand, type Served } from "../../core/engine/registry.ts";
import type { Fields, Message } from "../../core/model/message.ts";
import { consistencyToken, readCommandHeaders, versionMismatch } from "./headers.ts";
import { fieldErrors } from "./field_errors.ts";
import { derivedId, expectedId, isId } from "./ids.ts";
import { pointer, type Problem, problem, rejectionProblem } from "./problems.ts";
import { NO_NAMES, readQuery } from "./query.ts";
import { respondToCommand } from "./respond.ts";

type Accepted = { readonly is: "accepted"; readonly headers: CommandHeaders; readonly command: Message };
type Done = Extract<CommandOutcome, { readonly is: "done" }>;

/** `POST /{path}/{id}`: any command of the module. */
export function postCommand(kernel: Kernel, served: Served): Handler {
  const types = [...served.commands.keys()];
  return async (call) => {
    const id = parameter(call, "id");
    if (!isId(served.module.id, id)) {
      return problem("invalid_id", { detail: `Expected ${expectedId(served.module.id)}` });
    }
    const accepted = await accept(kernel, { call, served, types });
    if (accepted.is === "problem") return accepted;
    const outcome = await execute(kernel, requestOf(call, { kernel, served, id, accepted }));
    if (outcome.is !== "done") return outcomeProblem(outcome, { served, key: accepted.headers.key });
    return taken(call, outcome, { id, headers: headersOf(outcome, { served, id }) });
  };
}

/** `POST /{path}`: a command that creates, under an id that the service makes. */
export function postCreation(kernel: Kernel, served: Served): Handler {
  const types = served.module.creates;
  return async (call) => {
    const accepted = await accept(kernel, { call, served, types });
    if (accepted.is === "problem") return accepted;
    const { key } = accepted.headers;
    const { path } = served.module;
    const id = key === undefined ? kernel.runtime.newId() : derivedId(call.principal, { path, key });
    const outcome = await execute(kernel, requestOf(call, { kernel, served, id, accepted }));
    if (outcome.is !== "done") return outcomeProblem(outcome, { served, key });
    const headers = { ...headersOf(outcome, { served, id }), location: `/${path}/${id}` };
    return taken(call, outcome, { id, headers });
  };
}

async function accept(
  kernel: Kernel,
  { call: { request }, served, types }: { call: Call; served: Served; types: readonly string[] },
): Promise<Accepted | Problem> {
  const query = readQuery(request.url, NO_NAMES);
  if (query.is === "problem") return query;
  const headers = readCommandHeaders(request.headers);
  if (headers.is === "problem") return headers;
  const body = await readBody(request, kernel);
  if (body.is === "problem") return body;
  if (!isFields(body.value)) {
    return problem("invalid_body", { errors: [{ pointer: pointer([]), detail: "Expected a JSON object" }] });
  }
  const parsed = parseCommand(served, body.value);
  if (parsed.is === "invalid") return problem("invalid_body", { errors: fieldErrors(parsed.issues) });
  if (parsed.is === "unknown_command" || !types.includes(parsed.command.type)) return unknownCommand(types);
  return { is: "accepted", headers, command: parsed.command };
}

/** A store that hangs leaves nobody without an answer; what was begun may still be stored. */
function execute({ commandBus, commandDeadlines }: Kernel, request: CommandRequest): Promise<CommandOutcome> {
  return commandDeadlines.race(commandBus.execute(request), { is: "outcome_unknown" });
}

function requestOf(
  { correlationId, principal }: Call,
  { kernel: { tracer }, served, id, accepted }: {
    readonly kernel: Kernel;
    readonly served: Served;
    readonly id: string;
    readonly accepted: Accepted;
  },
): CommandRequest {
  const { command, headers: { key, precondition } } = accepted;
  const traceparent = tracer?.request()?.traceparent ?? accepted.headers.traceparent;
  return { served, id, command, principal, key, precondition, correlationId, causationId: null, traceparent };
}

function taken(
  { correlationId }: Call,
  outcome: Done,
  { id, headers }: { readonly id: string; readonly headers: Readonly<Record<string, string>> },
): Response {
  const status = outcome.created ? 201 : 200;
  return respondToCommand(JSON.stringify(bodyOf(outcome, id)), { correlationId, status, headers });
}

function bodyOf({ version, events }: Done, id: string) {
  return {
    id,
    version,
    events: events.map(({ eventId, sequenceNumber, eventType }) => ({
      event_id: eventId,
      sequence_number: sequenceNumber,
      event_type: eventType,
    })),
  };
}

function headersOf({ version, replayed }: Done, { served, id }: { served: Served; id: string }) {
  const token = consistencyToken({ aggregateType: served.module.name, aggregateId: id, version });
  const headers = { etag: `"${version}"`, "consistency-token": token };
  return replayed ? { ...headers, "idempotent-replayed": "true" } : headers;
}

function outcomeProblem(
  outcome: Exclude<CommandOutcome, Done>,
  { served, key }: { served: Served; key: string | undefined },
): Problem {
  switch (outcome.is) {
    case "rejected":
      return rejectionProblem(served, outcome.rejection);
    case "precondition_failed":
      return versionMismatch(outcome.version);
    case "too_large":
      return problem("payload_too_large", { detail: outcome.detail });
    case "key_reused":
      return problem("idempotency_key_reused");
    case "conflict":
      return problem("version_conflict");
    case "outcome_unknown":
      return problem("outcome_unknown", key === undefined ? {} : { members: { idempotency_key: key } });
    case "forbidden":
    case "overloaded":
    case "unavailable":
      return problem(outcome.is);
  }
}

function unknownCommand(types: readonly string[]): Problem {
  const detail = `Expected one of ${types.join(", ")}`;
  return problem("unknown_command", { detail, errors: [{ pointer: pointer(["type"]), detail }] });
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
