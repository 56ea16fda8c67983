import { changeLogContract } from "../../tests/contract/change_log.ts";
import { changeSourceContract } from "../../tests/contract/change_source.ts";
import { checkpointsContract, logCheckpointsContract } from "../../tests/contract/checkpoints.ts";
import { eventStoreContract } from "../../tests/contract/event_store.ts";
import { logProgressContract, progressContract } from "../../tests/contract/progress.ts";
import { readModelsContract } from "../../tests/contract/read_models.ts";
import { snapshotsContract } from "../../tests/contract/snapshots.ts";
import { streamListContract } from "../../tests/contract/stream_list.ts";
import { transferContract } from "../../tests/contract/transfer.ts";
import { openTemporary } from "./test_storage.ts";

// A small tail, so that the suites see readers fall off it.
const open = () => openTemporary({ tail: { events: 100, bytes: 50_000 } });

eventStoreContract("storage_sqlite", open);
changeLogContract("storage_sqlite", open);
changeSourceContract("storage_sqlite", open);
readModelsContract("storage_sqlite", open);
progressContract("storage_sqlite", open);
logProgressContract("storage_sqlite", open);
checkpointsContract("storage_sqlite", open);
logCheckpointsContract("storage_sqlite", open);
snapshotsContract("storage_sqlite", open);
streamListContract("storage_sqlite", open);
transferContract("storage_sqlite", open);
