import { defineModule } from "annals";
import { commands } from "./commands.ts";
import { decider, rejections } from "./decider.ts";
import { events } from "./events.ts";
import { customerReadModel } from "./projections.ts";
import { state } from "./state.ts";

/** A customer's profile, addresses, payment methods and tier; a GET shows its state as it is kept. */
export default defineModule({
  name: "customer",
  path: "customers",
  id: "uuid",
  commands,
  events,
  rejections,
  state,
  creates: ["RegisterCustomer"],
  decider,
  projections: [customerReadModel],
});
