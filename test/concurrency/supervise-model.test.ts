// A supervisor under random ends of its children against a model of Erlang's rules: what is started and stopped, when and in which order, and how
// it all ends. The model knows no tasks: it moves names between lists.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { supervise, type SupervisorStrategy } from "../../src/concurrency/supervise.ts";
import { type ChildSpec, SupervisorError } from "../../src/concurrency/supervisor-child.ts";
import { now } from "../../src/core/run.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate } from "../core/kit.ts";

type Restart = "permanent" | "transient" | "temporary";
type Kind = "return" | "fail";

interface Case {
  readonly strategy: SupervisorStrategy;
  readonly intensity: number;
  readonly periodMs: number;
  readonly restarts: readonly Restart[];
  /** At each moment, which children are told to end, and how. */
  readonly moments: readonly { readonly gapMs: number; readonly ends: readonly { child: number; kind: Kind }[] }[];
}

interface Outcome {
  readonly log: readonly string[];
  readonly ending: "returned" | "gave up" | "cancelled";
}

const cases: fc.Arbitrary<Case> = fc.record({
  strategy: fc.constantFrom("one_for_one", "one_for_all", "rest_for_one"),
  intensity: fc.integer({ min: 0, max: 4 }),
  periodMs: fc.integer({ min: 1, max: 60 }),
  restarts: fc.array(fc.constantFrom("permanent", "permanent", "transient", "temporary"), {
    minLength: 1,
    maxLength: 5,
  }),
  moments: fc.array(
    fc.record({
      gapMs: fc.integer({ min: 1, max: 25 }),
      ends: fc.array(fc.record({ child: fc.nat(4), kind: fc.constantFrom<Kind>("return", "fail", "fail") }), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
    { maxLength: 14 },
  ),
});

const nameOf = (child: number): string => `child ${child}`;

function endOf({ moments }: Case): number {
  return moments.reduce((at, { gapMs }) => at + gapMs, 0) + 10;
}

class Model {
  readonly log: string[] = [];
  readonly #case: Case;
  readonly #states: ("up" | "ended" | "removed")[];
  #history: number[] = [];
  #ending: Outcome["ending"] | null = null;

  constructor(given: Case) {
    this.#case = given;
    this.#states = given.restarts.map(() => "up");
    for (const child of given.restarts.keys()) this.log.push(`0 +${nameOf(child)}`);
  }

  play(): Outcome {
    let at = 0;
    for (const { gapMs, ends } of this.#case.moments) {
      at += gapMs;
      if (this.#ending === null) this.#moment(at, ends);
    }
    if (this.#ending === null) {
      this.#stop(endOf(this.#case), [...this.#states.keys()]);
      this.#ending = "cancelled";
    }
    return { log: this.log, ending: this.#ending };
  }

  #moment(at: number, ends: readonly { child: number; kind: Kind }[]): void {
    let open: { child: number; kind: Kind }[] = [];
    for (const end of ends) {
      if (this.#states[end.child] !== "up") continue;
      this.#end(at, end.child);
      open.push(end);
    }
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      const restart = this.#case.restarts[next.child] as Restart;
      if (restart === "temporary" || (restart === "transient" && next.kind === "return")) continue;
      this.#history = [...this.#history.filter((then) => at - then <= this.#case.periodMs), at];
      if (this.#history.length > this.#case.intensity) {
        this.#stop(at, [...this.#states.keys()]);
        this.#ending = "gave up";
        return;
      }
      const along = this.#along(next.child);
      this.#stop(at, along);
      open = open.filter(({ child }) => !along.includes(child));
      this.#waiting.push(...along.filter((child) => this.#states[child] !== "removed"));
    }
    for (const child of [...new Set(this.#waiting)].sort((a, b) => a - b)) {
      this.#states[child] = "up";
      this.log.push(`${at} +${nameOf(child)}`);
    }
    this.#waiting.length = 0;
    if (!this.#states.includes("up")) this.#ending = "returned";
  }

  readonly #waiting: number[] = [];

  #along(child: number): number[] {
    const all = [...this.#states.keys()];
    if (this.#case.strategy === "one_for_all") return all;
    return this.#case.strategy === "one_for_one" ? [child] : all.slice(child);
  }

  #stop(at: number, children: readonly number[]): void {
    for (const child of children.toReversed()) if (this.#states[child] === "up") this.#end(at, child);
  }

  #end(at: number, child: number): void {
    this.log.push(`${at} -${nameOf(child)}`);
    this.#states[child] = this.#case.restarts[child] === "temporary" ? "removed" : "ended";
  }
}

async function real(given: Case): Promise<Outcome> {
  const sim = new Simulation({ development: false });
  const log: string[] = [];
  const gates = given.restarts.map(() => new Gate<Kind>());
  const children = given.restarts.map((restart, child): ChildSpec => ({
    name: nameOf(child),
    restart,
    *start() {
      log.push(`${now()} +${nameOf(child)}`);
      try {
        if ((yield* (gates[child] as Gate<Kind>).take()) === "fail") throw new Error("told to fail");
      } finally {
        log.push(`${now()} -${nameOf(child)}`);
      }
    },
  }));
  const { strategy, intensity, periodMs } = given;
  const task = sim.start(() => supervise({ strategy, intensity, periodMs, onExit: () => {} }, children));
  task.promise.catch(() => {});
  let at = 0;
  for (const { gapMs, ends } of given.moments) {
    at += gapMs;
    sim.host.schedule(at, () => {
      sim.scheduler.enter();
      for (const { child, kind } of ends) {
        const gate = gates[child];
        if (gate !== undefined && gate.receiver !== null) gate.give(kind);
      }
      sim.scheduler.leave();
    });
  }
  sim.host.schedule(endOf(given), () => task.cancel());
  await sim.settle();
  expect(sim.scheduler.timers.armed).toBe(0);
  if (task.ending === "failed") expect(task.outcome).toBeInstanceOf(SupervisorError);
  return { log, ending: task.ending === "failed" ? "gave up" : (task.ending as "returned" | "cancelled") };
}

test("supervise does what Erlang's rules say, whatever ends when", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async (given) => {
      expect(await real(given)).toEqual(new Model(given).play());
    }),
    { numRuns: 600 },
  );
});
