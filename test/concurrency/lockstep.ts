// The harness of the property tests for channels and locks: real tasks on a real scheduler, and beside them a model of their ready ring. Each move of
// a test is made in both worlds; after each drain the logs of the two must be the same: which operation ended, how, in which order. A model
// of a primitive says when an operation is settled and with what; the cancels, late ones included, are the harness's own.

import { expect } from "bun:test";

import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import { MillraceError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/operation.ts";
import type { Task } from "../../src/core/task.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { turns } from "../core/kit.ts";

/** One operation in the model. */
export interface ModelOperation {
  readonly id: number;
  state: "fresh" | "starting" | "waiting" | "settled" | "ended";
  cancelled: boolean;
  outcome: string;
  /** Takes it out of every queue of the model. */
  leave: () => void;
  /** Its task goes on behind it. */
  ended: (operation: ModelOperation) => void;
}

interface RingEntry {
  readonly operation: ModelOperation;
  readonly start: ((operation: ModelOperation) => void) | null;
}

const CANCELLED = "cancelled";

/** Two worlds, one real. */
export class Lockstep {
  readonly sim: Simulation = new Simulation({ development: false });
  readonly operations: ModelOperation[] = [];
  readonly #tasks: Task[] = [];
  readonly #ring: RingEntry[] = [];
  readonly #actual: string[] = [];
  readonly #expected: string[] = [];

  /** A task that runs what `make` gives; `start` is the same in the model: it settles the operation, or leaves it waiting. */
  spawn(make: (id: number) => Operation<unknown>, start: (operation: ModelOperation) => void): void {
    const id = this.operations.length;
    const operation: ModelOperation = {
      id,
      state: "fresh",
      cancelled: false,
      outcome: "",
      leave: () => {},
      ended: () => {},
    };
    this.operations.push(operation);
    this.#ring.push({ operation, start });
    const log = this.#actual;
    this.#tasks.push(
      this.sim.start(function* () {
        try {
          log.push(`${id}: ${textOf(yield* make(id))}`);
        } catch (error) {
          if (isCancelled(error)) {
            log.push(`${id}: ${CANCELLED}`);
            return;
          }
          if (!(error instanceof MillraceError)) throw error;
          log.push(`${id}: ${error.code}`);
        }
        try {
          yield* checkpoint();
        } catch {
          log.push(`${id}: cancelled by its next leaf`);
        }
      }, `op ${id}`),
    );
  }

  /** In the model: `operation` has what it waits for, or an error. */
  settle(operation: ModelOperation, outcome: string): void {
    operation.outcome = outcome;
    operation.leave();
    const starting = operation.state === "starting";
    operation.state = "settled";
    if (!starting) this.#ring.push({ operation, start: null });
  }

  /** Cancels an operation in both worlds, in whatever state it is. */
  cancel(id: number): void {
    const operation = this.operations[id] as ModelOperation;
    (this.#tasks[id] as Task).cancel();
    if (operation.state === "ended") return;
    operation.cancelled = true;
    if (operation.state !== "waiting") return;
    this.settle(operation, CANCELLED);
  }

  /** Runs both worlds until they are at rest and holds their logs against each other. */
  drain(): void {
    turns(this.sim);
    for (let entry = this.#ring.shift(); entry !== undefined; entry = this.#ring.shift()) this.#step(entry);
    if (this.sim.host.failure !== null) throw this.sim.host.failure.error;
    expect(this.#actual).toEqual(this.#expected);
  }

  /** Cancels whatever is left. */
  close(): void {
    this.drain();
    for (const { id, state } of this.operations) if (state !== "ended") this.cancel(id);
    this.drain();
    expect(this.sim.scheduler.roots.size).toBe(0);
  }

  #step({ operation, start }: RingEntry): void {
    if (start !== null) {
      if (operation.cancelled) operation.outcome = CANCELLED;
      else {
        operation.state = "starting";
        start(operation);
        // Not settled, or settled only once it was parked: then it stands on the ring.
        if (operation.state === "starting") operation.state = "waiting";
        if ((operation.state as string) === "waiting" || this.#ring.some((entry) => entry.operation === operation))
          return;
      }
    }
    operation.state = "ended";
    operation.ended(operation);
    this.#expected.push(`${operation.id}: ${operation.outcome}`);
    if (operation.cancelled && operation.outcome !== CANCELLED)
      this.#expected.push(`${operation.id}: cancelled by its next leaf`);
  }
}

/** How a value stands in the logs. */
export function textOf(value: unknown): string {
  if (value === undefined) return "done";
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}
