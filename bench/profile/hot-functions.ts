// Where the samples of a CPU profile lie. Bun samples only while JavaScript, or native code called from it, is running, and lays the time since the
// sample before on each one: waiting included. So samples are counted, not their times, and what share of the time they stand for
// is reckoned from the interval. Native code has no line; it is kept apart, since a `write` is the kernel's work.

import { median } from "../measure/statistics.ts";

/** What is read of a `.cpuprofile`. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      /** From 0; -1 for native code. */
      readonly lineNumber: number;
    };
  }[];
  /** Microseconds since 1970. */
  readonly startTime: number;
  /** The function that each sample found running: the id of its node. */
  readonly samples: readonly number[];
  /** Microseconds from one sample to the next. */
  readonly timeDeltas: readonly number[];
}

/** A time, in microseconds since 1970. */
export interface Span {
  readonly fromUs: number;
  readonly toUs: number;
}

/** Whose code it is. */
export type Owner = "project" | "packages" | "Bun" | "native";

/** A function and the samples that found it running itself, not what it called. */
export interface HotFunction {
  readonly name: string;
  /** `file:line`, relative to the project; empty for native code. */
  readonly where: string;
  readonly owner: Owner;
  readonly samples: number;
  /** Of all samples. */
  readonly share: number;
}

/** What a profile says of a span. */
export interface HotFunctions {
  readonly samples: number;
  /** About how much of the span was spent in JavaScript and what it calls. */
  readonly runningShare: number;
  /** Those with most samples first. */
  readonly functions: readonly HotFunction[];
}

/** Counts the samples of a span; `root` is the folder of the project. @throws Error when there are none. */
export function hotFunctions(profile: CpuProfile, span: Span, root: string): HotFunctions {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const found = new Map<string, { name: string; where: string; owner: Owner; samples: number }>();
  const deltas: number[] = [];
  let atUs = profile.startTime;
  for (const [i, id] of profile.samples.entries()) {
    const delta = profile.timeDeltas[i] ?? 0;
    atUs += delta;
    const frame = frames.get(id);
    if (frame === undefined || atUs < span.fromUs || atUs > span.toUs) continue;
    deltas.push(delta);
    const { where, owner } = placeOf(frame.url, frame.lineNumber, root);
    const key = `${frame.functionName} ${where}`;
    const known = found.get(key) ?? { name: frame.functionName || "(anonymous)", where, owner, samples: 0 };
    known.samples++;
    found.set(key, known);
  }
  if (deltas.length === 0) throw new Error("Cannot tell the hot functions: the profile has no samples of that time");
  const functions = [...found.values()].map((each) => Object.assign(each, { share: each.samples / deltas.length }));
  return {
    samples: deltas.length,
    runningShare: Math.min(1, (deltas.length * periodOf(deltas)) / (span.toUs - span.fromUs)),
    functions: functions.toSorted((a, b) => b.samples - a.samples || (a.where < b.where ? -1 : 1)),
  };
}

/** From sample to sample where nothing came between: the middle of the shorter half. */
function periodOf(deltas: readonly number[]): number {
  const middle = median(deltas);
  return median(deltas.filter((delta) => delta <= middle));
}

function placeOf(url: string, lineNumber: number, root: string): { where: string; owner: Owner } {
  if (url === "") return { where: "", owner: "native" };
  const line = `:${lineNumber + 1}`;
  const home = `file://${root}/`;
  if (!url.startsWith(home)) return { where: url + line, owner: url.startsWith("file:") ? "packages" : "Bun" };
  const path = url.slice(home.length);
  return { where: path + line, owner: path.startsWith("node_modules/") ? "packages" : "project" };
}
