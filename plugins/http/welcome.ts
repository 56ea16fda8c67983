import type { Http } from "./mod.ts";

/** What a start says: where the doors are, and what to try first. */
export function welcome({ publicUrl, operatorUrl }: Http): string {
  return `
Annals is ready.
  service    ${publicUrl}
  operators  ${operatorUrl}/metrics

Try it:
  curl -X POST ${publicUrl}/accounts/acc-001 -H 'Content-Type: application/json' \\
    -d '{"type":"OpenAccount","owner":"Alice","initial_balance":1000.0}'
  curl ${publicUrl}/accounts/acc-001
`;
}
