// Making tasks. `spawn-batch`: a scope with a thousand children, joined at its exit, against Promise.all of a thousand async functions with one
// await each. `spawn-one`: spawn and join a single task, against calling an async function with one await and awaiting it.
//
// What stands for what: a spawned task never runs at once, it takes its first step when the ring comes to it. An async function runs at once up to
// its first await, and that await is its one trip through the queue. So a child that ends in its first step is set against one await: one
// trip each. The rows `-suspending` give our child a wait of its own on top, two trips against one; they have no target.

import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import type { Steps } from "../../src/core/operation.ts";
import { createDriver, runToEnd } from "./shared/driver.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";

const BATCH = 1_000;

const batchOf = (size: Size): number => Math.min(BATCH, operationsOf(size));

function* child(): Steps<number> {
  return 1;
}

function* suspendingChild(): Steps<number> {
  yield* checkpoint();
  return 1;
}

type Child = () => Steps<number>;

/** The cheapest thing to await: `await null` would make a promise each time. */
const READY = Promise.resolve();

async function asyncChild(): Promise<number> {
  await READY;
  return 1;
}

function oursBatch(size: Size, child: Child): Side {
  const operations = operationsOf(size);
  const batch = batchOf(size);
  const driver = createDriver();
  function* body(): Steps<void> {
    for (let done = 0; done < operations; done += batch) {
      yield* scope(function* (scope) {
        for (let i = 0; i < batch; i++) scope.spawn(child);
      });
    }
  }
  return { operations, body: () => runToEnd(driver, body) };
}

function twinBatch(size: Size): Side {
  const operations = operationsOf(size);
  const batch = batchOf(size);
  const body = async (): Promise<void> => {
    for (let done = 0; done < operations; done += batch) {
      const children: Promise<number>[] = [];
      for (let i = 0; i < batch; i++) children.push(asyncChild());
      await Promise.all(children);
    }
  };
  return { operations, body };
}

function oursOne(size: Size, child: Child): Side {
  const operations = operationsOf(size);
  const driver = createDriver();
  const body = (): unknown =>
    runToEnd(driver, () =>
      scope(function* (scope) {
        for (let i = 0; i < operations; i++) yield* scope.spawn(child);
      }),
    );
  return { operations, body };
}

function twinOne(size: Size): Side {
  const operations = operationsOf(size);
  const body = async (): Promise<void> => {
    for (let i = 0; i < operations; i++) await asyncChild();
  };
  return { operations, body };
}

export const spawnBatch: MicroBench = {
  name: "spawn-batch",
  about: "a child of a scope of 1,000, joined at its exit; an async function of 1,000 in Promise.all",
  target: 0.6,
  make: { ours: (size) => oursBatch(size, child), twin: twinBatch },
};

export const spawnOne: MicroBench = {
  name: "spawn-one",
  about: "spawn a task and join it; call an async function and await it",
  target: 1,
  make: { ours: (size) => oursOne(size, child), twin: twinOne },
};

export const spawnBatchSuspending: MicroBench = {
  name: "spawn-batch-suspending",
  about: "the same, our child with a wait of its own on top",
  make: { ours: (size) => oursBatch(size, suspendingChild), twin: twinBatch },
};

export const spawnOneSuspending: MicroBench = {
  name: "spawn-one-suspending",
  about: "the same, our child with a wait of its own on top",
  make: { ours: (size) => oursOne(size, suspendingChild), twin: twinOne },
};
