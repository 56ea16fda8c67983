import { brokerContract } from "../../tests/contract/broker.ts";
import { openRig } from "./test_rig.ts";

brokerContract("broker_kafka on kafkajs", () => openRig("kafkajs"));
brokerContract("broker_kafka on platformatic", () => openRig("platformatic"));
