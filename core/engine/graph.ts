import type { Plugin } from "../ports/plugin.ts";
import { StartError } from "../ports/plugin.ts";

/**
 * The plugins in an order in which each comes after those it requires, otherwise as listed. Throws one `StartError`
 * with every missing, doubly provided or circular service, each naming both sides.
 */
export function startOrder(plugins: readonly Plugin[], builtIn: ReadonlySet<string>): readonly Plugin[] {
  const providers = new Map<string, Plugin[]>();
  for (const plugin of plugins) {
    for (const { ref } of Object.values(plugin.provides)) {
      providers.set(ref, [...providers.get(ref) ?? [], plugin]);
    }
  }
  const faults = [...duplicates(plugins), ...missing(plugins, providers, builtIn)];
  const ordered: Plugin[] = [];
  const visit = (plugin: Plugin, path: readonly Plugin[]) => {
    if (ordered.includes(plugin)) return;
    if (path.includes(plugin)) {
      const circle = [...path.slice(path.indexOf(plugin)), plugin].map(({ name }) => name);
      faults.push(`plugins require each other in a circle: ${circle.join(" -> ")}`);
      return;
    }
    for (const { ref } of Object.values(plugin.requires)) {
      for (const provider of providers.get(ref) ?? []) visit(provider, [...path, plugin]);
    }
    if (!ordered.includes(plugin)) ordered.push(plugin);
  };
  for (const plugin of plugins) visit(plugin, []);
  if (faults.length > 0) throw new StartError(`Cannot start: ${[...new Set(faults)].join("; ")}`);
  return ordered;
}

function duplicates(plugins: readonly Plugin[]): string[] {
  const faults: string[] = [];
  const holders = new Map<string, Plugin>();
  for (const plugin of plugins) {
    for (const { ref, many } of Object.values(plugin.provides)) {
      const holder = holders.get(ref);
      if (holder !== undefined && many !== true) {
        faults.push(`the service "${ref}" is provided by ${holder.name} and by ${plugin.name}`);
      }
      holders.set(ref, plugin);
    }
  }
  return faults;
}

function missing(
  plugins: readonly Plugin[],
  providers: ReadonlyMap<string, readonly Plugin[]>,
  builtIn: ReadonlySet<string>,
): string[] {
  return plugins.flatMap((plugin) =>
    Object.values(plugin.requires)
      .filter(({ ref, many }) => many !== true && !providers.has(ref) && !builtIn.has(ref))
      .map(({ ref }) => `${plugin.name} requires the service "${ref}", which no plugin provides`)
  );
}
