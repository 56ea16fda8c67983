import type { Frame } from "./cql_frames.ts";

const OPCODES = ["QUERY", "PREPARE", "EXECUTE", "BATCH"] as const;

export type Opcode = typeof OPCODES[number];

/**
 * The requests that a rule is for: of this opcode, with a statement like this, the next so many; all where it does not
 * say. A driver asks on its own by QUERY, of system tables: name a statement or another opcode to leave that alone.
 */
export type Which = { readonly opcode?: Opcode; readonly statement?: RegExp; readonly count?: number };

export type Action =
  | { readonly type: "drop_request" | "drop_response" | "cut_response" }
  | { readonly type: "wait"; readonly wait: () => Promise<void> };

/** What is done to requests: each meets the first rule that is for it and not used up. */
export class Rules {
  #rules: { readonly which: Which; readonly action: Action; left: number }[] = [];

  add(which: Which, action: Action): void {
    this.#rules.push({ which, action, left: which.count ?? Infinity });
  }

  clear(): void {
    this.#rules = [];
  }

  take(frame: Frame, statements: readonly string[]): Action | undefined {
    const rule = this.#rules.find(({ which, left }) => left > 0 && isFor(which, { frame, statements }));
    if (rule === undefined) return undefined;
    rule.left--;
    return rule.action;
  }
}

function isFor(
  { opcode, statement }: Which,
  { frame, statements }: { frame: Frame; statements: readonly string[] },
): boolean {
  // What a driver sends to get and keep a connection is no request of these.
  const isOpcode = OPCODES.some((each) => each === frame.opcode && (opcode ?? each) === each);
  return isOpcode && (statement === undefined || statements.some((text) => statement.test(text)));
}
