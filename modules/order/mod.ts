import { defineModule } from "annals";
import { commands } from "./commands.ts";
import { decider, rejections } from "./decider.ts";
import { events } from "./events.ts";
import { orderActivityByDay, orderReadModel } from "./projections.ts";
import { state } from "./state.ts";

/** An order from its creation to its delivery or cancellation; a GET shows its state as it is kept. */
export default defineModule({
  name: "order",
  path: "orders",
  id: "uuid",
  commands,
  events,
  rejections,
  state,
  creates: ["CreateOrder"],
  decider,
  projections: [orderReadModel, orderActivityByDay],
});
