import { type Problem, problem } from "../problems.ts";

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** The token of `Authorization: Bearer` (RFC 6750); undefined when there is none, or something else. */
export function bearerToken(headers: Headers): string | undefined {
  const authorization = headers.get("authorization");
  return authorization === null ? undefined : BEARER.exec(authorization)?.[1];
}

/** 401 with the challenge that it must carry. `reason`: what is wrong with the token that was sent. */
export function unauthenticated(reason?: string): Problem {
  if (reason === undefined) {
    const headers = { "www-authenticate": "Bearer" };
    return problem("unauthenticated", { detail: "Expected the header Authorization: Bearer <token>", headers });
  }
  const challenge = `Bearer error="invalid_token", error_description="${reason}"`;
  return problem("unauthenticated", { detail: reason, headers: { "www-authenticate": challenge } });
}
