import { type Command, numberOf, type Options, required, runCommand } from "./operations/command.ts";
import { type Answered, type Door, Refusal } from "./operations/door.ts";

/**
 * What subscriptions have parked, at the operator's door of a running service. `redrive` tells what it would do; with
 * `--yes` it has it done, tells how far it is, and ends with 1 where some failed again or it was cancelled.
 */
const USAGE = "list, show, stats, redrive, skip, status or cancel, with --subscription= --aggregate=TYPE/ID " +
  "--event-type= --error= to say which; list: --limit= --after=; redrive: --per-second= --yes; skip: --at= " +
  "--reason=; --by= says who asks";
const LETTERS = "/operations/dead-letters";
const LOOK_MS = 500;
const ONE = ["subscription", "aggregate"];
const FILTER = [...ONE, "event-type", "error"];

const commands: Readonly<Record<string, Command>> = {
  list: {
    options: [...FILTER, "limit", "after"],
    async run(door, { options }) {
      const { limit, after } = options as Record<string, string | undefined>;
      const { items, next } = await door.get(LETTERS, { ...filterOf(options), limit, after });
      if (next !== null) console.error(`more: --after=${next}`);
      return items as Answered[];
    },
  },
  show: {
    options: ONE,
    run: (door, { options }) =>
      door.get(`${LETTERS}/entry`, { subscription: required(options, "subscription"), ...one(options) }),
  },
  stats: { options: FILTER, run: (door, { options }) => door.get(`${LETTERS}/statistics`, filterOf(options)) },
  redrive: { options: [...FILTER, "per-second", "yes", "by"], run: redrive },
  skip: {
    options: [...ONE, "at", "reason", "by"],
    async run(door, { options }) {
      const at = numberOf(required(options, "at"), "at");
      const which = { subscription: required(options, "subscription"), ...one(options), sequence_number: at };
      return await door.post(`${LETTERS}/skip`, { ...which, reason: required(options, "reason"), ...asker(options) });
    },
  },
  status: { options: [], run: async (door) => told(await door.get(`${LETTERS}/redrive`)) },
  cancel: {
    options: ["by"],
    run: (door, { options }) => door.post(`${LETTERS}/redrive/cancel`, asker(options)),
  },
};

async function* redrive(door: Door, { options }: { options: Options }): AsyncGenerator<Answered, void> {
  const isMeant = options.yes === true;
  const rate = { per_second: numberOf(options["per-second"], "per-second") };
  const request = { ...filterOf(options), ...rate, ...asker(options), dry_run: !isMeant };
  const { first, ...answer } = await door.post(`${LETTERS}/redrive`, request);
  yield answer;
  if (!isMeant) {
    const { length } = first as Answered[];
    yield* first as Answered[];
    const shown = length === answer.total ? "" : `; these are the first ${length} of ${answer.total}`;
    return console.error(`Nothing was done; with --yes it is${shown}`);
  }
  let failedAgain = 0;
  for (let running = true; running;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const progress = await door.get(`${LETTERS}/redrive`);
    if (progress.redrive === null) throw new Refusal("The redrive was cancelled; what was tried stays tried");
    running = progress.running === true;
    failedAgain = Number((progress.redrive as Answered).failed_again);
    yield told(progress);
  }
  if (failedAgain > 0) throw new Refusal(`${failedAgain} failed again: deno task dlq list`);
}

function told({ running, redrive }: Answered): Answered {
  const { waiting, recovered, failed_again, total } = redrive as Answered ?? {};
  return redrive === null ? { running } : { running, waiting, recovered, failed_again, total };
}

function filterOf(options: Options) {
  const { subscription, error } = options as Record<string, string | undefined>;
  const which = options.aggregate === undefined ? {} : one(options);
  return { subscription, error, event_type: options["event-type"] as string | undefined, ...which };
}

function one(options: Options) {
  const [, aggregate_type, aggregate_id] = /^([^/]+)\/(.+)$/.exec(required(options, "aggregate")) ?? [];
  if (aggregate_type === undefined || aggregate_id === undefined) throw new Refusal("expected --aggregate=TYPE/ID");
  return { aggregate_type, aggregate_id };
}

function asker({ by }: Options) {
  return { by: by ?? Deno.env.get("USER") ?? "operator" };
}

await runCommand(commands, USAGE);
