// store.ts [--seconds=1.5] [--rounds=3]: the two databases alone, no HTTP and no Worker: groups of 50 appends spread
// over 10,000 streams, batches of 400 documents. Microseconds of processor time and of the clock for each.
import process from "node:process";
import { parseArgs } from "node:util";
import { EventsDb } from "./events_db.ts";
import { required } from "./required.ts";
import { type Append, base, type Row, type Shape } from "./shape.ts";
import { ViewsDb } from "./views_db.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: { seconds: { type: "string", default: "1.5" }, rounds: { type: "string", default: "3" } },
});
const STREAMS = 10_000, GROUP = 50, BATCH = 400;
const here = new URL(".", import.meta.url).pathname;
let ids = 0;
const newId = () => `019a0000-${(ids++).toString(16).padStart(12, "0")}-8000-abcdefabcdef`.slice(0, 36);

function row(shape: Shape): Row {
  const id = newId();
  const stored = shape.idBlob ? Uint8Array.fromHex(id.replaceAll("-", "").slice(0, 32).padEnd(32, "0")) : id;
  return [stored, "Deposited", 1, '{"amount":5}', null, null, null, newId(), null, 1_700_000_000_000 + ids, null];
}

interface Cost {
  cpu: number;
  wall: number;
}

/** Runs `work` for the given time; each call does `items` items. */
function cost(items: number, work: () => void): Cost {
  const until = performance.now() + Number(values.seconds) * 1000;
  const before = process.cpuUsage(), began = performance.now();
  let done = 0;
  while (performance.now() < until) {
    work();
    done += items;
  }
  const used = process.cpuUsage(before);
  return { cpu: (used.user + used.system) / done, wall: (performance.now() - began) * 1000 / done };
}

/** Gives `work` a data folder and takes it away afterwards, also when `work` failed. */
function inFolder(work: (dir: string) => Cost): Cost {
  const dir = Deno.makeTempDirSync({ dir: here, prefix: "data-" });
  try {
    return work(dir);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

function events(shape: Shape, dir: string): Cost {
  const db = new EventsDb(`${dir}/events.db`, shape);
  const versions = new Uint32Array(STREAMS);
  const append = (n: number): Append => ["account", `acc-${n}`, versions[n] ?? 0, [row(shape)]];
  // Three events in every stream before the clock starts, so that the tree has its depth.
  for (let round = 0; round < 3; round++) {
    db.commit(Array.from({ length: STREAMS }, (_, n) => append(n)));
    versions.fill(round + 1);
  }
  const measured = cost(GROUP, () => {
    const chosen = new Set<number>();
    while (chosen.size < GROUP) chosen.add(Math.floor(Math.random() * STREAMS));
    const outcomes = db.commit([...chosen].map(append));
    if (outcomes.includes(-1)) throw new Error("conflict");
    for (const n of chosen) versions[n] = (versions[n] ?? 0) + 1;
  });
  db.close();
  return measured;
}

function views(shape: Shape, dir: string): Cost {
  const db = new ViewsDb(`${dir}/views.db`, shape);
  const document = (n: number, balance: number) => [
    `acc-${n}`,
    `{"account_id":"acc-${n}","owner":"owner-${n % 100}","balance":${balance},"deposits":${
      balance / 5
    },"updated_at":17}`,
    balance,
  ];
  db.write(Array.from({ length: STREAMS }, (_, n) => document(n, 5)).flat(), 1);
  let balance = 10;
  const measured = cost(BATCH, () => {
    const chosen = new Set<number>();
    while (chosen.size < BATCH) chosen.add(Math.floor(Math.random() * STREAMS));
    db.write([...chosen].flatMap((n) => document(n, balance)), balance += 5);
  });
  db.close();
  return measured;
}

const shape = (change: Partial<Shape>): Shape => ({ ...base, ...change });
const cases: [string, (dir: string) => Cost][] = [
  ["events: stream, head in memory, unique index", (dir) => events(base, dir)],
  ["events: stream, select", (dir) => events(shape({ heads: "select" }), dir)],
  ["events: stream, guard in the insert", (dir) => events(shape({ heads: "guard" }), dir)],
  ["events: stream, streams.head updated", (dir) => events(shape({ heads: "column" }), dir)],
  ["events: stream, streams.head, no unique index", (dir) => events(shape({ heads: "column", unique: false }), dir)],
  ["events: text key, head in memory", (dir) => events(shape({ table: "text" }), dir)],
  ["events: text key, select", (dir) => events(shape({ table: "text", heads: "select" }), dir)],
  ["events: text key, guard", (dir) => events(shape({ table: "text", heads: "guard" }), dir)],
  ["events: event_id as a blob", (dir) => events(shape({ idBlob: true }), dir)],
  ["events: page 1024", (dir) => events(shape({ pageSize: 1024, checkpointPages: 4000 }), dir)],
  ["events: page 2048", (dir) => events(shape({ pageSize: 2048, checkpointPages: 2000 }), dir)],
  ["events: page 8192", (dir) => events(shape({ pageSize: 8192, checkpointPages: 500 }), dir)],
  ["events: autocheckpoint 4000", (dir) => events(shape({ checkpointPages: 4000 }), dir)],
  ["events: autocheckpoint 8000", (dir) => events(shape({ checkpointPages: 8000 }), dir)],
  ["events: autocheckpoint 8000, page 2048", (dir) => events(shape({ checkpointPages: 16000, pageSize: 2048 }), dir)],
  ["events: cache 64 MiB", (dir) => events(shape({ cacheKiB: 65536 }), dir)],
  [
    "events: cache 64 MiB, autocheckpoint 8000",
    (dir) => events(shape({ cacheKiB: 65536, checkpointPages: 8000 }), dir),
  ],
  ["events: mmap 256 MiB", (dir) => events(shape({ mmapMiB: 256 }), dir)],
  ["events: locking_mode exclusive", (dir) => events(shape({ exclusive: true }), dir)],
  ["events: synchronous NORMAL (not durable)", (dir) => events(shape({ synchronous: "NORMAL" }), dir)],
  ["views: WITHOUT ROWID, two indexes", (dir) => views(base, dir)],
  ["views: rowid, two indexes", (dir) => views(shape({ viewRowid: true }), dir)],
  ["views: WITHOUT ROWID, no index", (dir) => views(shape({ viewIndexes: false }), dir)],
  ["views: rowid, no index", (dir) => views(shape({ viewRowid: true, viewIndexes: false }), dir)],
  ["views: two indexes, autocheckpoint 8000", (dir) => views(shape({ checkpointPages: 8000 }), dir)],
  ["views: two indexes, cache 64 MiB", (dir) => views(shape({ cacheKiB: 65536 }), dir)],
  ["views: two indexes, cache 64 MiB, 8000", (dir) => views(shape({ cacheKiB: 65536, checkpointPages: 8000 }), dir)],
  ["views: two indexes, page 2048", (dir) => views(shape({ pageSize: 2048, checkpointPages: 2000 }), dir)],
];

// A case holds the thread, so a signal waits for its end, when its data folder is gone.
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => Deno.exit(130));
const found = cases.map(([name, run]) => ({ name, run, costs: Array.of<Cost>() }));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const { run, costs } of found) {
    costs.push(inFolder(run));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
const middle = (numbers: number[]) =>
  required(numbers.toSorted((a, b) => a - b)[numbers.length >> 1], "a value to take the median of");
console.log("| Alone, no HTTP | CPU µs an item | clock µs an item |\n|---|---|---|");
for (const { name, costs } of found) {
  const cpu = middle(costs.map((c) => c.cpu)), wall = middle(costs.map((c) => c.wall));
  console.log(`| ${name} | ${cpu.toFixed(1)} | ${wall.toFixed(1)} |`);
}
