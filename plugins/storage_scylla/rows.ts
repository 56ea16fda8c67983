import type { CqlRow, CqlSession, ReadOptions, Statement } from "./session.ts";

/** All rows of a statement that limits them itself: a page of an answer may be short, even empty, before the last. */
export async function allRows(
  session: CqlSession,
  statement: Statement,
  options?: ReadOptions,
): Promise<readonly CqlRow[]> {
  const rows: CqlRow[] = [];
  for await (const page of session.pages(statement, options)) rows.push(...page);
  return rows;
}
