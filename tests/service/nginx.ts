import { Program, run } from "./program.ts";
import { surroundings } from "./service.ts";
import { within } from "../contract/surroundings.ts";

type NginxOptions = {
  readonly binary: string;
  readonly directory: string;
  readonly serviceUrl: string;
  /** How many it makes to the service at most; as in the project's configuration when left out. */
  readonly serviceConnections?: number;
};

/** An nginx with the project's own configuration, but for addresses and files, in front of a service. */
export class Nginx implements AsyncDisposable {
  readonly url: string;
  /** The authority that its certificate is from. */
  readonly caCerts: readonly string[];
  readonly #program: Program;

  private constructor(program: Program, { url, caCerts }: { url: string; caCerts: readonly string[] }) {
    this.#program = program;
    this.url = url;
    this.caCerts = caCerts;
  }

  static async start(
    { binary, directory, serviceUrl, serviceConnections = 10_000 }: NginxOptions,
  ): Promise<Nginx> {
    await shell(CERTIFICATES, directory);
    const port = freePort();
    await Deno.writeTextFile(
      `${directory}/nginx.conf`,
      await configuration({ port, directory, serviceUrl, serviceConnections }),
    );
    const script = `exec "${binary}" -p "${directory}" -c nginx.conf -e stderr -g "daemon off; master_process off;"`;
    const program = new Program("sh", { args: ["-c", script], environment: surroundings() });
    const url = `https://localhost:${port}`;
    const nginx = new Nginx(program, { url, caCerts: [await Deno.readTextFile(`${directory}/ca.pem`)] });
    const ended = program.exited.then(({ stderr }) => {
      throw new Error(`expected nginx to listen, found that it ended:\n${stderr}`);
    });
    await within(Promise.race([whenListening(port), ended]), 10_000, "nginx to listen");
    ended.catch(() => {});
    return nginx;
  }

  /** A connection on which anything may be sent. */
  connect(): Promise<Deno.TlsConn> {
    const { hostname, port } = new URL(this.url);
    return Deno.connectTls({ hostname, port: Number(port), caCerts: [...this.caCerts] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program[Symbol.asyncDispose]();
  }
}

/** Where nginx is: as NGINX says, or where systems have it; undefined when it is missing, or openssl is. */
export async function findNginx(): Promise<string | undefined> {
  const script = 'command -v openssl >/dev/null && PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "${NGINX:-nginx}"';
  const { code, stdout } = await run("sh", { args: ["-c", script], environment: surroundings() });
  return code === 0 ? stdout.trim() : undefined;
}

const CERTIFICATES = `
new="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $new -keyout ca.key -out ca.pem -days 1 -subj /CN=authority
openssl req $new -keyout key.pem -out request.pem -subj /CN=localhost
echo subjectAltName=DNS:localhost > names
openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile names -out certificate.pem
`;

async function configuration(
  { port, directory, serviceUrl, serviceConnections }: Required<Omit<NginxOptions, "binary">> & { port: number },
): Promise<string> {
  const bodies = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const temporary = bodies.map((name) => `  ${name}_temp_path ${directory}/${name};`).join("\n");
  const edits = [
    ["pid /run/nginx.pid;", `pid ${directory}/nginx.pid;`],
    ["http {\n", `http {\n${temporary}\n`],
    ["listen 443 ", `listen 127.0.0.1:${port} `],
    ["server 127.0.0.1:8000 ", `server ${new URL(serviceUrl).host} `],
    ["max_conns=10000;", `max_conns=${serviceConnections};`],
    ["/etc/annals/certificate.pem", `${directory}/certificate.pem`],
    ["/etc/annals/key.pem", `${directory}/key.pem`],
  ] as const;
  let text = await Deno.readTextFile("deploy/proxy/nginx.conf");
  for (const [find, replace] of edits) {
    if (text.split(find).length !== 2) throw new Error(`expected ${find} once in deploy/proxy/nginx.conf`);
    text = text.replace(find, () => replace);
  }
  return text;
}

async function shell(script: string, directory: string): Promise<void> {
  const { code, stderr } = await run("sh", {
    args: ["-ec", `cd "${directory}"; ${script}`],
    environment: surroundings(),
  });
  if (code !== 0) throw new Error(`expected certificates, found:\n${stderr}`);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function whenListening(port: number): Promise<void> {
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    }
  }
}
