import { type Options, temporaryDirectory } from "../service/service.ts";
import { freshKeyspace } from "./keyspace.ts";
import { cassandraAddress } from "./server.ts";

/** A store of its own for a service that is started with these options; removed when disposed. */
export type Store = AsyncDisposable & {
  readonly options: Options & { readonly environment: Readonly<Record<string, string>> };
};

/** Either store that a service may have. */
export const STORES: Readonly<Record<"embedded" | "cluster", () => Promise<Store>>> = {
  async embedded() {
    const directory = await temporaryDirectory();
    const options = { directory: directory.path, environment: {} };
    return { options, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
  },
  async cluster() {
    const keyspace = await freshKeyspace("store");
    return { options: copyOn(keyspace.name), [Symbol.asyncDispose]: () => keyspace[Symbol.asyncDispose]() };
  },
};

/** How a copy of the service on the keyspace is started. */
export function copyOn(keyspace: string, environment: Readonly<Record<string, string>> = {}) {
  const variables = { SCYLLA_NODES: cassandraAddress(), SCYLLA_KEYSPACE: keyspace, ...environment };
  return { directory: "data/none", task: "start:cluster" as const, environment: variables };
}
