import type { Kernel } from "../call.ts";
import type { Config } from "../config.ts";
import { clientAddress } from "./client_address.ts";
import type { Gates } from "./gate.ts";
import { createOperatorGates } from "./operator_gates.ts";
import { createPublicGates, onThisMachine } from "./public_gates.ts";

/** The gates of both doors, as they are configured. `token`: the operator's. */
export function createGates(
  kernel: Kernel,
  { config, token }: { readonly config: Config; readonly token: string | undefined },
): { readonly publicGates: Gates; readonly operatorGates: Gates } {
  const { AUTH, RATE_LIMIT, RATE_LIMIT_GLOBAL, REQUEST_LIMIT, METRICS_HOST, TRUSTED_PROXIES } = config;
  const addressOf = clientAddress(TRUSTED_PROXIES);
  const { data: unlimitedData } = createPublicGates({ ...kernel, addressOf, requestLimit: Infinity });
  const publicGates = createPublicGates({
    ...kernel,
    addressOf,
    clientLimit: RATE_LIMIT,
    globalLimit: RATE_LIMIT_GLOBAL,
    requestLimit: REQUEST_LIMIT,
  });
  return {
    publicGates: AUTH === undefined ? onThisMachine(publicGates) : publicGates,
    operatorGates: createOperatorGates({ token, hostname: METRICS_HOST, unlimitedData }),
  };
}
