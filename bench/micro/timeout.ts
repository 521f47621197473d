// A deadline around an operation that is done at once, which is what a read under a deadline mostly is: no node is made and no timer armed. The twin
// does what is written by hand over promises, where the timer has to be made before the promise can be looked at. With an operation
// that suspends: the row `timeout` in timer.ts.

import { timeout } from "../../src/concurrency/timeout.ts";
import { finish, IDLE, Leaf, type Operation, type Steps, suspend } from "../../src/core/operation.ts";
import type { Wait } from "../../src/core/task.ts";
import { createDriver, runToEnd } from "./shared/driver.ts";
import { withTimeout } from "./shared/promise-timeout.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";

const DELAY_MS = 30_000;
const READY = Promise.resolve(1);

/** A leaf that is kept for reuse and always has its value, as `conn.read()` does while bytes are there. */
class ReadyLeaf extends Leaf<number> {
  readonly reason = "a ready value";
  protected start(): IteratorResult<Wait, number> {
    this.state = IDLE;
    return finish(1);
  }
  protected resume(): IteratorResult<Wait, number> {
    return suspend(this);
  }
  park(): void {}
  unpark(): boolean {
    return true;
  }
}

function ours(size: Size): Side {
  const operations = operationsOf(size);
  const driver = createDriver();
  const leaf = new ReadyLeaf();
  function* body(): Steps<number> {
    let sum = 0;
    for (let i = 0; i < operations; i++) {
      sum += yield* timeout(DELAY_MS, leaf as Operation<number>);
      leaf.handOut();
    }
    return sum;
  }
  const run = (): number => {
    leaf.handOut();
    return runToEnd(driver, body);
  };
  return { operations, body: run };
}

function twin(size: Size): Side {
  const operations = operationsOf(size);
  const body = async (): Promise<number> => {
    let sum = 0;
    for (let i = 0; i < operations; i++) sum += await withTimeout(DELAY_MS, READY);
    return sum;
  };
  return { operations, body };
}

export const timeoutAtOnce: MicroBench = {
  name: "timeout-at-once",
  about: "a deadline around an operation that is done at once; Promise.race with a timer, cleared",
  targetNs: 150,
  make: { ours, twin },
};
