import { streamListContract } from "../../tests/contract/stream_list.ts";
import { openTestStreamList } from "./test_stream_list.ts";

streamListContract("storage_scylla", openTestStreamList);
