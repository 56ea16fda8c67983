import { scratchDirectory, startService } from "../tasks/child.ts";

/** From the start of the process to the answer of its first command, on files and code that were used before. */
export async function measureStart(starts: number): Promise<readonly number[]> {
  await using directory = await scratchDirectory("bench");
  const times: number[] = [];
  for (let start = 0; start <= starts; start++) {
    const sinceMs = performance.now();
    await using service = await startService(directory.path);
    const answer = await fetch(`${service.url}/accounts/start-${start}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "OpenAccount", owner: "Somebody", initial_balance: 100 }),
    });
    const text = await answer.text();
    if (answer.status !== 201) throw new Error(`expected a first command to be taken, found ${answer.status} ${text}`);
    // The first start makes the files.
    if (start > 0) times.push(performance.now() - sinceMs);
  }
  return times;
}
