import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { generateKeyPairSync } from "node:crypto";
import { StartError } from "../../core/ports/plugin.ts";
import { config, settingsOf } from "./config.ts";
import { readPublicKey, readSecret } from "./key_file.ts";

const JWT = { AUTH: "jwt", JWT_ISSUER: "issuer", JWT_AUDIENCE: "annals" };
const settings = (environment: Record<string, string>) => settingsOf(config.parse(environment));

describe("the configuration of tokens", () => {
  it("is none without AUTH=jwt, and refused where it would be of no use", () => {
    for (const environment of [{}, { AUTH: "none" }]) assertEquals(settings(environment), undefined);
    for (const name of ["JWT_ISSUER", "JWT_AUDIENCE", "JWT_KEY_FILE", "JWT_SECRET_FILE"]) {
      assertThrows(() => settings({ AUTH: "none", [name]: "x" }), StartError, "without AUTH=jwt");
    }
    assertThrows(() => settings({ JWKS_URL: "https://issuer.test/keys" }), StartError, "without AUTH=jwt");
  });

  it("names issuer, audience and one place of keys", () => {
    assertThrows(() => settings({ AUTH: "jwt", JWT_KEY_FILE: "key.pem" }), StartError, "JWT_ISSUER and JWT_AUDIENCE");
    assertThrows(() => settings(JWT), StartError, "found none");
    const two = { ...JWT, JWT_KEY_FILE: "key.pem", JWT_SECRET_FILE: "secret" };
    assertThrows(() => settings(two), StartError, "found JWT_KEY_FILE and JWT_SECRET_FILE");
    assertEquals(settings({ ...JWT, JWT_KEY_FILE: "key.pem" }), {
      issuer: "issuer",
      audience: "annals",
      keys: { from: "public_key", path: "key.pem" },
    });
  });

  it("has a key set fetched by https, or from this machine", () => {
    for (const url of ["https://issuer.test/keys", "http://127.0.0.1:1/keys", "http://localhost/", "http://[::1]:8/"]) {
      assertEquals(settings({ ...JWT, JWKS_URL: url })?.keys.from, "key_set", url);
    }
    for (
      const url of [
        "http://issuer.test/keys",
        "keys",
        "file:///etc/keys",
        "https://me:secret@issuer.test/",
        "https://:secret@issuer.test/",
      ]
    ) {
      assertEquals(config.safeParse({ ...JWT, JWKS_URL: url }).success, false, url);
    }
  });
});

describe("a key file", () => {
  const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength });
  const pemOf = (key: ReturnType<typeof rsa>["publicKey"]) => key.export({ type: "spki", format: "pem" }).toString();

  it("gives the algorithms of its kind, and no other", async () => {
    const { publicKey } = rsa(2048);
    const pss = ["PS256", "PS384", "PS512"];
    assertEquals((await read(readPublicKey, pemOf(publicKey))).algorithms, ["RS256", "RS384", "RS512", ...pss]);
    for (const [namedCurve, algorithm] of [["P-256", "ES256"], ["P-384", "ES384"], ["P-521", "ES512"]] as const) {
      const { publicKey } = generateKeyPairSync("ec", { namedCurve });
      assertEquals((await read(readPublicKey, pemOf(publicKey))).algorithms, [algorithm]);
    }
    const ed = generateKeyPairSync("ed25519").publicKey;
    assertEquals((await read(readPublicKey, pemOf(ed))).algorithms, ["EdDSA", "Ed25519"]);
    assertEquals((await read(readSecret, `${"s".repeat(32)}\n`)).algorithms, ["HS256"]);
    assertEquals((await read(readSecret, "s".repeat(64))).algorithms, ["HS256", "HS384", "HS512"]);
  });

  it("is refused when it is missing, weak, private or something else", async () => {
    const refusals: [read: typeof readSecret, text: string, says: string][] = [
      [readSecret, `${"s".repeat(31)}\n`, "holds 31 bytes, expected 32 or more"],
      [readSecret, pemOf(rsa(2048).publicKey), "set JWT_KEY_FILE instead"],
      [readPublicKey, pemOf(rsa(1024).publicKey), "RSA of at least 2048 bits"],
      [readPublicKey, pemOf(generateKeyPairSync("x25519").publicKey), "holds another kind of key"],
      [readPublicKey, rsa(2048).privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "a private key"],
      [readPublicKey, "s".repeat(64), "no public key in PEM"],
    ];
    for (const [reading, text, says] of refusals) await assertRejects(() => read(reading, text), StartError, says);
    await assertRejects(() => readSecret("/nowhere/secret"), StartError, "Cannot read JWT_SECRET_FILE=/nowhere/secret");
  });
});

async function read(reading: typeof readSecret, text: string) {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, text);
    return await reading(path);
  } finally {
    await Deno.remove(path);
  }
}
