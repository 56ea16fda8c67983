import { SignJWT } from "jose";

const HOURS = 12;

/** A token, and the environment of a service that takes nobody without one; the secret lies beside its files. */
export async function asked(directory: string) {
  const secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
  const path = `${directory}/secret`;
  await Deno.writeTextFile(path, secret);
  const token = await new SignJWT({ scope: "orders accounts customers", name: "Somebody" })
    .setProtectedHeader({ alg: "HS256" }).setIssuer("bench").setAudience("annals").setSubject("somebody")
    .setExpirationTime(`${HOURS}h`).sign(new TextEncoder().encode(secret));
  const environment = { AUTH: "jwt", JWT_ISSUER: "bench", JWT_AUDIENCE: "annals", JWT_SECRET_FILE: path };
  return { token, environment };
}
