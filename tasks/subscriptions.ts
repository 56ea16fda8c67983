import { type Command, type Options, required, runCommand } from "./operations/command.ts";
import type { Answered } from "./operations/door.ts";

/** What feeds read models, topics and handlers, at the operator's door of a running service. */
const USAGE = "list, pause NAME --reason=, resume NAME or audit --after=; --by= says who asks";
const SUBSCRIPTIONS = "/operations/subscriptions";

const NAME = "the name of one subscription, as `list` shows it";

const commands: Readonly<Record<string, Command>> = {
  list: { options: [], run: async (door) => (await door.get(SUBSCRIPTIONS)).items as Answered[] },
  pause: {
    options: ["reason", "by"],
    name: NAME,
    run: (door, { options, name: subscription }) =>
      door.post(`${SUBSCRIPTIONS}/pause`, { subscription, reason: required(options, "reason"), ...asker(options) }),
  },
  resume: {
    options: ["by"],
    name: NAME,
    run: (door, { options, name: subscription }) =>
      door.post(`${SUBSCRIPTIONS}/resume`, { subscription, ...asker(options) }),
  },
  audit: {
    options: ["after"],
    async run(door, { options }) {
      const { items, next } = await door.get("/operations/audit", { after: options.after as string | undefined });
      if (next !== null) console.error(`more: --after=${next}`);
      return (items as Answered[]).map(({ number, at, by, request, correlation_id: _, ...data }) => ({
        number,
        at,
        by,
        request,
        data,
      }));
    },
  },
};

function asker({ by }: Options) {
  return { by: by ?? Deno.env.get("USER") ?? "operator" };
}

await runCommand(commands, USAGE);
