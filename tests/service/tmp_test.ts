import { startService, temporaryDirectory } from "./service.ts";
import { moment } from "./program.ts";
Deno.test("x", async () => {
  for (const finish of [true, false]) {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const { hostname, port } = new URL(service.url);
    using c = await Deno.connect({ hostname, port: Number(port) });
    const body = '{"type":"OpenAccount","owner":"Alice","initial_balance":1}';
    const enc = (s: string) => new TextEncoder().encode(s);
    await c.write(enc(`POST /accounts/acc-001 HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body.slice(0, 10)}`));
    await moment(100);
    const t = performance.now();
    service.program.kill("SIGTERM");
    await moment(300);
    if (finish) await c.write(enc(body.slice(10)));
    const b = new Uint8Array(4096);
    const n = await c.read(b).catch((e) => { console.log(e); return 0; });
    console.log(finish, performance.now() - t, new TextDecoder().decode(b.subarray(0, n ?? 0)));
    const e = await service.program.exited;
    console.log(performance.now() - t, e.code, e.stderr.slice(-500));
  }
});
