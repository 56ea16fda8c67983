import { definePlugin } from "../../../core/ports/plugin.ts";
import { openDatabase } from "../../../plugins/storage_scylla/database.ts";
import storageScylla from "../../../plugins/storage_scylla/mod.ts";
import { openStorage } from "../../../plugins/storage_scylla/storage.ts";
import { layoutOf, withLog } from "./log.ts";

/**
 * The cluster store with a log of changes, whatever the server. Where it keeps none, a copy that only serves writes it,
 * before it answers; the others read it.
 */
export const loggedStorage = definePlugin({
  ...storageScylla,
  async start({ services: { supervision, ...services }, config }) {
    const database = await openDatabase(config, services);
    const keyspace = config.SCYLLA_KEYSPACE;
    const streams = config.ROLES.includes("stream");
    const session = streams ? database.session : await withLog(database, keyspace);
    const { store, source, health, close, ...others } = await openStorage({
      ...{ ...database, session, changeLog: layoutOf(database, keyspace), streams },
      ...{ ...services, branch: supervision.branch(storageScylla.name) },
    });
    const { readModels, snapshots, checkpoints, streamList } = others;
    return {
      services: { eventStore: store, changeSource: source, readModels, snapshots, checkpoints, streamList },
      health,
      stop: close,
    };
  },
});
