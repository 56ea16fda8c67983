import type { Service } from "../service/service.ts";

/** How many there are, of which each copy that feeds has its share. */
export const SLICES = 8;

/** How many slices a copy feeds, as it last said in its log. */
export function slicesOf({ program }: Service): number {
  const line = program.stderr.split("\n").findLast((each) => each.includes("The slices of this copy have changed"));
  return line === undefined ? 0 : JSON.parse(line).slices.length;
}
