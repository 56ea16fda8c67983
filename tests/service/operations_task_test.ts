import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import deno from "../../deno.json" with { type: "json" };
import { until } from "../contract/surroundings.ts";
import { run } from "./program.ts";
import { assertStatus, type Service, startService, surroundings, temporaryDirectory } from "./service.ts";

const SUBSCRIPTION = "parcel_read_model_v1";
/** No port of the system's choice, and none that a browser may not ask. */
const URL_OF_NOBODY = "http://127.0.0.1:2";
const WHICH = [`--subscription=${SUBSCRIPTION}`, "--aggregate=parcel/p-1"];

describe("deno task dlq and deno task subscriptions", () => {
  it("show what is parked, have it tried again and skipped, and hold a subscription", async () => {
    await using directory = await temporaryDirectory();
    const modules = `${directory.path}/modules`;
    await Deno.mkdir(`${modules}/parcel`, { recursive: true });
    await Deno.copyFile("tasks/demo/modules/parcel/mod.ts", `${modules}/parcel/mod.ts`);
    await Deno.writeTextFile(`${modules}/parcel/broken`, "");
    await using service = await startService({ directory: directory.path, modules });
    for (const id of ["p-1", "p-2"]) {
      assertStatus(await service.post(`/parcels/${id}`, { type: "SendParcel", to: "Ada" }), 201);
    }
    // One that is still retried would recover by itself once nothing is broken.
    await until(async () => (await dlq(service, "list")).stdout.match(/ given_up /g)?.length === 2);
    assertStringIncludes((await dlq(service, "stats")).stdout, "total: 2");
    assertMatch(
      (await dlq(service, "list")).stdout,
      /^subscription +aggregate_type .+\n.+ p-1 .+ broken on purpose .+\n/,
    );
    assertStringIncludes((await dlq(service, "show", ...WHICH)).stdout, '"event_data":{"to":"Ada"}');
    const dry = await dlq(service, "redrive", ...WHICH);
    assertEquals([dry.code, dry.stderr], [0, "Nothing was done; with --yes it is\n"]);
    const failed = await dlq(service, "redrive", ...WHICH, "--yes");
    assertEquals([failed.code, failed.stderr], [1, "annals: 1 failed again: deno task dlq list\n"]);
    await until(async () => (await dlq(service, "list")).stdout.match(/ given_up /g)?.length === 2);
    const cancelled = dlq(service, "redrive", "--per-second=0.001", "--yes", "--by=ada");
    await until(async () => (await dlq(service, "cancel")).code === 0);
    const { code, stderr } = await cancelled;
    assertEquals([code, stderr], [1, "annals: The redrive was cancelled; what was tried stays tried\n"]);
    await until(async () => (await dlq(service, "list")).stdout.match(/ given_up /g)?.length === 2);
    await Deno.remove(`${modules}/parcel/broken`);
    const done = await dlq(service, "redrive", ...WHICH, "--yes", "--json");
    assertEquals([done.code, done.stderr], [0, ""]);
    assertEquals(JSON.parse(done.stdout.trim().split("\n").at(-1) ?? ""), {
      running: false,
      waiting: 0,
      recovered: 1,
      failed_again: 0,
      total: 1,
    });
    assertEquals((await service.get("/views/parcel_read_model/p-1")).body.to, "Ada");
    const skipped = await dlq(
      service,
      "skip",
      WHICH[0] ?? "",
      "--aggregate=parcel/p-2",
      "--at=1",
      "--reason=sent twice",
    );
    assertEquals(skipped.code, 0, skipped.stderr);
    await until(async () => (await dlq(service, "list")).stdout === "none\n");

    assertEquals((await subscriptions(service, "pause", SUBSCRIPTION, "--reason=a deploy", "--by=ada")).code, 0);
    assertMatch(
      (await subscriptions(service, "list")).stdout,
      /parcel_read_model_v1 +\{"reason":"a deploy",.+"by":"ada"\}/,
    );
    assertEquals((await subscriptions(service, "resume", SUBSCRIPTION)).code, 0);
    assertMatch((await subscriptions(service, "audit")).stdout, / ada +\$subscription_paused .+"a deploy"/);
  });

  it("say in one line why they cannot, and end with 1", async () => {
    await using directory = await temporaryDirectory();
    await using service = await startService({ directory: directory.path });
    const refusals: readonly (readonly [readonly string[], RegExp])[] = [
      [["redrive", "--subscription=nobody", "--yes"], /There is no subscription nobody/],
      [["redrive", "--yes"], /Nothing that is parked is meant/],
      [["list", "--subscription=nobody"], /There is no subscription nobody/],
      [
        ["show", "--subscription=order_read_model_v1", "--aggregate=order/1"],
        /order_\S+ has not parked this aggregate/,
      ],
      [["show", ...WHICH], /There is no subscription parcel_read_model_v1/],
      [["show", "--subscription=x", "--aggregate=y"], /expected --aggregate=TYPE\/ID/],
      [["skip", ...WHICH, "--at=1"], /expected --reason=/],
      [["skip", ...WHICH, "--at=one", "--reason=x"], /expected a number above 0 in --at=, found "one"/],
      [["skip", ...WHICH, "--at=1.5", "--reason=x"], /#\/sequence_number /],
      [["redrive", "--per-second=abc"], /expected a number above 0 in --per-second=, found "abc"/],
      [["cancel"], /No redrive is under way/],
      [["nonsense"], /expected list, show, stats/],
      [["list", "--nonsense=1"], /Unknown option '--nonsense'/],
      [["redrive", SUBSCRIPTION, "--yes"], /redrive takes no name, found "parcel_\S+"; give --subscription= or /],
      [["redrive", "", SUBSCRIPTION, "--yes"], /redrive takes no name, found ""/],
      [["redrive", "--limit=1", "--yes"], /redrive takes no --limit; of its own it takes --subscription .* --by$/m],
      [["redrive", "--error=", "--yes"], /expected something in --error=, found nothing/],
      [["list", "extra"], /list takes no name, found "extra"/],
      [["list", "--yes"], /list takes no --yes/],
      [["status", "extra"], /status takes no name, found "extra"$/m],
      [["status", "--by=ada"], /status takes no --by; of its own it takes none/],
      [["cancel", "--subscription=x"], /cancel takes no --subscription; of its own it takes --by/],
    ];
    for (const [args, reason] of refusals) {
      const { code, stdout, stderr } = await dlq(service, ...args);
      assertEquals([code, stdout, stderr.split("\n").length], [1, "", 2], stderr);
      assertMatch(stderr, reason);
    }
    const { code, stderr } = await dlq({ operatorUrl: service.url }, "list");
    const place = `Expected an operator's door at ${service.url}`;
    assertEquals([code, stderr], [1, `annals: ${place}, found 404; name it with --url=\n`]);
    const further: readonly (readonly [readonly string[], RegExp])[] = [
      [["pause", "nobody", "--reason=x"], /There is no subscription nobody/],
      [["pause", "--reason=x"], /expected the name of one subscription/],
      [["resume", "one", "two"], /expected the name of one subscription/],
      [["list", "extra"], /list takes no name, found "extra"/],
      [["resume", "one", "--reason=x"], /resume takes no --reason; of its own it takes --by/],
    ];
    for (const [args, reason] of further) {
      const { code, stderr } = await subscriptions(service, ...args);
      assertEquals([code, stderr.split("\n").length], [1, 2], stderr);
      assertMatch(stderr, reason);
    }
  });

  it("say how many a dry run does not show", async () => {
    const first = [{ aggregate_id: "a" }, { aggregate_id: "b" }];
    const answer = () => Response.json({ dry_run: true, total: 31, per_second: 20, first });
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
    const { code, stderr } = await dlq({ operatorUrl: `http://127.0.0.1:${server.addr.port}` }, "redrive");
    assertEquals([code, stderr], [0, "Nothing was done; with --yes it is; these are the first 2 of 31\n"]);
    await server.shutdown();
  });

  it("say that nobody answers", async () => {
    const { code, stderr } = await dlq({ operatorUrl: URL_OF_NOBODY }, "list");
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^annals: Nobody answers at http:\S+ \(.+Connection refused.+\); start the service, or .+ with --url=\n$/,
    );
  });

  it("say how they are asked", async () => {
    for (
      const [ask, names] of [[dlq, /--limit= --after=;.* --per-second=/], [subscriptions, /audit --after=/]] as const
    ) {
      const { code, stdout, stderr } = await ask({ operatorUrl: URL_OF_NOBODY }, "--help");
      assertEquals([code, stderr], [0, ""]);
      assertMatch(stdout, names);
      assertMatch(stdout, /; always: --url= of the operator's door, --json, --help\n$/);
    }
  });

  it("name the token where the door wants one, and take it", async () => {
    await using directory = await temporaryDirectory();
    const environment = { OPERATOR_TOKEN: "0123456789abcdef0123456789abcdef" };
    await using service = await startService({ directory: directory.path, environment });
    const refused = await dlq(service, "list");
    assertEquals(refused.code, 1);
    assertMatch(refused.stderr, /; set OPERATOR_TOKEN to the token of that door\n$/);
    assertEquals((await task("dlq", service, ["list"], environment)).stdout, "none\n");
  });
});

type At = Pick<Service, "operatorUrl">;

function dlq(service: At, ...args: string[]) {
  return task("dlq", service, args);
}

function subscriptions(service: At, ...args: string[]) {
  return task("subscriptions", service, args);
}

function task(name: "dlq" | "subscriptions", { operatorUrl }: At, options: readonly string[], environment = {}) {
  const [command = "", ...args] = deno.tasks[name].command.split(" ");
  const given = { ...surroundings(), ...environment };
  return run(command, { args: [...args, ...options, `--url=${operatorUrl}`], environment: given });
}
