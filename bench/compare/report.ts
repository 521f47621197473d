// What the gate says, as Markdown: the verdict first, then every job, then what was not compared and what the layers cannot see.

import type { Machine } from "../measure/machine.ts";
import { type CountChange, isWorse } from "./counts.ts";
import { CAUGHT_SLOWDOWN, FALSE_ALARM_LEVEL, type Standing, TOLERATED_SLOWDOWN, type Verdict } from "./plan.ts";

/** A job that one of the trees could not run. */
export interface Skipped {
  readonly job: string;
  readonly reason: string;
}

/** The outcome of a run. */
export interface Outcome {
  readonly headName: string;
  readonly baseName: string;
  readonly machine: Machine;
  /** The jobs that ran in both trees. */
  readonly able: readonly string[];
  /** None in a smoke run. */
  readonly standings: readonly Standing[];
  readonly counts: readonly CountChange[];
  readonly skipped: readonly Skipped[];
  readonly verdict: Verdict;
  readonly minutes: number;
  /** A smoke run: no figure of it counts. */
  readonly quick: boolean;
}

/** Writes the report. */
export function reportOf(outcome: Outcome): string {
  const { headName, baseName, machine, standings, quick, minutes } = outcome;
  const parts = [
    `# ${quick && outcome.verdict === "passes" ? "The gate runs" : TITLES[outcome.verdict]}`,
    `${headName} against ${baseName}, in ${minutes.toFixed(1)} minutes: ${machine.cpu}, ${machine.cores} cores, Bun ${machine.bun}, load ${machine.load1}.`,
    quick ? `A smoke run, in which nothing is timed that counts. These ran in both: ${outcome.able.join(", ")}.` : "",
    tableOf(standings),
    countsOf(outcome.counts),
    unsureOf(standings, quick),
    skippedOf(outcome.skipped),
    RULES,
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

const TITLES: Readonly<Record<Verdict, string>> = {
  fails: "The gate fails: head is slower",
  passes: "The gate passes",
  unsure: "The gate does not fail, and is not sure",
};

const RULES = [
  `A job fails when the lower limit of its slowdown is above 0 and the estimate above ${percent(TOLERATED_SLOWDOWN, 0)}; it passes when the`,
  `upper limit is below ${percent(CAUGHT_SLOWDOWN, 0)}. A run of two equal versions fails at most once in ${1 / FALSE_ALARM_LEVEL}, all jobs together.`,
  "`wire`: CPU time of the server a request, over sockets; 5 % of an echo is a third of our share of it. `lone`: our own code without a kernel,",
  "in quiet moments; it sees neither system calls nor collections of garbage. Counts: kernel writes, resumes and timer operations, exactly.",
].join("\n");

function tableOf(standings: readonly Standing[]): string {
  if (standings.length === 0) return "";
  const rows = standings.map(({ job, verdict, restarts, slowdown: { estimate, low, high } }) => {
    const cells = [job, verdict, percent(estimate), percent(low), percent(high), String(restarts)];
    return `| ${cells.join(" | ")} |`;
  });
  const head = [
    "| job | verdict | slowdown | at least | at most | restarts |",
    "| --- | --- | ---: | ---: | ---: | ---: |",
  ];
  return [...head, ...rows].join("\n");
}

function countsOf(counts: readonly CountChange[]): string {
  const lines = counts.map((change) => {
    const { job, what, head, base } = change;
    return `- ${isWorse(change) ? "**worse**" : "better"}: ${job}, ${what} an operation: ${base} before, ${head} now`;
  });
  return lines.join("\n");
}

function unsureOf(standings: readonly Standing[], quick: boolean): string {
  const unsure = standings.filter(({ verdict }) => verdict === "unsure").map(({ job }) => job);
  return unsure.length === 0 || quick
    ? ""
    : `Not decided within the time or the restarts there are: ${unsure.join(", ")}.`;
}

function skippedOf(skipped: readonly Skipped[]): string {
  const lines = skipped.map(({ job, reason }) => `- ${job}: ${reason}`);
  return lines.length === 0 ? "" : ["**Not compared**, because a tree cannot run it:", "", ...lines].join("\n");
}

function percent(fraction: number, digits = 1): string {
  if (!Number.isFinite(fraction)) return "";
  return `${fraction > 0 && digits > 0 ? "+" : ""}${(fraction * 100).toFixed(digits)} %`;
}
