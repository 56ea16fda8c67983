import { type Command, type Options, required, runCommand } from "./operations/command.ts";
import { type Answered, Refusal } from "./operations/door.ts";

/** What feeds read models, topics and handlers, at the operator's door of a running service. */
const USAGE = "list, pause NAME --reason=, resume NAME or audit --after=; --by= says who asks";
const SUBSCRIPTIONS = "/operations/subscriptions";

const commands: Readonly<Record<string, Command>> = {
  list: async (door) => (await door.get(SUBSCRIPTIONS)).items as Answered[],
  pause: (door, { options, names }) => {
    const reason = required(options, "reason");
    return door.post(`${SUBSCRIPTIONS}/pause`, { subscription: named(names), reason, ...asker(options) });
  },
  resume: (door, { options, names }) =>
    door.post(`${SUBSCRIPTIONS}/resume`, { subscription: named(names), ...asker(options) }),
  async audit(door, { options }) {
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
};

function named([name, ...more]: readonly string[]): string {
  if (name !== undefined && more.length === 0) return name;
  throw new Refusal("expected the name of one subscription, as `list` shows it");
}

function asker({ by }: Options) {
  return { by: by ?? Deno.env.get("USER") ?? "operator" };
}

await runCommand(commands, { options: ["reason", "by", "after"], usage: USAGE });
