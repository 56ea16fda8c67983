import { defineModule, defineProjection, type Module, reject } from "annals";
import { z } from "zod";

const events = {
  Counted: z.strictObject({ by: z.number() }),
  Noted: z.strictObject({ note: z.string() }),
  Named: z.strictObject({ name: z.string().optional() }),
};

const total = z.strictObject({ total: z.number(), count: z.int() });

export const counterTotals = defineProjection({
  name: "counter_totals",
  version: 1,
  events,
  document: total,
  on: {
    Counted: (document = { total: 0, count: 0 }, { by }) => ({ total: document.total + by, count: document.count + 1 }),
  },
});

/** A document over all counters, which does not depend on how their events interleave. */
export const counterSum = defineProjection({
  name: "counter_sum",
  version: 1,
  events,
  document: total,
  key: () => "all",
  on: counterTotals.on,
});

/** A small aggregate for the engine's tests: it counts, refuses to go below zero, and can be asked to misbehave. */
export const counter = defineModule({
  name: "counter",
  path: "counters",
  id: "text",
  commands: {
    Count: z.strictObject({ by: z.number(), times: z.int().optional() }),
    Note: z.strictObject({ note: z.string() }),
    Name: z.strictObject({ name: z.string().optional() }),
    Touch: z.strictObject({}),
    Break: z.strictObject({}),
    Smuggle: z.strictObject({}),
  },
  events,
  rejections: { below_zero: "A counter does not go below zero" },
  state: z.strictObject({ total: z.number(), name: z.string().optional() }),
  creates: ["Count"],
  decider: {
    initialState: { total: 0 },
    decide(command, state) {
      switch (command.type) {
        case "Count": {
          const { by, times = 1 } = command;
          if (state.total + by * times < 0) return reject("below_zero", { total: state.total });
          return Array.from({ length: times }, () => ({ type: "Counted", by }) as const);
        }
        case "Note":
          return [{ type: "Noted", note: command.note }];
        case "Name":
          return [{ type: "Named", name: command.name }];
        case "Touch":
          return [];
        case "Break":
          throw new Error("a bug in the decider");
        case "Smuggle":
          return [{ ...{ extra: 1 }, type: "Counted", by: 1 }];
      }
    },
    evolve(state, event) {
      switch (event.type) {
        case "Counted":
          return { ...state, total: state.total + event.by };
        case "Named": {
          const { type: _, ...named } = event;
          return { ...state, ...named };
        }
        default:
          return state;
      }
    },
  },
  projections: [counterTotals, counterSum],
  allow: (principal, _, { total }) => principal.sub !== "guest" || total < 5,
  allowRead: (principal) => principal.sub !== "guest",
});

export function counterWith(change: Partial<Module>): Module {
  return { ...counter, ...change };
}

/** What a rule gives that has forgotten to answer, or to wait. */
export const NO_ANSWERS: readonly unknown[] = [undefined, null, 1, "true", Promise.resolve(true), {}];
