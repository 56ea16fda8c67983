import v8 from "node:v8";
import vm from "node:vm";

/** Of the heap, and of buffers outside it. */
export async function usedBytes(): Promise<number> {
  v8.setFlagsFromString("--expose-gc");
  const collectGarbage = vm.runInNewContext("gc");
  collectGarbage();
  await new Promise((resolve) => void setImmediate(resolve));
  collectGarbage();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}
