import { scratchDirectory, startService } from "../tasks/child.ts";
import { type Kind, load, openAccounts } from "./load.ts";
import { whenCaughtUp } from "./metrics.ts";

const d = await scratchDirectory("profile");
const kind = (Deno.args[0] ?? "deposit") as Kind;
const out = Deno.args[1] ?? "/tmp/pp/out";
const s = await startService(d.path, { flags: ["--cpu-prof", `--cpu-prof-dir=${out}`] });
await openAccounts(s.url);
const l = await load(s.url, { kind, connections: 128, seconds: 4 });
await whenCaughtUp(s);
console.log(l);
await s.end();
await d[Symbol.asyncDispose]();
