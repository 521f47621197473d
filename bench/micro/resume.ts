// Wake and resume of a parked task, against resolving a promise and the awaiting async function going on. On both sides two players wake each
// other by turns, all in one go: ours in passes of the ring, the twin in one drain of the microtask queue. One operation is one wake
// and one resume. What they wait at is in shared/gate.ts.

import type { Operation } from "../../src/core/operation.ts";
import type { Wait } from "../../src/core/task.ts";
import { createDriver, runToEnd } from "./shared/driver.ts";
import { GateLeaf, PromiseGate } from "./shared/gate.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";

function ours(size: Size): Side {
  const operations = operationsOf(size);
  const driver = createDriver();
  const gates = { a: new GateLeaf(), b: new GateLeaf() };
  function* player(own: GateLeaf, other: GateLeaf): Generator<Wait, void, unknown> {
    for (let i = operations >> 1; i > 0; i--) {
      own.handOut();
      yield* own as Operation<void>;
      other.wake();
    }
  }
  // It makes the first move and takes the last one.
  function* opener(own: GateLeaf, other: GateLeaf): Generator<Wait, void, unknown> {
    for (let i = operations >> 1; i > 0; i--) {
      other.wake();
      own.handOut();
      yield* own as Operation<void>;
    }
  }
  const body = (): unknown => {
    driver.scheduler.spawn(null, player(gates.a, gates.b), "player");
    return runToEnd(driver, () => opener(gates.b, gates.a));
  };
  return { operations, body };
}

function twin(size: Size): Side {
  const operations = operationsOf(size);
  const gates = { a: new PromiseGate(), b: new PromiseGate() };
  const player = async (own: PromiseGate, other: PromiseGate): Promise<void> => {
    for (let i = operations >> 1; i > 0; i--) {
      await own.wait();
      other.wake();
    }
  };
  const opener = async (own: PromiseGate, other: PromiseGate): Promise<void> => {
    for (let i = operations >> 1; i > 0; i--) {
      other.wake();
      await own.wait();
    }
  };
  const body = (): Promise<void> => {
    void player(gates.a, gates.b);
    return opener(gates.b, gates.a);
  };
  return { operations, body };
}

export const resume: MicroBench = {
  name: "resume",
  about: "wake and resume a parked task; resolve a promise and go on behind its await",
  target: 0.65,
  make: { ours, twin },
};
