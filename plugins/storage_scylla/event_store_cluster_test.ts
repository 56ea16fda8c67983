import { eventStoreContract } from "../../tests/contract/event_store.ts";
import { snapshotsContract } from "../../tests/contract/snapshots.ts";
import { openTestStore } from "./test_event_store.ts";

eventStoreContract("storage_scylla", openTestStore);
// So small that even short streams cross borders.
eventStoreContract("storage_scylla with small buckets", () => openTestStore({ layout: { bucketEvents: 100 } }));
snapshotsContract("storage_scylla", openTestStore);
