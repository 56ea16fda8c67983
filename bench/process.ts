const CLOCK_TICKS_PER_SECOND = 100;

/** Processor time of all threads of a process so far, user and system. */
export async function processorUs(pid: number): Promise<number> {
  const stat = await cat(`/proc/${pid}/stat`);
  // The second field is a name, which may hold spaces; the fields are counted from the one after it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND * 1e6;
}

export function residentMegabytes(pid: number): Promise<number> {
  return megabytes(pid, /VmRSS:\s+(\d+) kB/);
}

/** The most that was ever resident. */
export function peakResidentMegabytes(pid: number): Promise<number> {
  return megabytes(pid, /VmHWM:\s+(\d+) kB/);
}

async function megabytes(pid: number, field: RegExp): Promise<number> {
  return Number(field.exec(await cat(`/proc/${pid}/status`))?.[1]) * 1024 / 1e6;
}

/** The system gives these files to whoever has every permission; `cat` needs none of ours. */
export async function cat(path: string): Promise<string> {
  const { stdout } = await new Deno.Command("cat", { args: [path], stderr: "null" }).output();
  return new TextDecoder().decode(stdout);
}
