import { shell } from "./shell.ts";

/** Beside `java`, so that nothing else need be installed. */
const MAKE = `keytool=keytool
[ -z "$JAVA_HOME" ] || keytool="$JAVA_HOME/bin/keytool"
"$keytool" -genkeypair -alias server -keyalg EC -dname CN=localhost -ext "san=ip:$1,dns:localhost" -validity 3 \\
  -storetype PKCS12 -keystore "$0" -storepass "$2" &&
"$keytool" -exportcert -rfc -alias server -keystore "$0" -storepass "$2"`;

export type Certificate = {
  /** A PKCS12 file with the certificate and its key. */
  readonly keystore: string;
  readonly password: string;
  /** In PEM: what a client trusts that is to trust the server. */
  readonly authority: string;
};

/** Makes a certificate of its own for a server at `host`, an IP; it is also good for `localhost`. */
export async function makeCertificate(directory: string, host: string): Promise<Certificate> {
  const [keystore, password] = [`${directory}/server.p12`, crypto.randomUUID()];
  const { code, stdout, stderr } = await shell(MAKE, [keystore, host, password]);
  if (code !== 0) throw new Error(`expected keytool to make a certificate, found:\n${stdout}${stderr}`);
  return { keystore, password, authority: stdout };
}
