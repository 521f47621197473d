// Wake and resume of a parked task, against resolving a promise and the awaiting async function going on. On both sides two players wake each
// other by turns, all in one go: ours in passes of the ring, the twin in one drain of the microtask queue. One operation is one wake
// and one resume. Ours parks in one leaf that is handed out again and again, as a conn's read leaf is; a promise cannot be used
// twice, so the twin makes one for each wait, by an executor made once.

import { IDLE, Leaf, begin, finish, type Operation, PROBE, probed, suspend } from "../../src/core/operation.ts";
import { running, type Task, type Wait } from "../../src/core/task.ts";
import { createDriver, runToEnd } from "./shared/driver.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";

/** A gate for one task, in the manner of net/reading.ts. */
class GateLeaf extends Leaf<void> {
  readonly reason = "the other player";
  #task: Task | null = null;

  override next(token?: unknown): IteratorResult<Wait, void> {
    const task = running;
    if (token === undefined) return begin(task, this) ?? suspend(this);
    if (token === PROBE) return probed(this);
    if (token !== task) throw token;
    this.state = IDLE;
    return finish(undefined);
  }
  protected start(): IteratorResult<Wait, void> {
    return suspend(this);
  }
  protected resume(): IteratorResult<Wait, void> {
    return suspend(this);
  }
  park(task: Task): void {
    this.#task = task;
  }
  unpark(): boolean {
    return true;
  }
  wake(): void {
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }
}

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

class Gate {
  #resolve: () => void = () => {};
  readonly #executor = (resolve: () => void): void => {
    this.#resolve = resolve;
  };
  wait(): Promise<void> {
    return new Promise(this.#executor);
  }
  wake(): void {
    this.#resolve();
  }
}

function twin(size: Size): Side {
  const operations = operationsOf(size);
  const gates = { a: new Gate(), b: new Gate() };
  const player = async (own: Gate, other: Gate): Promise<void> => {
    for (let i = operations >> 1; i > 0; i--) {
      await own.wait();
      other.wake();
    }
  };
  const opener = async (own: Gate, other: Gate): Promise<void> => {
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
