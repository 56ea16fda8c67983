import type { ChangeLog } from "../../core/ports/change_log.ts";
import type { Parked, ProgressUpdate } from "../../core/ports/progress.ts";
import type { DocumentWrite, ReadModel, ReadModels, StoredDocument } from "../../core/ports/read_models.ts";
import type { Fields } from "../../core/model/message.ts";
import { type Open, openReader, streamOf } from "./samples.ts";

export { HARD_TEXTS } from "./samples.ts";

export type OpenedReadModels = { readonly readModels: ReadModels };
export type OpenReadModels = Open<OpenedReadModels>;

export const NO_PROGRESS: ProgressUpdate = { checkpoint: null, park: [], unpark: [] };

export type Sources = ReadModel["sources"];

export function readModel(incarnation: string, sources: Sources = "one"): ReadModel {
  return {
    incarnation,
    sources,
    indexes: {
      by_status: { by: "status", newestFirstBy: "created_at" },
      by_email: { by: "email", ignoreCase: true },
    },
  };
}

export async function prepared(
  { readModels }: OpenedReadModels,
  sources?: Sources,
): Promise<{ readModels: ReadModels; model: ReadModel }> {
  const model = readModel("sample_v1", sources);
  await readModels.prepare(model);
  return { readModels, model };
}

export function documentOf(key: string, document: Fields): StoredDocument {
  return { key, version: 1, document };
}

export function putDocuments(
  { readModels }: OpenedReadModels,
  model: ReadModel,
  documents: readonly DocumentWrite[],
): Promise<"written" | "moved"> {
  return readModels.write(model, { documents, progress: NO_PROGRESS });
}

export async function listAll(
  readModels: ReadModels,
  model: ReadModel,
  { limit }: { limit: number },
): Promise<StoredDocument[]> {
  const items: StoredDocument[] = [];
  let after: string | undefined;
  while (true) {
    const page = await readModels.find(model, { limit, ...after === undefined ? {} : { after } });
    items.push(...page.items);
    if (page.next === null) return items;
    after = page.next;
  }
}

/** The checkpoint that has passed everything appended so far. */
export async function checkpointNow(log: ChangeLog): Promise<string> {
  await using reader = openReader(log);
  while ((await log.backlog(reader.checkpoint())).events > 0) await reader.next();
  return reader.checkpoint() ?? "";
}

export function parkedOf(aggregateId: string, change: Partial<Parked> = {}): Parked {
  return {
    ...streamOf(aggregateId),
    from: 2,
    through: 3,
    eventType: "Happened \u0000",
    attempts: 5,
    givenUp: true,
    request: 2,
    error: "TypeError: \u0000 \ud800 of a projection",
    firstFailedAt: "2026-11-21T10:00:00.000Z",
    lastFailedAt: "2026-11-21T10:05:00.000Z",
    ...change,
  };
}
