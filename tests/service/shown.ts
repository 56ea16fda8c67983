import type { Projection } from "../../core/model/projection.ts";
import account from "../../modules/account/mod.ts";
import customer from "../../modules/customer/mod.ts";
import order from "../../modules/order/mod.ts";
import { type Journal, readHistories, tokenOf } from "./journal.ts";
import { readView } from "./replay.ts";
import { assertStatus, type Service } from "./service.ts";

type Items = Awaited<ReturnType<typeof readView>>;

/**
 * All that a service shows of a journal's aggregates, however its store keeps it: their histories and states with
 * their versions, each view, and what is found by each value of each index.
 */
export async function shownBy(service: Service, journal: Journal) {
  const histories = await readHistories(service, journal.paths());
  const states = new Map<string, unknown>();
  for (const [path, history] of histories) {
    const { status, body } = await service.get(path);
    states.set(path, { status, ...history.length === 0 ? {} : body });
  }
  const views = new Map<string, unknown>();
  for (const { path, projections = [] } of [account, customer, order]) {
    const ours = [...histories].filter(([each]) => each.startsWith(`/${path}/`));
    const tokens = ours.flatMap(([, history]) => history.slice(-1)).map(tokenOf);
    for (const projection of projections) {
      const items = await readView(service, projection.name, tokens);
      views.set(projection.name, projection.key === undefined ? items : withoutVersions(items));
      for (const [query, ids] of await foundBy(service, projection, items)) views.set(query, ids);
    }
  }
  return { histories, states, views };
}

/** Which version stands beside what several aggregates have made follows from the order in which they did. */
function withoutVersions(items: Items): Items {
  return new Map([...items].map(([id, { version: _version, ...item }]) => [id, item]));
}

/** The ids that each value of each index leads to, in their order. */
async function foundBy(
  service: Service,
  { name, indexes = {} }: Projection,
  items: Items,
): Promise<Map<string, readonly unknown[]>> {
  const found = new Map<string, readonly unknown[]>();
  for (const { by } of Object.values(indexes)) {
    for (const value of new Set([...items.values()].map((item) => String(item[by])))) {
      const query = `/views/${name}?${by}=${encodeURIComponent(value)}&limit=1000`;
      const { body } = assertStatus(await service.get(query), 200);
      found.set(query, (body.items as readonly { readonly id: unknown }[]).map(({ id }) => id));
    }
  }
  return found;
}
