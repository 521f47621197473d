// The cost of a switch when one, a thousand and a million tasks take turns: each gives way and is resumed behind all the others. Ours gives way
// by `checkpoint()`, the twin by awaiting a promise that is resolved, the cheapest thing to await. The tasks are made once and are not
// timed. Ours is stopped by making no further turn. A microtask queue cannot be stopped: the twin's functions wait at a gate after their
// rounds, and going through it counts as one more switch. What matters is how the cost grows with the number, which run.ts prints.

import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { PASS_STEPS_MAX } from "../../src/config.ts";
import type { Steps } from "../../src/core/operation.ts";
import { createDriver } from "./shared/driver.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";

const READY = Promise.resolve();
const ROUNDS_MIN = 10;
/** A smoke or quick run shows that a large number works; it need not be a million. */
const TASKS_MAX: Readonly<Record<Size, number>> = { full: 1_000_000, quick: 100_000, smoke: 1_000 };

interface Shape {
  readonly tasks: number;
  readonly rounds: number;
}

function shapeOf(count: number, size: Size): Shape {
  const tasks = Math.min(count, TASKS_MAX[size]);
  return { tasks, rounds: Math.max(ROUNDS_MIN, Math.ceil(operationsOf(size) / tasks)) };
}

function ours(count: number, size: Size): Side {
  const { tasks, rounds } = shapeOf(count, size);
  const { host, scheduler } = createDriver();
  let switches = 0;
  function* turnTaker(): Steps<void> {
    for (;;) {
      yield* checkpoint();
      switches++;
    }
  }
  for (let i = 0; i < tasks; i++) scheduler.spawn(null, turnTaker(), "turn taker");
  const turns = Math.ceil((tasks * rounds) / PASS_STEPS_MAX);
  const body = (): unknown => {
    for (let i = 0; i < turns; i++) host.turn();
    return switches;
  };
  return { operations: turns * PASS_STEPS_MAX, body };
}

function twin(count: number, size: Size): Side {
  const { tasks, rounds } = shapeOf(count, size);
  let switches = 0;
  let waiting = 0;
  let gate = Promise.withResolvers<void>();
  let allWait = Promise.withResolvers<void>();
  const turnTaker = async (): Promise<never> => {
    for (;;) {
      if (++waiting === tasks) allWait.resolve();
      await gate.promise;
      for (let i = 0; i < rounds; i++) {
        await READY;
        switches++;
      }
    }
  };
  for (let i = 0; i < tasks; i++) void turnTaker();
  const body = async (): Promise<unknown> => {
    const opened = gate;
    gate = Promise.withResolvers<void>();
    allWait = Promise.withResolvers<void>();
    waiting = 0;
    opened.resolve();
    await allWait.promise;
    return switches;
  };
  return { operations: tasks * (rounds + 1), body };
}

function switchBench(count: number): MicroBench {
  return {
    name: `switch-${count}`,
    about: `a switch among ${count.toLocaleString("en-US")}: checkpoint(); await of a resolved promise`,
    make: { ours: (size) => ours(count, size), twin: (size) => twin(count, size) },
  };
}

/** With 1, 1,000 and 1,000,000 tasks, in this order. */
export const switches: readonly MicroBench[] = [switchBench(1), switchBench(1_000), switchBench(1_000_000)];
