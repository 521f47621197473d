// The arms of the bench: which program each is. What they do is in jobs.ts.

/** One server program. */
export interface Arm {
  readonly name: string;
  /** File below bench/servers, without `.ts`. */
  readonly program: string;
  readonly flags: readonly string[];
  /** Its answers are written by our encoder: byte for byte those of the others that use it, but for the date. */
  readonly ourEncoder: boolean;
  /** What it is, for the report. */
  readonly about: string;
}

/** All arms, in the order of the report. */
export const ARMS: readonly Arm[] = [
  {
    name: "generator",
    program: "generator",
    flags: [],
    ourEncoder: true,
    about: "millrace",
  },
  {
    name: "async-await",
    program: "async-await",
    flags: [],
    ourEncoder: true,
    about: "the baseline: the same parser, handlers and buffers in async/await on Bun.listen",
  },
  {
    name: "raw",
    program: "raw",
    flags: [],
    ourEncoder: true,
    about: "the ceiling: bare Bun.listen callbacks, hand-coalesced",
  },
  {
    name: "bun-serve",
    program: "bun-serve",
    flags: [],
    ourEncoder: false,
    about: "Bun.serve with a handler a route",
  },
  {
    name: "bun-static",
    program: "bun-serve",
    flags: ["--static"],
    ourEncoder: false,
    about: "Bun.serve with static routes: no JavaScript runs",
  },
  {
    name: "hono",
    program: "hono",
    flags: [],
    ourEncoder: false,
    about: "Hono on Bun.serve",
  },
  {
    name: "hono-on-millrace",
    program: "hono-on-millrace",
    flags: [],
    ourEncoder: true,
    about: "the same Hono application on millrace",
  },
];

/** The arm called `name`. @throws RangeError for a name that is none. */
export function armNamed(name: string): Arm {
  const arm = ARMS.find((known) => known.name === name);
  if (arm === undefined) throw new RangeError(`Cannot run the arm ${JSON.stringify(name)}: it is none of ours`);
  return arm;
}

/** The arms called `names`, or all. @throws RangeError for a name that is none. */
export function armsNamed(names: readonly string[]): readonly Arm[] {
  return names.length === 0 ? ARMS : names.map(armNamed);
}
