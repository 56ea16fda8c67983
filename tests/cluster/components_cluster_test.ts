import { assertEquals } from "@std/assert";
import { COMPONENTS as OF_CLUSTER_STORE } from "../../plugins/storage_scylla/test_components.ts";
import { COMPONENTS } from "../engine/components.ts";
import { startService } from "../service/service.ts";
import { freshKeyspace } from "./keyspace.ts";
import { copyOn } from "./stores.ts";

type Tree = { readonly children: readonly { readonly children: readonly { readonly name: string }[] }[] };

Deno.test("the tree of a copy on the cluster store has no component of which nobody shows how it fails", async () => {
  await using keyspace = await freshKeyspace("components");
  await using service = await startService(copyOn(keyspace.name));
  const { tree } = (await service.get("/health", { door: "operator" })).body;
  const { items } = (await service.get("/operations/subscriptions", { door: "operator" })).body;
  const subscriptions = (items as { subscription: string }[]).map(({ subscription }) => subscription);
  const shown = new Set([...Object.keys(COMPONENTS), ...OF_CLUSTER_STORE, ...subscriptions]);
  const names = (tree as Tree).children.flatMap(({ children }) => children.map(({ name }) => name));
  assertEquals(names.filter((name) => !shown.has(ofKind(name))), []);
});

/** The same for each slice, subscription and reader. */
function ofKind(name: string): string {
  return name.replace(/_of_slice_\d+/, "_of_slice_0").replace(/_for_\w+$/, "_for_sample").replace(
    /^log_reader_\d+$/,
    "log_reader_0",
  );
}
