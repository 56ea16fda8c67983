import { definePlugin } from "../../../core/ports/plugin.ts";
import { openDatabase } from "../../../plugins/storage_scylla/database.ts";
import storageScylla from "../../../plugins/storage_scylla/mod.ts";
import { openStorage } from "../../../plugins/storage_scylla/storage.ts";
import { writtenLayout } from "../../../tests/cluster/cdc/log_tables.ts";
import { loggedBy } from "../../../tests/cluster/cdc/logged_session.ts";
import { beginLog } from "./written_log.ts";

/**
 * The cluster store on a Cassandra that keeps a log of changes as ScyllaDB does. A copy that only serves writes it,
 * before it answers, and the others read it.
 */
export const loggedStorage = definePlugin({
  ...storageScylla,
  async start({ services, config }) {
    const database = await openDatabase(config, services);
    const changeLog = writtenLayout(config.SCYLLA_KEYSPACE, "tablets");
    const streams = config.ROLES.includes("stream");
    const session = streams
      ? database.session
      : loggedBy(await beginLog(database.session, changeLog), database.session, { waits: true });
    const { store, source, health, close, ...others } = await openStorage({
      ...{ ...database, session, changeLog, streams },
      ...services,
    });
    const { readModels, snapshots, checkpoints, streamList } = others;
    return {
      services: { eventStore: store, changeSource: source, readModels, snapshots, checkpoints, streamList },
      health,
      stop: close,
    };
  },
});
