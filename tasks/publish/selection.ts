import { parseArgs } from "node:util";
import { topicName } from "../../core/engine/publication.ts";
import type { Registry } from "../../core/engine/registry.ts";
import type { Selection } from "../../core/engine/republish.ts";
import { StartError } from "../../core/ports/plugin.ts";

const USAGE = "expected --republish with --topic=NAME, --module=NAME, --aggregate=MODULE/ID, or --from=TIME and " +
  "--to=TIME, and perhaps --after=PLACE";

/** Which events the arguments ask for. Throws a `StartError`, or what `parseArgs` has against them. */
export function readSelection(args: readonly string[], { modules, byName }: Registry): Selection {
  const string = { type: "string" } as const;
  const names = { topic: string, module: string, aggregate: string, from: string, to: string, after: string };
  const { values } = parseArgs({ args: [...args], options: { ...names, republish: { type: "boolean" } } });
  const { aggregate, from, to, after } = values;
  const stream = aggregate === undefined ? undefined : readStream(aggregate, byName);
  const module = readModule(values, { modules, byName });
  if (stream !== undefined && module !== undefined && stream.aggregateType !== module) {
    throw new StartError(
      `Cannot publish: the aggregate ${aggregate} is of the module ${stream.aggregateType}, not of ${module}; ` +
        "give one of them",
    );
  }
  if (values.republish !== true || [module, stream, from, to].every((each) => each === undefined)) {
    throw new StartError(`Cannot publish: ${USAGE}`);
  }
  return {
    ...(module === undefined ? {} : { modules: new Set([module]) }),
    ...(stream === undefined ? {} : { stream }),
    ...readSpan({ from, to }),
    ...(after === undefined ? {} : { after }),
  };
}

/** The module whose events are meant, by its own name, its topic's or both. */
function readModule(
  { module, topic }: { readonly module?: string | undefined; readonly topic?: string | undefined },
  { modules, byName }: Pick<Registry, "modules" | "byName">,
): string | undefined {
  const owner = modules.find((served) => topicName(served) === topic)?.module.name;
  if (topic !== undefined && owner === undefined) {
    throw new StartError(`Cannot publish: there is no topic ${topic}; expected one of ${modules.map(topicName)}`);
  }
  if (module !== undefined && !byName.has(module)) {
    throw new StartError(`Cannot publish: there is no module ${module}; expected one of ${[...byName.keys()]}`);
  }
  if (module !== undefined && owner !== undefined && owner !== module) {
    throw new StartError(
      `Cannot publish: the topic ${topic} is of the module ${owner}, not of ${module}; give one of them`,
    );
  }
  return module ?? owner;
}

function readStream(text: string, byName: Registry["byName"]) {
  const [, aggregateType = "", aggregateId = ""] = /^([^/]+)\/(.+)$/.exec(text) ?? [];
  if (byName.has(aggregateType)) return { aggregateType, aggregateId };
  throw new StartError(`Cannot publish --aggregate=${text}: expected MODULE/ID, with one of ${[...byName.keys()]}`);
}

type Span = { readonly from?: string | undefined; readonly to?: string | undefined };

function readSpan(given: Span): Pick<Selection, "from" | "to"> {
  const from = given.from === undefined ? undefined : readTime(given.from);
  const to = given.to === undefined ? undefined : readTime(given.to);
  if (from !== undefined && to !== undefined && from >= to) {
    throw new StartError(`Cannot publish: expected --from= before --to=, found ${from} and ${to}`);
  }
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

function readTime(text: string): string {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new StartError(`Cannot publish: expected a time like 2026-11-21T10:00:00Z, found "${text}"`);
}
