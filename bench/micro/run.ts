// `bun run bench:micro [--quick] [names]`: what the parts of the runtime cost beside what the engine gives, ours over the twin's in time an
// operation. Each side of each bench runs in a process of its own, in pairs whose order alternates; the ratio is that of each pair.
// Nothing is asserted: the targets stand beside the figures.

import { join } from "node:path";

import { type Progress, runBench } from "../measure/command.ts";
import { countOf } from "../measure/flags.ts";
import { describeSession } from "../measure/session.ts";
import { type Estimate, estimate, median, pairRatios } from "../measure/statistics.ts";
import type { Timing } from "./child.ts";
import type { MicroBench, SideName, Size } from "./shared/bench.ts";
import { BENCHES, benchesNamed } from "./shared/benches.ts";

const CHILD_MS_MAX = 120_000;

const USAGE = `usage: bun run bench:micro [options] [names]

  --quick       a smoke run of under a minute: no figure of it counts
  --pairs n     pairs of processes a bench (default 5)
  names         of ${BENCHES.map(({ name }) => name).join(", ")}, or switch, or channel (default: all)`;

/** The figures of one bench. */
interface Result {
  readonly bench: MicroBench;
  readonly ours: readonly number[];
  readonly twin: readonly number[];
}

async function measureBench(bench: MicroBench, pairs: number, size: Size, progress: Progress): Promise<Result> {
  const results: Record<SideName, number[]> = { ours: [], twin: [] };
  for (let pair = 0; pair < pairs; pair++) {
    progress(`${bench.name}, pair ${pair + 1} of ${pairs}`);
    const order: readonly SideName[] = pair % 2 === 0 ? ["ours", "twin"] : ["twin", "ours"];
    for (const side of order) results[side].push(timeInChild(bench.name, side, size).ns);
  }
  return { bench, ...results };
}

function timeInChild(name: string, side: SideName, size: Size): Timing {
  const child = Bun.spawnSync([process.execPath, join(import.meta.dir, "child.ts"), name, side, size], {
    stderr: "inherit",
    timeout: CHILD_MS_MAX,
    env: { ...process.env, NODE_ENV: "production" },
  });
  if (!child.success) throw new Error(`Cannot run ${name} (${side}): exit code ${child.exitCode}`);
  return JSON.parse(child.stdout.toString()) as Timing;
}

function table(results: readonly Result[]): string {
  const rows = results.map(({ bench, ours, twin }) => {
    const ratio = estimate(pairRatios(ours, twin).map((value) => [value]));
    const cells = [
      bench.name,
      ns(ours),
      ns(twin),
      ratio.median.toFixed(2),
      interval(ratio),
      targetOf(bench),
      bench.about,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    "| bench | ours, ns | twin, ns | ours/twin | 95 % | target | one operation |",
    "| --- | ---: | ---: | ---: | :---: | ---: | --- |",
    ...rows,
  ].join("\n");
}

/** How the cost of a switch grows from one task to many; empty unless the smallest and another size were run. */
function growth(results: readonly Result[]): string {
  const sizes = results.filter(({ bench }) => bench.name.startsWith("switch-"));
  const [one, ...more] = sizes;
  if (one?.bench.name !== "switch-1") return "";
  const factor = (many: readonly number[], single: readonly number[]): string =>
    (median(many) / median(single)).toFixed(1);
  return more
    .map(
      ({ bench, ours, twin }) =>
        `Growth from switch-1 to ${bench.name}: ours ×${factor(ours, one.ours)}, twin ×${factor(twin, one.twin)} (target: ours at most the twin's).`,
    )
    .join("\n");
}

const ns = (values: readonly number[]): string => median(values).toFixed(1);
const interval = ({ low, high }: Estimate): string => `${low.toFixed(2)}-${high.toFixed(2)}`;
const targetOf = ({ target, targetNs }: MicroBench): string => {
  const parts = [target === undefined ? "" : `≤ ${target}`, targetNs === undefined ? "" : `≤ ${targetNs} ns`];
  return parts.filter((part) => part !== "").join(", ");
};

await runBench({
  script: "bench:micro",
  usage: USAGE,
  flags: { names: ["pairs"], words: true },
  settingsOf: ({ quick, values, words }) => ({
    benches: benchesNamed(words),
    pairs: countOf(values.pairs, quick ? 1 : 5, 1, 100),
    size: quick ? ("quick" as const) : ("full" as const),
  }),
  optionsOf: ({ benches, pairs, size }) => ({ benches: benches.map(({ name }) => name), pairs, size }),
  measure: async ({ benches, pairs, size }, progress) => {
    const results: Result[] = [];
    for (const bench of benches) results.push(await measureBench(bench, pairs, size, progress));
    return { results };
  },
  reportOf: (session) => [describeSession(session), table(session.results), growth(session.results)].join("\n\n"),
});
