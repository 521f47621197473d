// `all` and `race` under random schedules and cancels, each replayed from its seed. Whatever happens: every item that was given is in a mailbox, or was
// handed to somebody; a race of leaves loses none; no child outlives its composite; and of the errors that parts threw none is lost.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { all } from "../../src/concurrency/all.ts";
import { channel } from "../../src/concurrency/channel.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { race } from "../../src/concurrency/race.ts";
import { Semaphore } from "../../src/concurrency/semaphore.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { suppressedErrors } from "../../src/concurrency/suppressed.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import { finish, Leaf, type Operation, type Steps, suspend } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { Task, Wait } from "../../src/core/task.ts";
import { type Waiter, WaitQueue } from "../../src/core/wait-queue.ts";
import { createPrng } from "../../src/sim/prng.ts";
import { Simulation } from "../../src/sim/simulate.ts";

/** Items for any number of receivers, first come, first served. */
class Mailbox {
  readonly items: number[] = [];
  readonly receivers = new WaitQueue<TakeLeaf>();

  take(): Operation<number> {
    return new TakeLeaf(this);
  }

  give(item: number): void {
    const receiver = this.receivers.shift();
    if (receiver === null) this.items.push(item);
    else receiver.hand(item);
  }
}

class TakeLeaf extends Leaf<number> implements Waiter {
  nextWaiter: Waiter | null = null;
  previousWaiter: Waiter | null = null;
  readonly reason = "a mailbox";
  readonly #box: Mailbox;
  #task: Task | null = null;
  #item = -1;

  constructor(box: Mailbox) {
    super();
    this.#box = box;
  }
  protected start(): IteratorResult<Wait, number> {
    const { items } = this.#box;
    return items.length === 0 ? suspend(this) : finish(items.shift() as number);
  }
  protected resume(): IteratorResult<Wait, number> {
    return finish(this.#item);
  }
  park(task: Task): void {
    this.#task = task;
    this.#box.receivers.push(this);
  }
  unpark(): boolean {
    this.#box.receivers.remove(this);
    return true;
  }
  hand(item: number): void {
    this.#item = item;
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }
}

type PartKind = "take" | "child take" | "child fail" | "sleep" | "checkpoint" | "nested race" | "failing clean-up";
const LEAVES: readonly PartKind[] = ["take", "take", "take", "sleep", "checkpoint", "nested race"];
const ANY: readonly PartKind[] = [...LEAVES, "child take", "child take", "child fail", "failing clean-up"];

class World {
  readonly sim: Simulation;
  readonly boxes = Array.from({ length: 4 }, () => new Mailbox());
  /** What races of leaves alone were given, and what everybody else was. */
  readonly won: number[] = [];
  readonly received: number[] = [];
  readonly faults: string[] = [];
  readonly #draw: (below: number) => number;
  readonly #leavesOnly: boolean;
  #lastError = 0;

  constructor(seed: number, leavesOnly: boolean) {
    this.sim = new Simulation({ development: false, seed });
    const { next } = createPrng(seed);
    this.#draw = (below) => Math.floor(next() * below);
    this.#leavesOnly = leavesOnly;
  }

  *worker(rounds: number): Steps<void> {
    for (let round = 0; round < rounds; round++) {
      const deadline = 1 + this.#draw(30);
      yield* this.#draw(3) === 0 ? moveOnAfter(deadline, this.#round()) : this.#round();
      if (this.#draw(3) === 0) yield* checkpoint();
    }
  }

  /** One composite with its own account of children and errors. */
  *#round(): Steps<void> {
    const account = { live: 0, errors: [] as unknown[] };
    const kinds = this.#leavesOnly ? LEAVES : ANY;
    const picked = Array.from({ length: 1 + this.#draw(4) }, () => kinds[this.#draw(kinds.length)] as PartKind);
    const parts = picked.map((kind) => this.#part(kind, account));
    const isRace = this.#leavesOnly || this.#draw(2) === 0;
    try {
      if (isRace) {
        const { value } = yield* race(Object.fromEntries(parts.map((part, i) => [`part ${i}`, part])));
        this.#keep(value);
      } else for (const value of yield* all(parts)) this.#keep(value);
      if (account.errors.length > 0) this.faults.push("errors of parts, and none came out");
    } catch (error) {
      this.#judge(error, account.errors);
    }
    if (account.live !== 0) this.faults.push(`${account.live} children outlived their composite`);
  }

  #judge(error: unknown, thrown: readonly unknown[]): void {
    const all = isCancelled(error) ? [] : [error, ...suppressedErrors(error)];
    if (all.length !== thrown.length || all.some((one) => !thrown.includes(one)))
      this.faults.push(`came out: ${all.map(String).join()}, were thrown: ${thrown.map(String).join()}`);
    if (isCancelled(error)) throw error;
  }

  #keep(value: unknown): void {
    if (typeof value === "number") this.won.push(value);
    // A race inside a composite.
    else if (typeof value === "object" && value !== null && "value" in value) this.#keep(value.value);
  }

  #part(kind: PartKind, account: { live: number; errors: unknown[] }): Operation<unknown> {
    const box = this.boxes[this.#draw(this.boxes.length)] as Mailbox;
    const ms = this.#draw(20);
    switch (kind) {
      case "take":
        return box.take();
      case "sleep":
        return sleep(ms);
      case "checkpoint":
        return this.#draw(4) === 0 ? checkpoint() : sleep(ms);
      case "nested race":
        return race({ a: box.take(), b: (this.boxes[0] as Mailbox).take() });
      default:
        return this.#child(kind, box, ms, account);
    }
  }

  *#child(kind: PartKind, box: Mailbox, ms: number, account: { live: number; errors: unknown[] }): Steps<unknown> {
    account.live++;
    let kept: unknown = null;
    try {
      if (kind === "child take") {
        const item = yield* box.take();
        this.received.push(item);
        kept = { item };
      }
      yield* sleep(ms);
      if (kind === "child fail") throw this.#error(account);
    } finally {
      try {
        if (ms % 2 === 0) yield* shield(sleep(ms), 40);
      } finally {
        account.live--;
        // oxlint-disable-next-line no-unsafe-finally -- a clean-up that fails is what this is about
        if (kind === "failing clean-up") throw this.#error(account);
      }
    }
    return kept;
  }

  #error(account: { errors: unknown[] }): Error {
    const error = new Error(`error ${++this.#lastError}`);
    account.errors.push(error);
    return error;
  }
}

/** Plays one seed. */
async function played(seed: number, leavesOnly: boolean, workers: number, rounds: number): Promise<World> {
  const world = new World(seed, leavesOnly);
  const { sim } = world;
  const { next } = createPrng(seed + 1);
  const draw = (below: number): number => Math.floor(next() * below);
  const tasks = Array.from({ length: workers }, () => sim.start(() => world.worker(rounds)));
  for (const task of tasks) task.promise.catch(() => {});
  let given = 0;
  for (let i = 0; i < rounds * workers * 3; i++) {
    // Several events in one callback: what comes at one moment is what this is about.
    sim.host.schedule(draw(rounds * 12), () => {
      sim.scheduler.enter();
      for (let events = 1 + draw(4); events > 0; events--) {
        if (draw(25) === 0) tasks[draw(tasks.length)]?.cancel();
        else (world.boxes[draw(world.boxes.length)] as Mailbox).give(given++);
      }
      sim.scheduler.leave();
    });
  }
  sim.host.schedule(rounds * 200, () => {
    for (const task of tasks) task.cancel("the end");
  });
  await sim.settle();
  while (sim.host.advance());
  const left = world.boxes.flatMap(({ items }) => items);
  const account = [...world.won, ...world.received, ...left].sort((a, b) => a - b);
  const doubled = account.filter((item, i) => item === account[i - 1]);
  expect([seed, doubled]).toEqual([seed, []]);
  if (leavesOnly) expect([seed, account]).toEqual([seed, Array.from({ length: given }, (_, i) => i)]);
  expect([seed, world.faults]).toEqual([seed, []]);
  expect([seed, world.boxes.map(({ receivers }) => receivers.size)]).toEqual([seed, [0, 0, 0, 0]]);
  expect([seed, sim.scheduler.timers.armed, sim.host.failure]).toEqual([seed, 0, null]);
  return world;
}

const seeds = fc.noBias(fc.nat());

/** Workers that send and receive in races, on channels of which all have all ends. What a race says was sent has been received, or is still there. */
async function traded(seed: number, workers: number, rounds: number): Promise<void> {
  const { next } = createPrng(seed);
  const draw = (below: number): number => Math.floor(next() * below);
  const sim = new Simulation({ development: false, seed });
  const channels = [0, 1, 2].map((capacity) => channel<number>(capacity));
  const permits = new Semaphore(2);
  const [sent, received]: [number[], number[]] = [[], []];
  let lastItem = 0;
  const tasks: Task[] = [];
  function* worker(): Steps<void> {
    for (let round = 0; round < rounds; round++) {
      const item = ++lastItem;
      const [out] = channels[draw(3)] as (typeof channels)[number];
      const [, into] = channels[draw(3)] as (typeof channels)[number];
      const first = yield* race({
        sent: out.send(item),
        received: into.receive(),
        permit: permits.acquire(1 + draw(2)),
        inner: race({ received: (channels[draw(3)] as (typeof channels)[number])[1].receive(), tick: sleep(draw(9)) }),
      });
      if (first.name === "sent") sent.push(item);
      else if (first.name === "received") received.push(first.value as number);
      else if (first.name === "inner" && first.value.name === "received") received.push(first.value.value as number);
      else if (first.name === "permit") {
        using permit = first.value;
        yield* sleep(draw(5));
        if (permit.released) throw new Error("a permit that is held was released");
      }
    }
  }
  for (let i = 0; i < workers; i++) tasks.push(sim.start(worker) as Task);
  for (const task of tasks) task.promise.catch(() => {});
  for (let i = 0; i < workers; i++) sim.host.schedule(draw(rounds * 6), () => tasks[draw(workers)]?.cancel());
  await sim.settle();
  const left = channels.flatMap(([, receiver]) => {
    const items: number[] = [];
    for (let item = receiver.tryReceive(); item !== undefined; item = receiver.tryReceive()) items.push(item as number);
    return items;
  });
  const byNumber = (a: number, b: number): number => a - b;
  expect([seed, [...received, ...left].sort(byNumber)]).toEqual([seed, sent.sort(byNumber)]);
  expect([seed, permits.statistics().available, sim.scheduler.timers.armed]).toEqual([seed, 2, 0]);
}

test("race of sends, receives and permits loses no item and no permit, and sends none that it does not say", async () => {
  await fc.assert(fc.asyncProperty(seeds, fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 15 }), traded), {
    numRuns: 300,
  });
});

/** Plays worlds of all sizes, of leaves alone or of anything. */
async function playedOften(leavesOnly: boolean): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      seeds,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 12 }),
      async (seed, workers, rounds) => {
        await played(seed, leavesOnly, workers, rounds);
      },
    ),
    { numRuns: 300 },
  );
}

test("race of leaves loses no item and doubles none under random schedules and cancels", async () => {
  await playedOften(true);
});

test("all and race of anything join their children and lose no error under random schedules and cancels", async () => {
  await playedOften(false);
});

test("all and race are deterministic: the same seed takes the same steps to the same end", async () => {
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const [a, b] = await Promise.all([played(seed, false, 4, 8), played(seed, false, 4, 8)]);
      const summary = ({ sim, won, received }: World): unknown[] => [
        sim.scheduler.steps,
        sim.host.now(),
        won,
        received,
      ];
      expect(summary(a)).toEqual(summary(b));
    }),
    { numRuns: 30 },
  );
});
