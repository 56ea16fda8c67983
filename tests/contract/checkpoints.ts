import { assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { ChangeLog } from "../../core/ports/change_log.ts";
import type { CheckpointStore } from "../../core/ports/checkpoints.ts";
import type { ReadModels, StoredDocument } from "../../core/ports/read_models.ts";
import type { OpenedFeed } from "./feed.ts";
import { logProgressContract, progressContract } from "./progress.ts";
import { NO_PROGRESS } from "./read_model_samples.ts";
import type { Open } from "./samples.ts";

type OpenedCheckpoints = Omit<OpenedFeed, "readModels"> & { readonly checkpoints: CheckpointStore };

/** Progress whose effects are outside keeps all that the progress of read models keeps. */
export function checkpointsContract(name: string, open: Open<OpenedCheckpoints>): void {
  progressContract(`${name}, for effects outside,`, async () => asReadModels(await open()));
  describe(`${name} before an effect outside`, () => {
    it("refuses a checkpoint that no change source made", async () => {
      await using opened = await open();
      for (const checkpoint of ["", "x", "-1", "1.5", " 1"]) {
        assertThrows(() => opened.checkpoints.check({ ...NO_PROGRESS, checkpoint }), TypeError);
        await assertRejects(() => opened.checkpoints.commit("sample_v1", { ...NO_PROGRESS, checkpoint }), TypeError);
      }
    });
  });
}

export function logCheckpointsContract(
  name: string,
  open: Open<OpenedCheckpoints & { readonly log: ChangeLog }>,
): void {
  logProgressContract(`${name}, for effects outside,`, async () => asReadModels(await open()));
}

/** Read models whose documents are an effect outside: the suites tell by them what was refused. */
function asReadModels<T extends OpenedCheckpoints>(opened: T): T & { readonly readModels: ReadModels } {
  const { checkpoints } = opened;
  const documents = new Map<string, StoredDocument>();
  const get: ReadModels["get"] = (_, keys) => {
    const found = keys.flatMap((key) => documents.get(key) ?? []);
    return Promise.resolve(new Map(found.map((each) => [each.key, each])));
  };
  const readModels: ReadModels = {
    soleWriter: true,
    progress: checkpoints.progress,
    prepare: () => Promise.resolve(),
    get,
    known: get,
    find: () => Promise.resolve({ items: [], next: null }),
    async write({ incarnation }, { documents: written, progress }) {
      checkpoints.check(progress);
      for (const { key, version, document = {} } of written) documents.set(key, { key, version, document });
      await checkpoints.commit(incarnation, progress);
      return "written";
    },
  };
  return Object.assign(opened, { readModels });
}
