import { auditGuards } from "./audit_guards.ts";
import { backupGuards } from "./backup_guards.ts";
import { benchGuards } from "./bench_guards.ts";
import { changeLogGuards } from "./change_log_guards.ts";
import { clusterGuards } from "./cluster_guards.ts";
import { deadLetterGuards } from "./dead_letter_guards.ts";
import { doorsGuards } from "./doors_guards.ts";
import { feedGuards } from "./feed_guards.ts";
import { handlerGuards } from "./handler_guards.ts";
import { kafkaGuards } from "./kafka_guards.ts";
import { limitsGuards } from "./limits_guards.ts";
import { monitoringGuards } from "./monitoring_guards.ts";
import { supervisionGuards } from "./supervision_guards.ts";
import { taskGuards } from "./task_guards.ts";
import { type Guard, guards } from "./guards.ts";

/** Every guard of a promise there is. */
export const allGuards: readonly Guard[] = [
  guards,
  auditGuards,
  backupGuards,
  benchGuards,
  changeLogGuards,
  clusterGuards,
  deadLetterGuards,
  doorsGuards,
  feedGuards,
  handlerGuards,
  kafkaGuards,
  limitsGuards,
  monitoringGuards,
  supervisionGuards,
  taskGuards,
].flat();
