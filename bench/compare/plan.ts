// The decision of the gate, apart from all measuring: which job gets how many restarts next, and what is said of it. The gate calls it, and the
// test of the gate's power calls the very same with recorded pairs.
//
// The unit is the restart: two fresh processes, whose pairs of samples become one value (restart.ts), the logarithm of head's cost over the base's.
// Pairs within a restart are much alike, so more of them tell little; that two processes of the same code differ is what has to be overcome.
//
// The plan is group-sequential: a job is looked at after 10, 20, 30 and 40 restarts, and ends at the first look that decides. It
// - passes when the upper limit of the slowdown lies below 5 %,
// - fails when the lower limit lies above 0 and the estimate above 3 %,
// - is unsure otherwise: it goes on to the next look, and what is unsure at the end, or when the time is up, is reported as that.
// At the first look nothing fails: ten values cannot reach the level.
//
// Levels. A false alarm of any job at any look: at most 1 in 100 for the whole run. Each job gets its part of that, in equal shares over the
// looks at which it can fail (Bonferroni, which needs no assumption on how jobs and looks depend on each other; Jennison and Turnbull, "Group
// Sequential Methods", chapter 2, on why each look must be paid for). The limits are exact: see signed-rank.ts. A slowdown of 5 % passes by
// mistake at most 2 times in 100, in equal shares over the looks. Why 3 and 5 stand where they do: docs/decisions/0009.

import { locate, type Location } from "./signed-rank.ts";

/** Restarts at which a job is looked at. Even numbers: who starts first alternates. */
export const LOOKS: readonly number[] = [10, 20, 30, 40];
/** The first look at which a job may fail. */
const FAILS_FROM = 20;
/** Slowdown that must be caught: a job passes when it is shown to be less. */
export const CAUGHT_SLOWDOWN = 0.05;
/** Estimated slowdown below which nothing fails, however sure it is. */
export const TOLERATED_SLOWDOWN = 0.03;
/** How often a run of all jobs may fail although nothing changed. */
export const FALSE_ALARM_LEVEL = 0.01;
/** How often a job that is slower by 5 % may pass. */
const FALSE_PASS_LEVEL = 0.02;

const FAIL_LOOKS = LOOKS.filter((count) => count >= FAILS_FROM).length;

/** What is said of a job. */
export type Verdict = "passes" | "fails" | "unsure";

/** A job as it stands. Slowdowns are fractions: 0.05 is 5 % slower than the base, -0.05 faster. */
export interface Standing {
  readonly job: string;
  readonly verdict: Verdict;
  readonly restarts: number;
  readonly slowdown: Location;
}

/** What to measure next. */
export interface Request {
  readonly job: string;
  readonly restarts: number;
}

/** The run of a gate over some jobs. */
export class Plan {
  readonly #jobs: ReadonlyMap<string, { readonly values: number[]; standing: Standing }>;

  constructor(jobs: readonly string[]) {
    const fresh = (job: string): Standing => ({ job, verdict: "unsure", restarts: 0, slowdown: UNKNOWN });
    this.#jobs = new Map(jobs.map((job) => [job, { values: [], standing: fresh(job) }]));
  }

  /** The batch that is due: all jobs get to a look before any goes on, and the one that looks worst goes first. `null` when nothing is left. */
  next(): Request | null {
    const open = this.standings().filter((standing) => !isOver(standing));
    const [due] = open.toSorted((a, b) => a.restarts - b.restarts || b.slowdown.estimate - a.slowdown.estimate);
    if (due === undefined) return null;
    return { job: due.job, restarts: (LOOKS.find((look) => look > due.restarts) as number) - due.restarts };
  }

  /** Takes the values of restarts that were measured. @throws RangeError for a job that is not in the plan. */
  add(job: string, values: readonly number[]): void {
    const known = this.#jobs.get(job);
    if (known === undefined)
      throw new RangeError(`Cannot add to the job ${JSON.stringify(job)}: it is not in the plan`);
    known.values.push(...values);
    known.standing = standingOf(job, known.values, this.#jobs.size);
  }

  /** All jobs as they stand. */
  standings(): Standing[] {
    return [...this.#jobs.values()].map(({ standing }) => standing);
  }
}

/** Restarts that are asked for at once: two, in which each side starts first once. Between them the clock is looked at. */
const PIECE = 2;

/**
 * Follows a plan for `jobs`: `measure` gives the values of as many restarts as are asked for, until nothing is left or `deadlineMs`, on the
 * clock `now`, would be passed. A batch that would not be done by then is not begun, and one that turns out to be slow is broken off.
 */
export async function followPlan(
  jobs: readonly string[],
  measure: (request: Request) => Promise<readonly number[]>,
  now: () => number,
  deadlineMs: number,
): Promise<Standing[]> {
  const plan = new Plan(jobs);
  // What a restart takes is known after the first ones of a job.
  const msARestart = new Map<string, number>();
  for (let request = plan.next(); request !== null; request = plan.next()) {
    const { job, restarts } = request;
    if (now() + (msARestart.get(job) ?? 0) * restarts > deadlineMs) break;
    for (let left = restarts; left > 0; left -= PIECE) {
      const began = now();
      if (began + (msARestart.get(job) ?? 0) * PIECE > deadlineMs) return plan.standings();
      plan.add(job, await measure({ job, restarts: PIECE }));
      msARestart.set(job, (now() - began) / PIECE);
    }
  }
  return plan.standings();
}

/** What is said of the whole run: it fails when any job does, and passes when all do. */
export function verdictOfAll(standings: readonly Standing[]): Verdict {
  if (standings.some(({ verdict }) => verdict === "fails")) return "fails";
  return standings.every(({ verdict }) => verdict === "passes") ? "passes" : "unsure";
}

const UNKNOWN: Location = { estimate: 0, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };

const isOver = ({ verdict, restarts }: Standing): boolean =>
  verdict !== "unsure" || restarts >= (LOOKS.at(-1) as number);

function standingOf(job: string, values: readonly number[], jobs: number): Standing {
  const slowdown = slowdownOf(values, jobs);
  const restarts = values.length;
  // Between two looks nothing is decided: every decision must be paid for.
  const verdict = LOOKS.includes(restarts) ? verdictOf(slowdown, restarts) : "unsure";
  return { job, verdict, restarts, slowdown };
}

function verdictOf({ estimate, low, high }: Location, restarts: number): Verdict {
  if (restarts >= FAILS_FROM && low > 0 && estimate > TOLERATED_SLOWDOWN) return "fails";
  return high < CAUGHT_SLOWDOWN ? "passes" : "unsure";
}

function slowdownOf(values: readonly number[], jobs: number): Location {
  const { estimate, low, high } = locate(
    values,
    FALSE_ALARM_LEVEL / jobs / FAIL_LOOKS,
    FALSE_PASS_LEVEL / LOOKS.length,
  );
  return { estimate: Math.expm1(estimate), low: Math.expm1(low), high: Math.expm1(high) };
}
