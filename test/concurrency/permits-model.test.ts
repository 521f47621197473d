// Semaphores and mutexes in lockstep with a model under random moves: acquires of one and of several permits, composites of them, tries, releases and
// double releases, and cancels at every moment. Whatever the moves: no permit is lost, none is made, everybody is served in turn.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { Mutex } from "../../src/concurrency/mutex.ts";
import type { Permit } from "../../src/concurrency/permits.ts";
import { Semaphore } from "../../src/concurrency/semaphore.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { firstOf } from "./first-of.ts";
import { Lockstep, type ModelOperation } from "./lockstep.ts";

interface Entry {
  readonly operation: ModelOperation;
  readonly model: ModelSemaphore;
  readonly count: number;
  readonly outcome: string;
  state: "new" | "waiting" | "granted" | "over";
}

class ModelSemaphore {
  waiting: Entry[] = [];
  available: number;
  readonly size: number;
  readonly grant: (entry: Entry) => void;

  constructor(size: number, grant: (entry: Entry) => void) {
    this.size = this.available = size;
    this.grant = grant;
  }

  /** The one rule: the head of the queue is served as soon as there is enough for it. */
  apply(): void {
    for (let head = this.waiting[0]; head !== undefined && head.count <= this.available; head = this.waiting[0]) {
      this.available -= head.count;
      this.waiting.shift();
      head.state = "granted";
      this.grant(head);
    }
  }

  /** An entry leaves the queue, or gives back what it got while its operation was already leaving. */
  leave(entry: Entry): void {
    if (entry.state === "waiting") this.waiting = this.waiting.filter((other) => other !== entry);
    else if (entry.state === "granted") this.available += entry.count;
    else return;
    entry.state = "over";
    this.apply();
  }
}

/** What both kinds of lock are to the test. */
interface Lock {
  acquire(count: number): Operation<Permit>;
  tryAcquire(count: number): Permit | undefined;
  /** `available`, `waiting`. */
  counts(): [number, number];
}

function semaphoreOf(size: number): Lock {
  const semaphore = new Semaphore(size);
  return {
    acquire: (count) => semaphore.acquire(count),
    tryAcquire: (count) => semaphore.tryAcquire(count),
    counts: () => [semaphore.statistics().available, semaphore.statistics().waiting],
  };
}

function mutexOf(): Lock {
  const mutex = new Mutex();
  return {
    acquire: () => mutex.acquire(),
    // Only a task may ask a mutex: the moves from outside are left to the semaphore.
    tryAcquire: () => undefined,
    counts: () => [mutex.statistics().locked ? 0 : 1, mutex.statistics().waiting],
  };
}

interface Part {
  readonly lock: number;
  readonly count: number;
}

type Move =
  | { readonly kind: "acquire"; readonly part: Part }
  | { readonly kind: "race"; readonly parts: Part[]; readonly pause: Outside[] }
  | { readonly kind: "cancel"; readonly which: number }
  | { readonly kind: "drain" }
  | Outside;

type Outside = { readonly kind: "release"; readonly which: number } | { readonly kind: "try"; readonly part: Part };

const part = fc.record({ lock: fc.nat(1), count: fc.nat(3) });
const releasing: fc.Arbitrary<Outside> = fc.record({ kind: fc.constant("release" as const), which: fc.nat() });
const trying: fc.Arbitrary<Outside> = fc.record({ kind: fc.constant("try" as const), part });
const outside = fc.oneof(releasing, trying);
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("acquire" as const), part }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("race" as const),
        parts: fc.array(part, { minLength: 1, maxLength: 3 }),
        pause: fc.array(outside, { maxLength: 2 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("drain" as const) }) },
    { weight: 5, arbitrary: releasing },
    { weight: 2, arbitrary: trying },
  ),
  { maxLength: 60, size: "max" },
);

/** Both worlds of one run. */
class Run {
  readonly #world = new Lockstep();
  readonly #locks: readonly Lock[];
  readonly #models: readonly ModelSemaphore[];
  /** Permits that tasks have got, and what was given in the model, in the same order. */
  readonly #permits: Permit[] = [];
  readonly #given: { entry: Entry; released: boolean }[] = [];
  /** Granted in the model, and not yet resumed. */
  readonly #granted = new Map<ModelOperation, Entry>();
  /** Settled, and about to take their other parts out of the queues, one after the other. */
  readonly #leaving = new Set<ModelOperation>();

  constructor(locks: readonly Lock[]) {
    this.#locks = locks;
    this.#models = locks.map(
      (lock) =>
        new ModelSemaphore(lock.counts()[0], (entry) => {
          if (this.#leaving.has(entry.operation)) return;
          this.#granted.set(entry.operation, entry);
          this.#world.settle(entry.operation, entry.outcome);
        }),
    );
  }

  make(move: Move): void {
    const { operations } = this.#world;
    if (move.kind === "drain") this.drain();
    else if (move.kind === "acquire") this.#spawn([move.part], null);
    else if (move.kind === "race") this.#spawn(move.parts, move.pause);
    else if (move.kind !== "cancel") expect(this.#outsideReal(move)).toBe(this.#outsideModel(move));
    else if (operations.length > 0) this.#world.cancel(move.which % operations.length);
  }

  drain(): void {
    this.#world.drain();
    for (const [i, model] of this.#models.entries())
      expect((this.#locks[i] as Lock).counts()).toEqual([model.available, model.waiting.length]);
  }

  /** With every permit given back everybody is served, and all permits are there. */
  close(): void {
    this.drain();
    for (let i = 0; i < this.#permits.length; i++) {
      this.#outsideReal({ kind: "release", which: i });
      this.#outsideModel({ kind: "release", which: i });
      this.drain();
    }
    this.#world.close();
    for (const [i, model] of this.#models.entries()) expect((this.#locks[i] as Lock).counts()).toEqual([model.size, 0]);
  }

  #spawn(parts: readonly Part[], pause: readonly Outside[] | null): void {
    const { operations } = this.#world;
    const seen: string[] = [];
    const permits = this.#permits;
    const acquire = (part: Part): Operation<Permit> => this.#lockOf(part).acquire(this.#countOf(part));
    const outsideReal = (move: Outside): string => this.#outsideReal(move);
    function* make(): Steps<string> {
      if (pause === null) {
        permits.push(yield* acquire(parts[0] as Part));
        return "permit";
      }
      const { index, value } = yield* firstOf(parts.map(acquire), {
        pause: () => seen.push(...pause.map(outsideReal)),
      });
      permits.push(value as Permit);
      return `permit ${index}`;
    }
    this.#world.spawn(make, (operation) => {
      const entries = parts.map((part, index): Entry => {
        const outcome = pause === null ? "permit" : `permit ${index}`;
        const model = this.#models[part.lock] as ModelSemaphore;
        return { operation, model, count: this.#countOf(part), outcome, state: "new" };
      });
      operation.leave = () => {
        this.#leaving.add(operation);
        for (const entry of entries) if (entry !== this.#granted.get(operation)) entry.model.leave(entry);
      };
      const attempt = (entry: Entry): boolean => {
        entry.state = "waiting";
        entry.model.waiting.push(entry);
        entry.model.apply();
        return operation.state === "settled";
      };
      for (const entry of entries) {
        if (attempt(entry)) return;
        entry.model.leave(entry);
      }
      if (pause !== null) expect(seen).toEqual(pause.map((move) => this.#outsideModel(move)));
      operation.state = "waiting";
      for (const entry of entries) if (attempt(entry)) return;
    });
    (operations.at(-1) as ModelOperation).ended = (operation) => {
      const entry = this.#granted.get(operation);
      if (entry !== undefined) this.#given.push({ entry, released: false });
    };
  }

  #lockOf({ lock }: Part): Lock {
    return this.#locks[lock] as Lock;
  }

  #countOf({ lock, count }: Part): number {
    return 1 + (count % (this.#models[lock] as ModelSemaphore).size);
  }

  #outsideReal(move: Outside): string {
    if (move.kind === "release") {
      // Released once or again: the second time must have no effect.
      if (this.#permits.length > 0) this.#permits[move.which % this.#permits.length]?.release();
      return "";
    }
    const permit = this.#lockOf(move.part).tryAcquire(this.#countOf(move.part));
    if (permit === undefined) return "none";
    this.#permits.push(permit);
    return "permit";
  }

  #outsideModel(move: Outside): string {
    if (move.kind === "try") {
      const model = this.#models[move.part.lock] as ModelSemaphore;
      const count = this.#countOf(move.part);
      if (model.size === 1 || model.waiting.length > 0 || model.available < count) return "none";
      model.available -= count;
      const operation: ModelOperation = { ...NOBODY };
      this.#given.push({ entry: { operation, model, count, outcome: "", state: "granted" }, released: false });
      return "permit";
    }
    const given = this.#given[move.which % Math.max(1, this.#given.length)];
    if (given === undefined || given.released) return "";
    given.released = true;
    given.entry.model.leave(given.entry);
    return "";
  }
}

const NOBODY: ModelOperation = {
  id: -1,
  state: "ended",
  cancelled: false,
  outcome: "",
  leave: () => {},
  ended: () => {},
};

describe("under random moves and cancels", () => {
  test("Semaphore does what its model does", () => {
    fc.assert(
      fc.property(fc.tuple(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 2, max: 4 })), moves, (sizes, moves) => {
        const run = new Run(sizes.map(semaphoreOf));
        for (const move of moves) run.make(move);
        run.close();
      }),
      { numRuns: 1_000 },
    );
  });

  test("Mutex does what the model of a semaphore of one does", () => {
    fc.assert(
      fc.property(moves, (moves) => {
        const run = new Run([mutexOf(), mutexOf()]);
        for (const move of moves) run.make(move);
        run.close();
      }),
      { numRuns: 500 },
    );
  });
});
