import { parseCheckpoint, type ProgressUpdate } from "../../core/ports/progress.ts";
import type { ReadModel, ReadModels } from "../../core/ports/read_models.ts";
import { indexesOf, type IndexList, tableOf, toDocumentRow } from "./document_rows.ts";
import { toParkedRow, toStreamRow } from "./parked_rows.ts";
import { createProgress, type ProgressParts } from "./progress.ts";
import type { ViewChange } from "./views_file.ts";
import type { ViewsReader } from "./views_reader.ts";
import type { ViewsWriter } from "./views_writer.ts";

export type ReadModelParts = Pick<ProgressParts, "positionOf"> & {
  readonly reader: () => ViewsReader;
  readonly writer: ViewsWriter;
  /** The id of the event at a position, to know later whether the events are still the same. */
  readonly eventIdAt: (position: number) => string | undefined;
};

/** Documents in views.db, written by its thread and read on this one. */
export function createReadModels(parts: ReadModelParts): ReadModels {
  const { writer, reader } = parts;
  const prepared = new Map<string, IndexList>();
  const { progress, moved } = createProgress({ ...parts, reader: () => reader().progress });
  const indexesFor = ({ incarnation }: ReadModel): IndexList => {
    const indexes = prepared.get(incarnation);
    if (indexes === undefined) throw new TypeError(`Cannot use ${incarnation}: expected it to be prepared before`);
    return indexes;
  };
  const get: ReadModels["get"] = async (model, keys) => {
    indexesFor(model);
    return await reader().get(model.incarnation, keys);
  };
  return {
    soleWriter: true,
    progress,
    async prepare(model) {
      tableOf(model.incarnation);
      const indexes = indexesOf(model);
      const isThere = reader().definitionOf(model.incarnation) === JSON.stringify(indexes);
      if (!isThere) await writer.prepare(model.incarnation, indexes);
      prepared.set(model.incarnation, indexes);
    },
    get,
    known: get,
    async find(model, find) {
      return await reader().find(model.incarnation, indexesFor(model), find);
    },
    async write(model, { documents, progress }) {
      const indexes = indexesFor(model);
      await writer.write({
        incarnation: model.incarnation,
        documents: documents.map((each) => toDocumentRow(each, indexes)),
        ...toProgressRows(progress, parts),
      });
      moved(model.incarnation);
      return "written";
    },
  };
}

function toProgressRows(
  { checkpoint, park, unpark }: ProgressUpdate,
  { eventIdAt }: ReadModelParts,
): Pick<ViewChange, "checkpoint" | "park" | "unpark"> {
  const position = checkpoint === null ? undefined : parseCheckpoint(checkpoint);
  return {
    checkpoint: position === undefined ? null : { position, eventId: eventIdAt(position) ?? "" },
    park: park.map(toParkedRow),
    unpark: unpark.map(toStreamRow),
  };
}
