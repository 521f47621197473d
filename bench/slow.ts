// `bun run bench:slow`: a server among clients that are slow on purpose, ours and Bun's own. What happens is in measure/slow.ts, the slow clients in
// load/slow.ts. Prints Markdown; the raw rounds go to bench/results.

import { armsNamed } from "./measure/arms.ts";
import { runBench } from "./measure/command.ts";
import { connectionsMax, countOf, listOf } from "./measure/flags.ts";
import { measureSlow, type SlowExtent, type SlowRound } from "./measure/slow.ts";
import { slowReportOf } from "./measure/slow-report.ts";

const ARMS = ["generator", "bun-serve"];

const USAGE = `usage: bun run bench:slow [options]

  --quick              a smoke run: 50 drips, 5 non-readers, short deadlines; no figure of it counts
  --arms a,b           of ${ARMS.join(", ")} (default: both)
  --rounds n           of each arm (default 1)
  --drips n            connections that send a byte of a head every second (default 2000)
  --non-readers n      connections that ask for 10 MB and read nothing (default 200)
  --head-ms n          deadline of a head (default 12000)
  --write-stall-ms n   deadline of a client that takes nothing (default 6000)
  --rate n             requests a second of the good client (default 500)`;

interface Settings {
  readonly arms: readonly string[];
  readonly rounds: number;
  readonly extent: SlowExtent;
}

await runBench({
  script: "bench:slow",
  usage: USAGE,
  flags: { names: ["arms", "rounds", "drips", "non-readers", "head-ms", "write-stall-ms", "rate"] },
  settingsOf: ({ quick, values }): Settings => {
    const arms = listOf(values.arms);
    const unknown = arms.find((arm) => !ARMS.includes(arm));
    if (unknown !== undefined)
      throw new RangeError(`Cannot run the arm ${JSON.stringify(unknown)}: it is none of ours`);
    const clientsMax = Math.min(10_000, connectionsMax()) >> 1;
    return {
      arms: arms.length === 0 ? ARMS : arms,
      rounds: countOf(values.rounds, 1, 1, 100),
      extent: {
        drips: countOf(values.drips, quick ? 50 : 2_000, 1, clientsMax),
        dripMs: quick ? 200 : 1_000,
        nonReaders: countOf(values["non-readers"], quick ? 5 : 200, 1, clientsMax),
        headMs: countOf(values["head-ms"], quick ? 3_000 : 12_000, 1_000, 120_000),
        writeStallMs: countOf(values["write-stall-ms"], quick ? 2_000 : 6_000, 100, 120_000),
        warmMs: quick ? 100 : 1_500,
        quietMs: quick ? 300 : 5_000,
        comingMs: quick ? 200 : 1_000,
        rate: countOf(values.rate, 500, 1, 5_000),
        settles: quick ? 1 : 3,
      },
    };
  },
  optionsOf: ({ arms, rounds }) => ({ arms, rounds }),
  measure: async ({ arms, rounds: count, extent }, progress) => {
    const rounds: SlowRound[] = [];
    for (let round = 0; round < count; round++)
      for (const arm of armsNamed(arms)) rounds.push(await measureSlow(arm, extent, progress));
    return { extent, rounds };
  },
  reportOf: slowReportOf,
});
