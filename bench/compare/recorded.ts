// A/A pairs on record: what the machine does to a comparison of one version with itself. The test of the gate's power draws from them, so that
// what it proves is proven of this noise and no textbook's. `bun run bench:compare --record` adds to them.

import { join } from "node:path";

import type { Restart } from "./restart.ts";

/** The restarts of one job. */
export interface Record {
  /** Seconds that a restart took, on average. */
  readonly seconds: number;
  /** Pairs in each restart. */
  readonly pairs: number;
  /** Costs in hundredths of nanoseconds, restart after restart. */
  readonly head: readonly number[];
  readonly base: readonly number[];
}

/** All of them, by job. */
export type Records = Readonly<{ [job: string]: Record }>;

const FILE = join(import.meta.dir, "recorded", "pairs.json");
const UNIT_NS = 0.01;

/** What is on record. */
export async function readRecords(): Promise<Records> {
  const file = Bun.file(FILE);
  return (await file.exists()) ? ((await file.json()) as Records) : {};
}

/** Adds restarts of a job, which took `seconds` each. @throws RangeError when they have another number of pairs than those on record. */
export async function addToRecords(job: string, restarts: readonly Restart[], seconds: number): Promise<void> {
  const records = await readRecords();
  const pairs = restarts[0]?.head.length ?? 0;
  const known = records[job] ?? { seconds, pairs, head: [], base: [] };
  if (known.pairs !== pairs)
    throw new RangeError(`Cannot add restarts of ${pairs} pairs to ${job}: those on record have ${known.pairs}`);
  const before = known.head.length / pairs;
  const all = before + restarts.length;
  const next: Record = {
    seconds: Number(((known.seconds * before + seconds * restarts.length) / all).toFixed(2)),
    pairs,
    head: [...known.head, ...restarts.flatMap(({ head }) => head.map(inUnits))],
    base: [...known.base, ...restarts.flatMap(({ base }) => base.map(inUnits))],
  };
  await Bun.write(FILE, textOf({ ...records, [job]: next }));
}

/** The restarts of a record. */
export function restartsOf({ pairs, head, base }: Record): Restart[] {
  return Array.from({ length: head.length / pairs }, (_, restart) => {
    const [from, to] = [restart * pairs, (restart + 1) * pairs];
    return { head: head.slice(from, to), base: base.slice(from, to) };
  });
}

const inUnits = (ns: number): number => Math.round(ns / UNIT_NS);

/** One line for each list: a diff then shows what was added, and little else. */
function textOf(records: Records): string {
  const jobs = Object.entries(records).map(([job, record]) => {
    const fields = Object.entries(record).map(([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
    return `${JSON.stringify(job)}: {\n${fields.join(",\n")}\n}`;
  });
  return `{\n${jobs.join(",\n")}\n}\n`;
}
