// Requests a second. A rate says nothing without who asked, how, and which side was at its limit: a generator that is as busy as it can be measures
// itself. So each row says all of it.

import { GENERATOR_SHARE_MAX } from "../load/shared/saturation.ts";
import { type Cell, type Section, table, text } from "./model.ts";
import { percent, whole } from "./words.ts";

/** One arm at one load point. */
export interface RateRow {
  readonly job: string;
  readonly arm: string;
  readonly generator: string;
  readonly loadPoint: string;
  readonly perSecond: number;
  /** Requests a second of the server's CPU time. */
  readonly perCoreSecond: number;
  /** Share of a core; above 1 with helper threads. */
  readonly serverBusy: number;
  readonly generatorBusy: number;
  /** Some answer was wrong, so that the rate is none. */
  readonly isWrong: boolean;
}

/** Which side was at its limit: only where it is the server alone is the rate the server's. */
export function limitOf({ serverBusy, generatorBusy, isWrong }: RateRow): string {
  if (isWrong) return "WRONG answers: does not count";
  // The same share for both: the kernel's part of either side runs on the cores of the other.
  const [server, generator] = [serverBusy >= GENERATOR_SHARE_MAX, generatorBusy >= GENERATOR_SHARE_MAX];
  if (server && generator) return "both";
  if (server) return "server";
  return generator ? "generator" : "neither";
}

/** The section that a report leads with. */
export function rateSection(rows: readonly RateRow[]): Section {
  const widest = new Map<string, number>();
  for (const { job, perCoreSecond } of rows) widest.set(job, Math.max(widest.get(job) ?? 0, perCoreSecond));
  const columns = [
    "job",
    "arm",
    "requests/s",
    "requests/s per server core",
    "generator",
    "load point",
    "server busy",
    "generator busy",
    "at its limit",
  ];
  const cells = rows.map((row): Cell[] => [
    row.job,
    row.arm,
    whole(row.perSecond),
    { text: whole(row.perCoreSecond), bar: row.perCoreSecond / (widest.get(row.job) as number) },
    row.generator,
    row.loadPoint,
    percent(row.serverBusy),
    percent(row.generatorBusy),
    limitOf(row),
  ]);
  const reading = text(
    "A rate is the server's own only where the server alone is at its limit; elsewhere it is a rate that the two reached together, and the " +
      "server may be able to do more. Requests a second per server core are requests through seconds of the server's CPU time, and do not depend " +
      "on that. Busy is a share of one core. In a closed loop (`closed`) a connection sends again when its answer has come; `16 ahead` are 16 " +
      "requests in one write.",
  );
  return { title: "Requests a second", level: 2, blocks: [table(columns, "--##--##-", cells), reading] };
}
