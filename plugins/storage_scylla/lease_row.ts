import type { CqlRow, CqlValue, Statement } from "./session.ts";

/** What a row of `leases` says; `epoch` is 0 where there is none. */
export type LeaseRow = {
  readonly owner: string | null;
  readonly epoch: number;
  readonly beat: number;
  /** Up to which minute each subscription has come. */
  readonly lowWater: ReadonlyMap<string, number>;
};

export type LeaseKey = { readonly scope: string; readonly slice: number };
type At = Pick<LeaseRow, "epoch" | "beat">;

export const NO_LEASE: LeaseRow = { owner: null, epoch: 0, beat: 0, lowWater: new Map() };

/** The first claim of a row that is not there. */
export function claim({ scope, slice }: LeaseKey, owner: string): Statement {
  const cql =
    "INSERT INTO leases (scope, slice, owner, epoch, beat, low_water) VALUES (?, ?, ?, 1, 0, ?) IF NOT EXISTS";
  return { cql, values: [scope, slice, owner, new Map<string, bigint>()] };
}

/** Begins the next epoch, if nobody has moved the row since it was seen. */
export function take({ scope, slice }: LeaseKey, { owner, seen }: { owner: string; seen: At }): Statement {
  const cql =
    "UPDATE leases SET owner = ?, epoch = ?, beat = 0 WHERE scope = ? AND slice = ? IF epoch = ? AND beat = ?";
  return { cql, values: [owner, BigInt(seen.epoch + 1), scope, slice, BigInt(seen.epoch), BigInt(seen.beat)] };
}

/** Moves the beat within an epoch; with `owner` null it gives the row back. */
export function move(
  { scope, slice }: LeaseKey,
  { me, at, to }: { me: string; at: At; to: Omit<LeaseRow, "epoch"> },
): Statement {
  const cql = "UPDATE leases SET owner = ?, beat = ?, low_water = ? WHERE scope = ? AND slice = ? " +
    "IF owner = ? AND epoch = ? AND beat = ?";
  const lowWater = new Map(Array.from(to.lowWater, ([name, minute]) => [name, BigInt(minute)]));
  const values: CqlValue[] = [to.owner, BigInt(to.beat), lowWater, scope, slice, me, BigInt(at.epoch), BigInt(at.beat)];
  return { cql, values };
}

export function readOne({ scope, slice }: LeaseKey): Statement {
  const cql = "SELECT slice, owner, epoch, beat, low_water FROM leases WHERE scope = ? AND slice = ?";
  return { cql, values: [scope, slice] };
}

export function readAll(scope: string, count: number): Statement {
  const slices = Array.from({ length: count }, (_, slice) => slice);
  const marks = slices.map(() => "?").join(", ");
  const cql = `SELECT slice, owner, epoch, beat, low_water FROM leases WHERE scope = ? AND slice IN (${marks})`;
  return { cql, values: [scope, ...slices] };
}

export function toLeaseRow({ owner, epoch, beat, low_water }: CqlRow): LeaseRow {
  return {
    owner: typeof owner === "string" ? owner : null,
    epoch: Number(epoch),
    beat: Number(beat),
    lowWater: new Map(entriesOf(low_water).map(([name, minute]) => [name, Number(minute)])),
  };
}

function entriesOf(map: unknown): [string, unknown][] {
  if (map instanceof Map) return [...map];
  return typeof map === "object" && map !== null ? Object.entries(map) : [];
}
