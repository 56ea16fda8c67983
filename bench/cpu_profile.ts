type Node = {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
};

/** The parts of a V8 profile that are used here. Times are in microseconds. */
type Profile = {
  readonly nodes: readonly Node[];
  readonly startTime: number;
  readonly endTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

/** From so long before the end of a profile, for so long. */
export type Window = { readonly beforeEndMs: number; readonly ms: number };

const IDLE = "(idle)";
const OWN_STAGES = new Map([
  ["(garbage collector)", "garbage collection"],
  ["(program)", "the engine itself"],
]);

/** The innermost file of the project, or of Hono, that a sample lies under says what it was for: the first match. */
const STAGES: readonly (readonly [stage: string, files: RegExp])[] = [
  ["read and parse the body", /plugins\/http\/(body|json_limits|deadlines)/],
  ["check its shape", /core\/engine\/registry/],
  ["route, headers, answer", /plugins\/http\/|\/hono\//],
  ["count and time", /command_metrics|plugins\/metrics/],
  [
    "project",
    /core\/engine\/(subscription|projector|demand|supervisor)|modules\/\w+\/projections|plugins\/cdc_streamer/,
  ],
  ["write and read views", /storage_sqlite\/(views_|read_models|progress|document_rows|change_source)/],
  ["read streams", /storage_sqlite\/(events_reader|snapshots|event_store)|core\/engine\/aggregate/],
  ["hand over to the writer", /storage_sqlite\/(event_writer|event_rows|thread|tail|text)/],
  ["write events", /storage_sqlite\/events_/],
  ["queue and decide", /core\/engine|modules\//],
];
const OTHER_STAGE = "serve HTTP and pass messages";

/** Microseconds a stage took, without those it waited. */
export async function stagesOf(path: string, window: Window): Promise<ReadonlyMap<string, number>> {
  const profile: Profile = JSON.parse(await Deno.readTextFile(path));
  const stageOf = stages(profile.nodes);
  const from = profile.endTime - window.beforeEndMs * 1000;
  const spent = new Map<string, number>();
  let at = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const us = profile.timeDeltas[index] ?? 0;
    at += us;
    const stage = stageOf(id);
    if (stage === undefined || at < from || at > from + window.ms * 1000) continue;
    spent.set(stage, (spent.get(stage) ?? 0) + us);
  }
  return spent;
}

/** The stage of a node; undefined when nothing was done. */
function stages(nodes: readonly Node[]): (id: number) => string | undefined {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  const known = new Map<number, string | undefined>();
  const find = (id: number): string | undefined => {
    const own = byId.get(id)?.callFrame.functionName ?? IDLE;
    if (own === IDLE) return undefined;
    for (let node = byId.get(id); node !== undefined; node = parents.get(node.id)) {
      const { url } = node.callFrame;
      const stage = STAGES.find(([, files]) => files.test(url));
      if (stage !== undefined) return stage[0];
    }
    return OWN_STAGES.get(own) ?? OTHER_STAGE;
  };
  return (id) => {
    if (!known.has(id)) known.set(id, find(id));
    return known.get(id);
  };
}
