// Random trees of scopes, tasks, deadlines and shields under random cancels and errors, each replayed from its seed. Whatever the tree: every task
// that starts ends once, every `finally` runs, no task outlives its scope, no timer is left, and the end comes in time.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope, type Scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { moveOnAfter, timeout } from "../../src/concurrency/timeout.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import { MillraceError } from "../../src/core/errors.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { createPrng } from "../../src/sim/prng.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { Gate } from "../core/kit.ts";

const plain = [
  "sleep",
  "sleep",
  "sleep",
  "sleep",
  "sleep",
  "checkpoint",
  "checkpoint",
  "take",
  "take",
  "join",
  "join",
  "cancelTask",
  "cancelScope",
  "fail",
] as const;
const holders = ["scope", "scope", "spawn", "spawn", "spawn", "defer", "timeout", "moveOn", "shield"] as const;
type PlainKind = (typeof plain)[number];
type HolderKind = (typeof holders)[number];

/** One thing that a task does. */
type Deed =
  | { readonly kind: PlainKind; readonly ms: number }
  | { readonly kind: HolderKind; readonly ms: number; readonly deeds: readonly Deed[] };

/** A tree of about `size` deeds that follows from its seed: fast-check shrinks the size, which shrinks the tree. */
function tree(seed: number, size: number): readonly Deed[] {
  const { next } = createPrng(seed);
  const draw = (below: number): number => Math.floor(next() * below);
  let left = size;
  function deedsOf(depth: number): Deed[] {
    const deeds: Deed[] = [];
    for (let count = 1 + draw(5); count > 0 && left-- > 0; count--) {
      const ms = draw(60);
      if (depth === 6 || draw(9) < 5) {
        // What ends a whole scope is rare, or most of the tree would never be played.
        const kind = plain[draw(plain.length)] as PlainKind;
        deeds.push({ kind: (kind === "fail" || kind === "cancelScope") && draw(4) > 0 ? "sleep" : kind, ms });
      } else deeds.push({ kind: holders[draw(holders.length)] as HolderKind, ms, deeds: deedsOf(depth + 1) });
    }
    return deeds;
  }
  const deeds = deedsOf(0);
  while (left > 0) deeds.push({ kind: holders[draw(4)] as HolderKind, ms: draw(60), deeds: deedsOf(1) });
  return deeds;
}

// Without fast-check's bias towards small numbers: most trees should be large.
const trees = fc
  .record({ seed: fc.noBias(fc.nat()), size: fc.noBias(fc.nat(150)) })
  .map(({ seed, size }) => tree(seed, size));

/** Virtual milliseconds that `deeds` can take at most, one after the other: every wait is bounded by what its deed names. */
function bound(deeds: readonly Deed[]): number {
  let total = 1;
  for (const deed of deeds) {
    total += deed.ms + 2;
    // What is shielded may go on for its grace; what is deferred begins when all else is over.
    if ("deeds" in deed) total += 2 * bound(deed.deeds);
  }
  return total;
}

class World {
  readonly sim = new Simulation({ development: false });
  readonly gate = new Gate<number>();
  readonly live = new Set<Task>();
  readonly exits = new Map<Task, number>();
  started = 0;
  finallies = 0;
  faults: string[] = [];
  #tasks: Task[] = [];

  constructor() {
    this.sim.scheduler.instrument = {
      taskSpawned: (task) => void this.live.add(task),
      taskExited: (task) => {
        this.live.delete(task);
        this.exits.set(task, (this.exits.get(task) ?? 0) + 1);
        if (task.firstChild !== null) this.faults.push(`task ${task.id} ended with children`);
        if (task.node !== task) this.faults.push(`task ${task.id} ended with a node pushed`);
      },
    };
  }

  *play(deeds: readonly Deed[], own: Scope): Steps<void> {
    this.started++;
    try {
      for (const deed of deeds) yield* this.#deed(deed, own);
    } finally {
      this.finallies++;
    }
  }

  *#deed(deed: Deed, own: Scope): Steps<void> {
    switch (deed.kind) {
      case "sleep":
        return yield* sleep(deed.ms);
      case "checkpoint":
        return yield* checkpoint();
      case "take":
        return void (yield* moveOnAfter(deed.ms, () => this.gate.take()));
      case "fail":
        throw new Error(`deed ${deed.ms}`);
      case "cancelScope":
        return own.cancel(deed.ms);
      case "cancelTask":
        return this.#tasks[deed.ms % Math.max(1, this.#tasks.length)]?.cancel();
      case "join": {
        const task = this.#tasks[deed.ms % Math.max(1, this.#tasks.length)];
        // Two tasks may wait for each other: only a deadline gets them out.
        if (task !== undefined) yield* moveOnAfter(deed.ms, task);
        return;
      }
      case "spawn":
        this.#tasks.push(own.spawn(() => this.play(deed.deeds, own)));
        return;
      case "defer":
        return own.defer(() => this.play(deed.deeds, own), deed.ms);
      default:
        return yield* this.#held(deed.kind, deed.ms, deed.deeds, own);
    }
  }

  /** A scope, deadline or shield around further deeds; errors are caught now and then, cancels never. */
  *#held(kind: "scope" | "timeout" | "moveOn" | "shield", ms: number, deeds: readonly Deed[], own: Scope): Steps<void> {
    try {
      if (kind === "timeout") yield* timeout(ms, () => this.play(deeds, own));
      else if (kind === "moveOn") yield* moveOnAfter(ms, this.play(deeds, own));
      else if (kind === "shield") yield* shield(() => this.play(deeds, own), ms);
      else yield* this.#scope(ms, deeds);
    } catch (error) {
      if (isCancelled(error) || ms % 3 === 0) throw error;
    }
  }

  *#scope(ms: number, deeds: readonly Deed[]): Steps<void> {
    let inside: Scope | undefined;
    const before = new Set(this.live);
    const work = (): Operation<void> =>
      scope(
        (own) => {
          inside = own;
          return this.play(deeds, own);
        },
        ms % 4 === 0 ? { deadline: this.sim.host.now() + ms } : {},
      );
    try {
      yield* work();
    } finally {
      if (inside?.live !== 0) this.faults.push("a scope was left with living tasks");
      // Others go on spawning meanwhile; those of this scope can only be new ones, and none of them may live.
      for (const task of this.live)
        if (!before.has(task) && task.parent === (inside as unknown))
          this.faults.push(`task ${task.id} outlived its scope`);
    }
  }
}

/** Plays one tree, cancelling the root at `cancelAt` unless that is negative, and gives what was left behind. */
async function played(
  deeds: readonly Deed[],
  cancelAt: number,
  gifts: readonly number[],
): Promise<{ world: World; root: Task }> {
  const world = new World();
  const { sim } = world;
  const root = sim.start(() => scope((own) => world.play(deeds, own)));
  root.promise.catch(() => {});
  if (cancelAt >= 0) sim.host.schedule(cancelAt, () => root.cancel("from outside"));
  for (const [i, at] of gifts.entries()) sim.host.schedule(at, () => world.gate.give(i));
  await sim.settle();
  return { world, root };
}

test("scope trees leave nothing behind: every task ends once, every finally runs, no timer is armed, and all in time", async () => {
  await fc.assert(
    fc.asyncProperty(
      trees,
      fc.integer({ min: -60, max: 120 }),
      fc.array(fc.nat(100), { maxLength: 4 }),
      async (deeds, cancelAt, gifts) => {
        const { world, root } = await played(deeds, cancelAt, gifts);
        const { scheduler, host } = world.sim;
        expect(world.faults).toEqual([]);
        expect(world.live.size).toBe(0);
        expect([...world.exits.values()].every((times) => times === 1)).toBe(true);
        expect(world.finallies).toBe(world.started);
        expect([scheduler.timers.armed, scheduler.roots.size, host.failure]).toEqual([0, 0, null]);
        expect(host.now()).toBeLessThanOrEqual(Math.max(0, cancelAt) + bound(deeds));
        expect(root.ending).not.toBeNull();
        if (root.ending === "failed")
          expect(root.outcome instanceof MillraceError || String(root.outcome).startsWith("Error: deed")).toBe(true);
        // Nothing is left to happen either: the world stands still.
        const { steps } = scheduler;
        while (host.advance());
        expect([scheduler.steps, scheduler.timers.armed]).toEqual([steps, 0]);
      },
    ),
    { numRuns: 800 },
  );
});

test("scope trees are deterministic: the same tree takes the same steps to the same end", async () => {
  await fc.assert(
    fc.asyncProperty(trees, fc.integer({ min: -60, max: 120 }), async (deeds, cancelAt) => {
      const [a, b] = await Promise.all([played(deeds, cancelAt, [5]), played(deeds, cancelAt, [5])]);
      const summary = ({ world, root }: typeof a): unknown[] => [
        world.sim.scheduler.steps,
        world.sim.scheduler.timers.arms,
        world.sim.host.now(),
        world.started,
        root.ending,
        String(root.outcome),
      ];
      expect(summary(a)).toEqual(summary(b));
    }),
    { numRuns: 60 },
  );
});
