import { z } from "zod";
import { type Sender, senderRef, type SendOutcome, type TopicMessage } from "../../core/ports/broker.ts";
import { Unavailable } from "../../core/ports/event_store.ts";
import { definePlugin, type Plugin } from "../../core/ports/plugin.ts";

/** Topics in memory: what was stored stays in the order in which it came. */
export class MemorySender implements Sender {
  readonly stored: TopicMessage[] = [];
  /** What it will never take. */
  refuses: (message: TopicMessage) => boolean = () => false;
  /** Not there so many times more; then it takes what it gets and, as often as told, does not say so. */
  outages = 0;
  lostAnswers = 0;
  sends = 0;

  async send(_topic: string, messages: readonly TopicMessage[]): Promise<readonly SendOutcome[]> {
    this.sends += 1;
    if (this.outages-- > 0) throw new Unavailable("the broker is away");
    const refused = new Set<string>();
    const outcomes = messages.map((message): SendOutcome => {
      if (refused.has(message.key)) return { is: "held_back" };
      if (this.refuses(message)) {
        refused.add(message.key);
        return { is: "refused", reason: "too large" };
      }
      this.stored.push(message);
      return { is: "durable" };
    });
    if (this.lostAnswers-- > 0) throw new Unavailable("no answer came");
    return outcomes;
  }

  /** Which events of a key it has, in the order in which each came first. */
  firsts(key: string): readonly number[] {
    const numbers = this.stored.filter((message) => message.key === key).map(({ headers }) =>
      Number(headers.ce_sequence)
    );
    return [...new Set(numbers)];
  }

  plugin(): Plugin {
    return definePlugin({
      name: "memory_sender",
      provides: { sender: senderRef },
      requires: {},
      config: z.object({}),
      start: () => Promise.resolve({ services: { sender: [this] } }),
    });
  }
}
