import { defineModule } from "annals";
import { commands } from "./commands.ts";
import { decider, rejections } from "./decider.ts";
import { events } from "./events.ts";
import { accountBalances } from "./projections.ts";
import { presented, state, toAmount } from "./state.ts";

export default defineModule({
  name: "account",
  path: "accounts",
  id: "text",
  commands,
  events,
  rejections,
  state,
  creates: ["OpenAccount"],
  decider,
  presented,
  present: (state) =>
    state.status === "Open"
      ? { owner: state.owner, balance: toAmount(state.balance_cents) }
      : { owner: "", balance: 0 },
  projections: [accountBalances],
});
