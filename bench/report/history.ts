// What is kept of a run for good: its ratios to raw callbacks, one line of JSON a run in bench/results/history.jsonl, which is committed. An absolute
// figure belongs to the machine and the hour; a ratio to an arm that is not worked on, taken in one run, can be held against that of
// another version. What a line holds it holds for ever: a job whose control did not hold in that run, or code that nobody can check out, is
// not let in.

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { FROZEN_ARM } from "../measure/frozen.ts";
import { cpuRatio } from "../measure/ratios.ts";
import { RESULTS_FOLDER, type Results } from "../measure/results.ts";
import { controlHolds, type Estimate } from "../measure/statistics.ts";
import { controlsOf } from "./from-arms.ts";

/** One run. */
export interface HistoryEntry {
  readonly startedAt: string;
  /** The commit that was measured. */
  readonly revision: string;
  readonly bun: string;
  readonly cpu: string;
  readonly command: string;
  /** Fingerprint of the raw callbacks: see measure/frozen.ts. */
  readonly frozen: string;
  /** CPU time of a request, ours over raw callbacks', by the name of the job. */
  readonly ratios: Readonly<Record<string, Estimate>>;
}

/** Where history is kept. */
export const HISTORY_FILE: string = join(RESULTS_FOLDER, "history.jsonl");

const DIGITS = 4;

/** What is kept of a run. @throws Error when it is none to keep. */
export function historyEntryOf(results: Results): HistoryEntry {
  const { startedAt, revision, machine, command, frozen, comparisons } = results;
  const refuse = (reason: string): never => {
    throw new Error(`Cannot add the run of ${startedAt} to the history: ${reason}`);
  };
  if (command === undefined || frozen === undefined) return refuse("it is of an earlier bench");
  if (revision === undefined) return refuse("it does not say which commit it measured");
  if (revision.endsWith("-dirty")) return refuse(`the tree was not as it was committed (${revision})`);
  const held = new Set(controlsOf(results).flatMap(({ job, estimate }) => (controlHolds(estimate) ? job : [])));
  const kept = comparisons.filter(({ job, a, b }) => held.has(job) && a !== b && b === FROZEN_ARM && a === "generator");
  if (kept.length === 0) return refuse("no job with raw callbacks in it has an A/A control that holds");
  const ratios = Object.fromEntries(kept.map((comparison) => [comparison.job, rounded(cpuRatio(comparison))]));
  return { startedAt, revision, bun: machine.bun, cpu: machine.cpu, command, frozen, ratios };
}

const rounded = ({ median, low, high, count }: Estimate): Estimate => ({
  median: Number(median.toFixed(DIGITS)),
  low: Number(low.toFixed(DIGITS)),
  high: Number(high.toFixed(DIGITS)),
  count,
});

/** The runs in a file, oldest first; none where there is no file. @throws Error naming a line that holds no run. */
export function readHistory(file: string): HistoryEntry[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  const entries = lines.flatMap((line, i) => (line.trim() === "" ? [] : entryIn(line, `${file}:${i + 1}`)));
  return entries.toSorted((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

function entryIn(line: string, where: string): HistoryEntry {
  const known = parsed(line) as Partial<HistoryEntry> | null;
  const texts = [known?.startedAt, known?.revision, known?.bun, known?.cpu, known?.command, known?.frozen];
  if (texts.some((text) => typeof text !== "string") || typeof known?.ratios !== "object")
    throw new Error(`Cannot read the history: ${where} holds no run`);
  return known as HistoryEntry;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** Adds a run. @throws Error for one that is there already. */
export function appendHistory(file: string, entry: HistoryEntry): void {
  if (readHistory(file).some(({ startedAt }) => startedAt === entry.startedAt))
    throw new Error(`Cannot add the run of ${entry.startedAt} to the history: it is there already`);
  appendFileSync(file, `${JSON.stringify(entry)}\n`);
}
