import type { Answer, Expected } from "./teller.ts";

export function accepted(status: 200 | 201, type: string, version: number): Expected {
  return {
    status,
    shows({ body }) {
      const [event] = Array.isArray(body.events) ? body.events : [];
      requireEqual([event?.event_type, body.version], [type, version]);
      return `${type}, version ${version}`;
    },
  };
}

export function said(shows: Expected["shows"]): Expected {
  return { status: 200, shows };
}

export function problem(type: string, shows: Expected["shows"]): Expected {
  return {
    status: 422,
    shows(answer) {
      requireEqual(answer.body.type, type);
      return shows(answer);
    },
  };
}

export function itemsOf({ items }: Answer["body"]): Readonly<Record<string, unknown>>[] {
  return Array.isArray(items) ? items : [];
}

export function idOf({ body }: Answer): string {
  return String(body.id);
}

export function requireEqual(found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) throw new Error(`expected ${right}, found ${left}`);
}
