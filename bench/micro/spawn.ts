// Making tasks. `spawn-batch`: a scope with a thousand children of one suspending step each, joined at its exit, against Promise.all of a
// thousand async functions with one await each. `spawn-one`: spawn and join a single task, against calling an async function with one
// await and awaiting it. One operation is one child.

import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import type { Steps } from "../../src/core/operation.ts";
import { createDriver, runToEnd } from "./shared/driver.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";

const BATCH = 1_000;

const batchOf = (size: Size): number => Math.min(BATCH, operationsOf(size));

function* child(): Steps<void> {
  yield* checkpoint();
}

/** The cheapest thing to await: `await null` would make a promise each time. */
const READY = Promise.resolve();

async function asyncChild(): Promise<void> {
  await READY;
}

function oursBatch(size: Size): Side {
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
      const children: Promise<void>[] = [];
      for (let i = 0; i < batch; i++) children.push(asyncChild());
      await Promise.all(children);
    }
  };
  return { operations, body };
}

function oursOne(size: Size): Side {
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
  make: { ours: oursBatch, twin: twinBatch },
};

export const spawnOne: MicroBench = {
  name: "spawn-one",
  about: "spawn a task and join it; call an async function and await it",
  target: 1,
  make: { ours: oursOne, twin: twinOne },
};
