// One side of a crowd, in a process of its own: `bun bench/scale/child.ts tasks ours 1000000`. Prints a line of JSON. crowd.ts starts it.

import type { SideName } from "../micro/shared/bench.ts";
import type { Crowd, CrowdMeasures } from "./crowd.ts";
import { measureTasks } from "./tasks.ts";
import { measureTimers } from "./timers.ts";

/** Measures one side. */
export async function measureSide(crowd: Crowd, side: SideName, count: number): Promise<CrowdMeasures> {
  return crowd === "tasks" ? measureTasks(side, count) : measureTimers(side, count);
}

if (import.meta.main) {
  const [crowd = "tasks", side = "ours", count = "1"] = process.argv.slice(2);
  console.log(JSON.stringify(await measureSide(crowd as Crowd, side as SideName, Number(count))));
  process.exit(0);
}
