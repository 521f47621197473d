// Both of two operations. `all-leaves`: two waits for the task's next turn, against Promise.all of two resolved promises. `all-generators`: two child
// tasks that give way once, against Promise.all of two async functions that await once. One operation is one `all`.

import { all } from "../../src/concurrency/all.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { createDriver, runToEnd } from "./shared/driver.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";
import { GateLeaf, PromiseGate } from "./shared/gate.ts";

const READY = Promise.resolve();

function oursLeaves(size: Size): Side {
  const operations = operationsOf(size);
  const driver = createDriver();
  const left = new GateLeaf();
  const right = new GateLeaf();
  function* waker(): Steps<void> {
    for (let i = 0; i < operations; i++) {
      left.wake();
      right.wake();
      yield* checkpoint();
    }
  }
  function* body(): Steps<void> {
    for (let i = 0; i < operations; i++) {
      left.handOut();
      right.handOut();
      yield* all([left as Operation<void>, right as Operation<void>]);
    }
  }
  return {
    operations,
    body: () =>
      runToEnd(driver, function* () {
        driver.scheduler.spawn(null, waker(), "waker");
        yield* body();
      }),
  };
}

function twinLeaves(size: Size): Side {
  const operations = operationsOf(size);
  const left = new PromiseGate();
  const right = new PromiseGate();
  const waker = async (): Promise<void> => {
    for (let i = 0; i < operations; i++) {
      left.wake();
      right.wake();
      // Until the other side waits again: Promise.all takes two turns of the queue, and going on behind it one.
      for (let turn = 0; turn < 4; turn++) await READY;
    }
  };
  const body = async (): Promise<void> => {
    for (let i = 0; i < operations; i++) {
      const both = Promise.all([left.wait(), right.wait()]);
      if (i === 0) void waker();
      await both;
    }
  };
  return { operations, body };
}

function oursGenerators(size: Size): Side {
  const operations = operationsOf(size);
  const driver = createDriver();
  function* child(): Steps<number> {
    yield* checkpoint();
    return 1;
  }
  function* body(): Steps<number> {
    let sum = 0;
    for (let i = 0; i < operations; i++) {
      const [left, right] = yield* all([child, child]);
      sum += left + right;
    }
    return sum;
  }
  return { operations, body: () => runToEnd(driver, body) };
}

function twinGenerators(size: Size): Side {
  const operations = operationsOf(size);
  const child = async (): Promise<number> => {
    await READY;
    return 1;
  };
  const body = async (): Promise<number> => {
    let sum = 0;
    for (let i = 0; i < operations; i++) {
      const [left, right] = await Promise.all([child(), child()]);
      sum += left + right;
    }
    return sum;
  };
  return { operations, body };
}

export const allLeaves: MicroBench = {
  name: "all-leaves",
  about: "all of two leaves, woken by another task; Promise.all of two promises, resolved by another function",
  make: { ours: oursLeaves, twin: twinLeaves },
};

export const allGenerators: MicroBench = {
  name: "all-generators",
  about: "all of two generators that give way once; Promise.all of two async functions that await once",
  make: { ours: oursGenerators, twin: twinGenerators },
};
