import type { Message } from "../model/message.ts";
import type { Module } from "../model/module.ts";
import type { CommandOf } from "./specification.ts";
import { expectSame, isObject, show, SpecificationError } from "./comparison.ts";

export type Fetch = (request: Request) => Promise<Response>;

export type HttpSpecification<M extends Module> = {
  /** Commands sent before, to a new aggregate; each must be answered with 2xx. */
  given(...commands: readonly CommandOf<M>[]): Requesting<M>;
  when: Requesting<M>["when"];
  whenRequested: Requesting<M>["whenRequested"];
};

type Requesting<M extends Module> = {
  when(command: CommandOf<M>, options?: { readonly headers?: HeaderFields }): Answering<M>;
  /** Any request. `{id}` in `path` is the aggregate's id; without `path` the aggregate is asked for. */
  whenRequested(request?: Requested): Answering<M>;
};

type HeaderFields = Readonly<Record<string, string>>;

export type Requested = {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: HeaderFields;
  /** Sent as JSON; text is sent as it is. */
  readonly body?: unknown;
};

type Answering<M extends Module> = {
  /** Sends everything, once a call; answers with the response and its body, for what else there is to check. */
  then(expected: Expected<M>): Promise<{ readonly response: Response; readonly body: unknown; readonly id: string }>;
};

export type Expected<M extends Module> = {
  readonly status: number;
  /** One of the module's rejections, or the whole path of another problem: `/problems/version_conflict`. */
  readonly problem?: (keyof M["rejections"] & string) | `/problems/${string}`;
  /** The members named here, at any depth; lists item by item. */
  readonly body?: unknown;
  readonly headers?: HeaderFields;
};

type Answer = { readonly response: Response; readonly body: unknown; readonly id: string };

/**
 * The same given, when, then through the wire. `newId` names the aggregate of each example; without it they are
 * counted, which suits a service that begins empty. Throws a `SpecificationError`.
 */
export function http<M extends Module>(
  fetch: Fetch,
  module: M,
  options: { readonly newId?: () => string; readonly origin?: string } = {},
): HttpSpecification<M> {
  const { newId = () => countedId(module), origin = "http://localhost" } = options;
  const given: HttpSpecification<M>["given"] = (...commands) => {
    const answer = async (last: Requested): Promise<Answer> => {
      const id = newId();
      const send = async (requested: Requested): Promise<Answer> => {
        const response = await fetch(requestOf(requested, { base: `/${module.path}/${id}`, id, origin }));
        return { response, body: await bodyOf(response), id };
      };
      for (const command of commands) expectDone(command.type, await send(posted(command)));
      return await send(last);
    };
    const then = async (last: Requested, expected: Expected<M>): Promise<Answer> => {
      const answered = await answer(last);
      expectAnswer(module, answered, expected);
      return answered;
    };
    return {
      when: (command, { headers = {} } = {}) => ({ then: (expected) => then(posted(command, headers), expected) }),
      whenRequested: (requested = {}) => ({ then: (expected) => then(requested, expected) }),
    };
  };
  return { given, ...given() };
}

function posted(command: Message, headers: HeaderFields = {}): Requested {
  return { method: "POST", body: command, headers };
}

function requestOf(
  { method = "GET", path, headers = {}, body }: Requested,
  { base, id, origin }: { readonly base: string; readonly id: string; readonly origin: string },
): Request {
  const url = new URL((path ?? base).replaceAll("{id}", id), origin);
  if (body === undefined) return new Request(url, { method, headers });
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Request(url, { method, headers: { "content-type": "application/json", ...headers }, body: text });
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  return /^application\/([\w.-]+\+)?json\b/.test(response.headers.get("content-type") ?? "") ? JSON.parse(text) : text;
}

function expectDone(type: string, { response, body }: Answer): void {
  if (!response.ok) throw new SpecificationError(`The given ${type} was answered ${response.status}: ${show(body)}`);
}

function expectAnswer<M extends Module>(module: M, { response, body }: Answer, expected: Expected<M>): void {
  if (response.status !== expected.status) {
    throw new SpecificationError(`Expected the status ${expected.status}, found ${response.status}: ${show(body)}`);
  }
  if (expected.problem !== undefined) {
    const { problem } = expected;
    const type = problem.startsWith("/") ? problem : `/problems/${module.name}/${problem}`;
    expectSame("The problem's type", isObject(body) ? body.type : undefined, type);
  }
  for (const [name, value] of Object.entries(expected.headers ?? {})) {
    expectSame(`The header ${name}`, response.headers.get(name) ?? undefined, value);
  }
  if (expected.body !== undefined) expectSame("The body", named(body, expected.body), expected.body);
}

/** Of the value, the members that the expected one names. */
function named(value: unknown, expected: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(expected)) return value.map((item, at) => named(item, expected[at]));
  if (!isObject(value) || !isObject(expected)) return value;
  const names = Object.keys(expected).filter((name) => Object.hasOwn(value, name));
  return Object.fromEntries(names.map((name) => [name, named(value[name], expected[name])]));
}

let made = 0;

function countedId({ id }: Module): string {
  made += 1;
  return id === "uuid" ? `0199e5c0-0000-7000-a000-${String(made).padStart(12, "0")}` : `specified-${made}`;
}
