import { requireEqual, said } from "./expected.ts";
import type { Teller } from "./teller.ts";

const VIEW = "/views/parcel_read_model";
const LETTERS = "/operations/dead-letters";

/** A view breaks on purpose, is mended, and is tried again; `breakView` and `mendView` do that to its module. */
export async function tellOfFailure(
  teller: Teller,
  { breakView, mendView }: { readonly breakView: () => Promise<void>; readonly mendView: () => Promise<void> },
): Promise<void> {
  await breakView();
  const id = `demo-${crypto.randomUUID().slice(0, 8)}`;
  const body = { type: "SendParcel", to: "Ada" };
  const sending = { method: "POST", path: `/parcels/${id}`, body } as const;
  const sent = await teller.step("A parcel is sent while its view is broken on purpose", sending, {
    status: 201,
    shows: ({ body: { version } }) => `ParcelSent, version ${version}`,
  });
  const headers = { "Consistency-Token": sent.headers.get("consistency-token") ?? "", Prefer: "wait=20" };
  const reading = { method: "GET", path: `${VIEW}/${id}`, headers } as const;
  await teller.step("The view stops before it, for this parcel alone", reading, {
    status: 503,
    shows({ body: { type, title } }) {
      requireEqual(type, "/problems/view_parked");
      return String(title);
    },
  });
  const listing = { method: "GET", path: `${LETTERS}?aggregate_id=${id}`, door: "operator" } as const;
  await teller.step(
    "Operators see what is parked, and why",
    listing,
    said(({ body: { items } }) => {
      const [letter] = items as Record<string, unknown>[];
      requireEqual([letter?.state, letter?.attempts], ["given_up", 3]);
      return `${letter?.subscription} at event ${letter?.sequence_number}: ${letter?.error}`;
    }),
  );
  await mendView();
  const redrive = { aggregate_id: id, dry_run: false, by: "demo" };
  await teller.step(
    "The view is mended, and they have it tried again",
    { method: "POST", path: `${LETTERS}/redrive`, body: redrive, door: "operator" },
    said(({ body: { total } }) => `${total} is tried`),
  );
  await teller.until({ method: "GET", path: `${LETTERS}/redrive`, door: "operator" }, ({ running }) => !running);
  await teller.step("The view shows it", reading, said(({ body }) => JSON.stringify(body)));
}
