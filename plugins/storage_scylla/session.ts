/** What CQL columns hold here: `bigint` and `int` columns come and go as they are, `uuid` as text, `blob` as bytes. */
export type CqlValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | null
  | ReadonlyMap<string, bigint>;

export type CqlRow = Readonly<Record<string, unknown>>;

/** A prepared statement's text and what is bound to it, in order. */
export type Statement = { readonly cql: string; readonly values: readonly CqlValue[] };

export type ReadOptions = {
  /**
   * `serial`, of reads: finishes conditional writes under way and sees them. `one` is for tables of the server's own,
   * of which every node has all. Else a quorum answers.
   */
  readonly consistency?: "quorum" | "serial" | "one";
  /** `cluster`: the quorum is one of all data centres together, for a condition too. Else it is the home's. */
  readonly scope?: "home" | "cluster";
  readonly pageSize?: number;
  /** How long an answer is waited for; left out: as long as for any other statement. */
  readonly timeoutMs?: number;
};

/**
 * All that the storage asks of a CQL server, and the one place where a test can stand in for the network. Reads and
 * writes are at LOCAL_QUORUM, conditions at LOCAL_SERIAL. Nothing is sent twice by itself. Every call throws a
 * `CqlError`.
 */
export type CqlSession = {
  /** The rows of the first page: all of them, unless there are more than a page holds. */
  execute(statement: Statement, options?: ReadOptions): Promise<readonly CqlRow[]>;
  /** One unlogged batch, sent where the first statement's partition is. A condition's answer is in the rows. */
  batch(statements: readonly Statement[]): Promise<readonly CqlRow[]>;
  /** All rows, a page at a time; a page may be empty and yet not the last. */
  pages(statement: Statement, options?: ReadOptions): AsyncIterable<readonly CqlRow[]>;
  /** Text that is not prepared, for a change of the schema; resolves once all nodes agree on it. */
  define(cql: string): Promise<void>;
  close(): Promise<void>;
};

/**
 * Why a statement gave no answer. `refused`: the server says that it is wrong or not allowed, and nothing was done.
 * `unsent`: it never left this process. `unknown`: anything else; a write may have been done, or may be done later.
 */
export class CqlError extends Error {
  override readonly name = "CqlError";
  readonly kind: "refused" | "unsent" | "unknown";
  constructor(kind: CqlError["kind"], message: string, options: { readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
  }
}
