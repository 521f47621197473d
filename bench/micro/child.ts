// One side of one bench, timed by mitata in a process of its own: `bun bench/micro/child.ts resume ours full`. Prints the time of one operation
// as a line of JSON. run.ts starts it.

import { do_not_optimize, measure } from "mitata";

import type { SideName, Size } from "./shared/bench.ts";
import { benchesNamed } from "./shared/benches.ts";

/** What a child prints. */
export interface Timing {
  /** Nanoseconds an operation: the median over the calls of the body. */
  readonly ns: number;
  readonly samples: number;
}

/** How long mitata measures, by size: nanoseconds of CPU time, and calls of the body at least and at most. */
const LIMITS: Readonly<Record<Size, { min_cpu_time: number; min_samples: number; max_samples: number }>> = {
  full: { min_cpu_time: 600e6, min_samples: 5, max_samples: 1e6 },
  quick: { min_cpu_time: 60e6, min_samples: 3, max_samples: 1e4 },
  smoke: { min_cpu_time: 1e6, min_samples: 2, max_samples: 10 },
};

/** How long a side runs before it is timed: the compilers work beside it and need their time. */
const WARM_MS: Readonly<Record<Size, number>> = { full: 800, quick: 150, smoke: 0 };

/** Times one side. */
export async function timeSide(name: string, sideName: SideName, size: Size): Promise<Timing> {
  const [bench] = benchesNamed([name]);
  if (bench === undefined) throw new RangeError(`Cannot run the bench ${name}: it is none of ours`);
  const side = bench.make[sideName](size);
  for (const end = performance.now() + WARM_MS[size]; performance.now() < end;) do_not_optimize(await side.body());
  const { p50, samples } = await measure(async () => do_not_optimize(await side.body()), LIMITS[size]);
  return { ns: p50 / side.operations, samples: samples.length };
}

if (import.meta.main) {
  const [name = "", sideName = "ours", size = "full"] = process.argv.slice(2);
  console.log(JSON.stringify(await timeSide(name, sideName as SideName, size as Size)));
  // A million timers would keep the process alive for an hour.
  process.exit(0);
}
