import { defineModule, defineProjection, reject } from "annals";
import { z } from "zod";

/** A module whose view breaks on purpose: as long as there is a file `broken` beside this one. */
const BROKEN = new URL("./broken", import.meta.url);

const events = { ParcelSent: z.strictObject({ to: z.string() }) };

export default defineModule({
  name: "parcel",
  path: "parcels",
  id: "text",
  commands: { SendParcel: z.strictObject({ to: z.string().min(1).max(100) }).meta({ examples: [{ to: "Ada" }] }) },
  events,
  rejections: { already_sent: "The parcel was sent before" },
  state: z.strictObject({ to: z.string().nullable() }),
  creates: ["SendParcel"],
  decider: {
    initialState: { to: null },
    decide: ({ to }, state) => state.to === null ? [{ type: "ParcelSent", to }] : reject("already_sent"),
    evolve: (_, { to }) => ({ to }),
  },
  projections: [
    defineProjection({
      name: "parcel_read_model",
      version: 1,
      events,
      document: z.strictObject({ to: z.string() }),
      on: {
        ParcelSent(_, { to }) {
          if (exists(BROKEN)) throw new Error("broken on purpose");
          return { to };
        },
      },
    }),
  ],
});

function exists(file: URL): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch {
    return false;
  }
}
