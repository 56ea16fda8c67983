import { type Plugin, StartError } from "../ports/plugin.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
type Configuration = Readonly<Record<string, unknown>>;

const USER_INFO = /:.*@/s;
const QUERY = /(:[^?#]*)[?#].*/s;

/** Each plugin's part of the environment, parsed. Throws one `StartError` that names every bad variable. */
export function readConfiguration(
  plugins: readonly Plugin[],
  environment: Environment,
): ReadonlyMap<Plugin, Configuration> {
  const faults: string[] = [];
  const configurations = new Map<Plugin, Configuration>();
  for (const plugin of plugins) {
    const names = Object.keys(plugin.config.shape);
    const present = names.filter((name) => environment[name] !== undefined);
    const parsed = plugin.config.safeParse(Object.fromEntries(present.map((name) => [name, environment[name]])));
    if (parsed.success) configurations.set(plugin, parsed.data);
    else {
      for (const { path, message } of parsed.error.issues) {
        const name = String(path[0]);
        faults.push(`${name}=${shown(name, environment[name])} (${plugin.name}): ${message}`);
      }
    }
  }
  if (faults.length > 0) throw new StartError(`Cannot start with this environment: ${faults.join("; ")}`);
  return configurations;
}

/** What is said may be logged, so it tells no secret; of a URL neither who logs in, nor what is asked. */
function shown(name: string, value: string | undefined): string {
  if (value !== undefined && /PASSWORD|SECRET|TOKEN/.test(name)) return "(hidden)";
  return JSON.stringify(value?.replace(USER_INFO, ":(hidden)@").replace(QUERY, "$1?(hidden)") ?? null);
}
