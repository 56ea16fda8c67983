import { changeLogContract } from "../../tests/contract/change_log.ts";
import { changeSourceContract } from "../../tests/contract/change_source.ts";
import { checkpointsContract, logCheckpointsContract } from "../../tests/contract/checkpoints.ts";
import { eventStoreContract } from "../../tests/contract/event_store.ts";
import { logProgressContract, progressContract } from "../../tests/contract/progress.ts";
import { readModelsContract } from "../../tests/contract/read_models.ts";
import { snapshotsContract } from "../../tests/contract/snapshots.ts";
import { streamListContract } from "../../tests/contract/stream_list.ts";
import { transferContract } from "../../tests/contract/transfer.ts";
import { createMemoryStorage } from "./mod.ts";
import { snapshotName } from "./snapshots.ts";

const open = async () => {
  const storage = createMemoryStorage();
  const damage = async (stream: Parameters<typeof snapshotName>[0]) => {
    storage.snapshotTexts.set(snapshotName(stream), '{"version":');
  };
  return { ...storage, damage, async [Symbol.asyncDispose]() {} };
};

eventStoreContract("storage_memory", open);
changeLogContract("storage_memory", open);
changeSourceContract("storage_memory", open);
readModelsContract("storage_memory", open);
progressContract("storage_memory", open);
logProgressContract("storage_memory", open);
checkpointsContract("storage_memory", open);
logCheckpointsContract("storage_memory", open);
snapshotsContract("storage_memory", open);
streamListContract("storage_memory", open);
transferContract("storage_memory", open);
