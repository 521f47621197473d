// What the kernel's tests share: leaves that finish at once, a gate that a test opens by hand, and ways to look at failures. Nothing here
// waits for real time.

import { shield } from "../../src/concurrency/shield.ts";
import { finish, Leaf, type Operation, type Steps, suspend } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task, Wait } from "../../src/core/task.ts";
import type { Simulation } from "../../src/sim/simulate.ts";

/** A leaf that finishes at once. */
class ReadyLeaf<T> extends Leaf<T> {
  readonly reason = "a ready value";
  readonly #value: T;
  constructor(value: T) {
    super();
    this.#value = value;
  }
  protected start(): IteratorResult<Wait, T> {
    return finish(this.#value);
  }
  protected resume(): IteratorResult<Wait, T> {
    return finish(this.#value);
  }
  park(): void {}
  unpark(): boolean {
    return true;
  }
}

/** Gives `value` without suspending. */
export function ready<T>(value: T): Operation<T> {
  return new ReadyLeaf(value);
}

/** A child that only a cancel ends; it takes 10 ms to clean up, and notes in `log` when it has. */
export function* endingLate(log: string[]): Steps<never> {
  try {
    return yield* sleepForever();
  } finally {
    yield* shield(sleep(10), 20);
    log.push(`child over at ${now()}`);
  }
}

/** A mailbox with one receiver at a time: a test gives, a task takes. An item stays until it is handed to a parked receiver. */
export class Gate<T> {
  readonly items: T[] = [];
  receiver: GateLeaf<T> | null = null;
  parks = 0;
  unparks = 0;

  take(): Operation<T> {
    return new GateLeaf(this);
  }

  /** Hands `item` to the parked receiver, whose next step gets it; keeps it when there is none. */
  give(item: T): void {
    const { receiver } = this;
    if (receiver === null) this.items.push(item);
    else {
      this.receiver = null;
      receiver.hand(item);
    }
  }
}

class GateLeaf<T> extends Leaf<T> {
  readonly reason = "the gate";
  readonly #gate: Gate<T>;
  #task: Task | null = null;
  #handed: { item: T } | null = null;

  constructor(gate: Gate<T>) {
    super();
    this.#gate = gate;
  }
  protected start(): IteratorResult<Wait, T> {
    const { items } = this.#gate;
    return items.length === 0 ? suspend(this) : finish(items.shift() as T);
  }
  protected resume(): IteratorResult<Wait, T> {
    return finish((this.#handed as { item: T }).item);
  }
  park(task: Task): void {
    this.#gate.parks++;
    this.#task = task;
    this.#gate.receiver = this;
  }
  unpark(): boolean {
    this.#gate.unparks++;
    this.#gate.receiver = null;
    return true;
  }
  hand(item: T): void {
    this.#handed = { item };
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }
}

/** Drains the ring without letting virtual time pass, up to `turnsMax` turns. */
export function turns(sim: Simulation, turnsMax = 8): void {
  for (let i = 0; i < turnsMax; i++) sim.scheduler.turn();
}

/** What `promise` rejects with. */
export function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`expected a rejection and got ${String(value)}`);
    },
    (error: unknown) => error,
  );
}

/** What `attempt` throws. */
export function thrown(attempt: () => unknown): unknown {
  try {
    attempt();
  } catch (error) {
    return error;
  }
  throw new Error("expected a throw");
}

/** The message of an error, for tests of messages. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : `no error but ${String(error)}`;
}

/** A leaf whose wakes are made by hand and whose calls may be made to throw. */
export class Hand extends Leaf<number> {
  readonly reason = "a hand";
  resumes = 0;
  drops = 0;
  readonly #faults: { park?: Error; unpark?: Error };
  constructor(faults: { park?: Error; unpark?: Error } = {}) {
    super();
    this.#faults = faults;
  }
  protected start(): IteratorResult<Wait, number> {
    return suspend(this);
  }
  protected resume(): IteratorResult<Wait, number> {
    return finish(++this.resumes);
  }
  park(): void {
    if (this.#faults.park !== undefined) throw this.#faults.park;
  }
  unpark(): boolean {
    if (this.#faults.unpark !== undefined) throw this.#faults.unpark;
    return true;
  }
  override dropped(): void {
    this.drops++;
  }
}
