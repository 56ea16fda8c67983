import { transferContract } from "../../tests/contract/transfer.ts";
import { openTestStreamList } from "./test_stream_list.ts";

transferContract("storage_scylla", openTestStreamList);
