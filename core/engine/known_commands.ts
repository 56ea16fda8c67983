import { hash } from "node:crypto";
import type { Message } from "../model/message.ts";
import type { Principal } from "../model/module.ts";

/** The events a keyed command appended: `count` of them from sequence number `first` on. */
export type KnownCommand = { readonly hash: string; readonly first: number; readonly count: number };

/** What a keyed command leaves on its events: who sent which key, and what was said under it. */
export type CommandIdentity = { readonly commandId: string; readonly commandHash: string };

export const KNOWN_COMMANDS_PER_STREAM = 1024;

/**
 * The key is hashed along as a secret, so that stored hashes of small bodies cannot be guessed; it has no NUL, so no
 * other key and body give the same text. Keys are sorted, so equal commands have
 * equal text. Hashed in one call: an HMAC takes three times as long here.
 */
export function identifyCommand(principal: Principal, key: string, command: Message): CommandIdentity {
  return {
    commandId: hash("sha256", `${principal.sub}\0${key}`, "base64url"),
    commandHash: hash("sha256", `${key}\0${JSON.stringify(sorted(command))}`, "base64url"),
  };
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  return Object.fromEntries(Object.entries(value).sort(byKey).map(([key, item]) => [key, sorted(item)]));
}

function byKey([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : 1;
}

/** The last keyed commands of one stream, oldest forgotten first. */
export class KnownCommands {
  readonly #byId: Map<string, KnownCommand>;

  constructor(entries: Iterable<readonly [string, KnownCommand]> = []) {
    this.#byId = new Map(entries);
  }

  get size(): number {
    return this.#byId.size;
  }

  find(commandId: string): KnownCommand | undefined {
    return this.#byId.get(commandId);
  }

  /** Notes one event of a keyed command; the events of a command follow each other. */
  note(identity: CommandIdentity, sequenceNumber: number): void {
    const known = this.#byId.get(identity.commandId);
    this.#byId.set(
      identity.commandId,
      known === undefined
        ? { hash: identity.commandHash, first: sequenceNumber, count: 1 }
        : { ...known, count: known.count + 1 },
    );
    if (this.#byId.size > KNOWN_COMMANDS_PER_STREAM) {
      const [oldest] = this.#byId.keys();
      if (oldest !== undefined) this.#byId.delete(oldest);
    }
  }

  entries(): [string, KnownCommand][] {
    return [...this.#byId];
  }
}
