import type { Served } from "../../../core/engine/registry.ts";
import { expectedId } from "../ids.ts";
import { commandOperation, commandSchemas } from "./commands.ts";
import type { JsonObject, Schemas } from "./json_schema.ts";
import { exampleId, idSchema, pathParameter } from "./parameters.ts";
import { historyOperation, stateOperation } from "./reads.ts";

/** The paths of one module: its commands, state and history. */
export function modulePaths(
  served: Served,
  { schemas, result, pageLimit }: {
    readonly schemas: Schemas;
    readonly result: JsonObject;
    readonly pageLimit: number;
  },
): JsonObject {
  const { module } = served;
  const { name, path, creates } = module;
  const id = pathParameter("id", {
    description: expectedId(module.id),
    schema: idSchema(module.id),
    example: exampleId(module),
  });
  const commands = commandSchemas(served, schemas);
  const create = (cases: typeof commands) =>
    commandOperation(module, {
      id: `create_${name}`,
      summary: "Create one under an id of the service's",
      schema: schemas.addUnion(`${name}.creation`, { by: "type", cases }),
      types: creates,
      parameters: [],
      headers: ["Location"],
      result,
    });
  const send = commandOperation(module, {
    id: `send_${name}_command`,
    summary: "Send a command",
    schema: schemas.addUnion(`${name}.command`, { by: "type", cases: commands }),
    types: [...commands.keys()],
    parameters: [id],
    headers: [],
    result,
  });
  const creating = new Map([...commands].filter(([type]) => creates.includes(type)));
  return {
    ...(creating.size === 0 ? {} : { [`/${path}`]: { post: create(creating) } }),
    [`/${path}/{id}`]: { get: stateOperation(served, { schemas, id }), post: send },
    [`/${path}/{id}/events`]: { get: historyOperation(served, { schemas, id, pageLimit }) },
  };
}
