import type { Life } from "../../core/ports/supervision.ts";
import { CqlError, type CqlSession } from "./session.ts";

/**
 * The session as one component uses it. Shows a supervisor that the oldest call under way has no answer, whatever comes
 * of the others; and when a run of the component ends, or is left behind, its calls fail as if the network had.
 */
export function watchedSession(
  session: CqlSession,
): { readonly session: CqlSession; readonly show: (life: Life) => void } {
  const underWay = new Set<PromiseWithResolvers<never>>();
  let pulse: Pick<Life, "beat" | "rest"> | undefined;
  const watch = async <T>(call: () => Promise<T>): Promise<T> => {
    const givenUp = Promise.withResolvers<never>();
    underWay.add(givenUp);
    if (underWay.size === 1) pulse?.beat();
    try {
      return await Promise.race([call(), givenUp.promise]);
    } finally {
      const [oldest] = underWay;
      underWay.delete(givenUp);
      if (underWay.size === 0) pulse?.rest();
      else if (oldest === givenUp) pulse?.beat();
    }
  };
  return {
    session: {
      ...session,
      execute: (...given) => watch(() => session.execute(...given)),
      batch: (statements) => watch(() => session.batch(statements)),
      async *pages(...given) {
        const pages = session.pages(...given)[Symbol.asyncIterator]();
        try {
          for (let page = await watch(() => pages.next()); !page.done; page = await watch(() => pages.next())) {
            yield page.value;
          }
        } finally {
          // Behind a page that never comes this never ends.
          pages.return?.().catch(() => {});
        }
      },
    },
    show({ signal, beat, rest }) {
      pulse = { beat, rest };
      // Those of the run before may have begun after it was left behind, and hide the calls of this one.
      if (underWay.size > 0) beat();
      const giveUp = () => {
        const error = new CqlError("unknown", "No answer is waited for any more: the component was stopped, or hung");
        for (const { reject } of underWay) reject(error);
      };
      signal.addEventListener("abort", giveUp, { once: true });
    },
  };
}
