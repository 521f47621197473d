// The arms of the bench: which program each is, and which jobs it can do.

/** A job by its name. */
export type JobName = "http" | "http16" | "echo" | "idle";

/** One server program. */
export interface Arm {
  readonly name: string;
  /** File below bench/servers, without `.ts`. */
  readonly program: string;
  readonly flags: readonly string[];
  readonly jobs: readonly JobName[];
  /** What it is, for the report. */
  readonly about: string;
}

/** The arm that all others are held against. */
export const OURS: Arm = {
  name: "generator",
  program: "generator",
  flags: [],
  jobs: ["http", "http16", "echo", "idle"],
  about: "millrace",
};

/** All arms, ours first, in the order of the report. */
export const ARMS: readonly Arm[] = [
  OURS,
  {
    name: "async-await",
    program: "async-await",
    flags: [],
    jobs: ["http", "http16", "echo", "idle"],
    about: "the baseline: the same parser, handlers and buffers in async/await on Bun.listen",
  },
  {
    name: "raw",
    program: "raw",
    flags: [],
    jobs: ["http", "http16", "echo", "idle"],
    about: "the ceiling: bare Bun.listen callbacks, hand-coalesced, one fixed answer",
  },
  {
    name: "bun-serve",
    program: "bun-serve",
    flags: [],
    jobs: ["http", "http16"],
    about: "Bun.serve with a handler a route",
  },
  {
    name: "bun-static",
    program: "bun-serve",
    flags: ["--static"],
    jobs: ["http", "http16"],
    about: "Bun.serve with static routes: no JavaScript runs",
  },
];

/** The arms called `names`, or all. @throws RangeError for a name that is none. */
export function armsNamed(names: readonly string[]): readonly Arm[] {
  const unknown = names.find((name) => !ARMS.some((arm) => arm.name === name));
  if (unknown !== undefined) throw new RangeError(`Cannot run the arm ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? ARMS : ARMS.filter((arm) => names.includes(arm.name));
}
