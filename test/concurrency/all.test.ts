// All of several operations: the values in their places, the first error, what becomes of the others. Random schedules are in
// composite-model.test.ts.

import { expect, test } from "bun:test";
import { all } from "../../src/concurrency/all.ts";
import { channel } from "../../src/concurrency/channel.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { race } from "../../src/concurrency/race.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { suppressedErrors } from "../../src/concurrency/suppressed.ts";
import { moveOnAfter, timeout } from "../../src/concurrency/timeout.ts";
import { DeadlockError, ProtocolError, TaskCancelledError } from "../../src/core/errors.ts";
import { finish, Leaf, type Operation, suspend } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task, Wait } from "../../src/core/task.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { endingLate, Gate, Hand, messageOf, ready, rejection, turns } from "../core/kit.ts";

test("all gives the values in the places of the operations, whatever their order in time", async () => {
  const sim = new Simulation();
  const value = await sim.run(() =>
    all([
      function* () {
        yield* sleep(20);
        return "slow";
      },
      sleep(5),
      ready(3),
      timeout(9, ready("timed")),
    ]),
  );
  expect(value).toEqual(["slow", undefined, 3, "timed"]);
  expect([sim.host.now(), sim.scheduler.timers.armed]).toEqual([20, 0]);
});

test("all of a record gives a record", async () => {
  const value = await simulate(() => all({ one: ready(1), two: () => ready("2"), three: sleep(3) }));
  expect(value).toEqual({ one: 1, two: "2", three: undefined });
  expect(Object.keys(value)).toEqual(["one", "two", "three"]);
});

test("all that is done at once neither parks nor makes a node", async () => {
  const sim = new Simulation();
  expect(await sim.run(() => all([ready(1), ready(2)]))).toEqual([1, 2]);
  expect(sim.scheduler.steps).toBe(1);
});

test("an error in one of three children cancels the two others within one pass and comes out as itself with the others attached", async () => {
  const sim = new Simulation();
  const failure = new TypeError("the first");
  const passes: number[] = [];
  const go = new Gate<number>();
  const victim = (name: string) =>
    function* () {
      try {
        yield* sleepForever();
      } finally {
        passes.push(sim.scheduler.passes);
        // oxlint-disable-next-line no-unsafe-finally -- a clean-up that fails is what this is about
        throw new Error(name);
      }
    };
  const task = sim.start(() =>
    all([
      victim("second"),
      function* () {
        yield* go.take();
        passes.push(sim.scheduler.passes);
        throw failure;
      },
      victim("third"),
    ]),
  );
  turns(sim);
  go.give(1);
  await sim.settle();
  expect(await rejection(task.promise)).toBe(failure);
  expect(suppressedErrors(failure).map(messageOf)).toEqual(["second", "third"]);
  expect(passes.length).toBe(3);
  expect(new Set(passes).size).toBe(1);
});

test("all feels the error of a leaf at once, unparks the other leaves and joins the children", async () => {
  const sim = new Simulation();
  const [left, right] = [new Gate<number>(), new Gate<number>()];
  const failing = new FailingLeaf();
  const log: string[] = [];
  const task = sim.start(() => all([left.take(), failing as Operation<never>, right.take(), () => endingLate(log)]));
  turns(sim);
  failing.wake();
  await sim.settle();
  left.give(1);
  expect(messageOf(await rejection(task.promise))).toBe("a leaf failed");
  expect([left.items, left.unparks, right.unparks, log]).toEqual([[1], 1, 1, ["child over at 10"]]);
});

test("all resumes every leaf that was woken, even when another one woken in the same callback fails", async () => {
  const sim = new Simulation();
  const [first, last] = [new Hand(), new Hand()];
  const failing = new FailingLeaf();
  const task = sim.start(() =>
    all([first as Operation<number>, failing as Operation<never>, last as Operation<number>]),
  );
  turns(sim);
  const { scheduler } = sim;
  scheduler.enter();
  for (const leaf of [first, failing, last]) scheduler.wake(task, leaf);
  scheduler.leave();
  expect(messageOf(await rejection(task.promise))).toBe("a leaf failed");
  expect([first.resumes, last.resumes, first.drops, last.drops]).toEqual([1, 1, 0, 0]);
});

test("all starts nothing more behind a part that fails at once", async () => {
  const log: string[] = [];
  const error = await rejection(
    simulate(() =>
      all([
        function* () {
          try {
            yield* sleepForever();
          } finally {
            log.push("first over");
          }
        },
        new FailingLeaf(true) as Operation<never>,
        function* () {
          log.push("started");
          yield* ready(1);
        },
      ]),
    ),
  );
  expect(messageOf(error)).toBe("a leaf failed");
  // A task that was spawned always starts, if only to be cancelled.
  expect(log).toEqual(["first over"]);
});

test("all that is cancelled from outside unparks, joins and passes the cancel on", async () => {
  const sim = new Simulation();
  const gate = new Gate<number>();
  const log: string[] = [];
  const task = sim.start(() => all([gate.take(), () => endingLate(log), ready(1)]));
  turns(sim);
  task.cancel();
  await sim.settle();
  expect([task.ending, log, gate.receiver]).toEqual(["cancelled", ["child over at 10"], null]);
});

test("all that is cancelled while it stands on the ring does not park again", async () => {
  const sim = new Simulation();
  const [left, right] = [new Gate<number>(), new Gate<number>()];
  const task = sim.start(() => all([left.take(), right.take()]));
  turns(sim);
  sim.scheduler.enter();
  left.give(1);
  task.cancel();
  sim.scheduler.leave();
  turns(sim);
  expect([task.ending, right.receiver, right.unparks]).toEqual(["cancelled", null, 1]);
});

test("all whose parts were all done before a cancel came keeps the values", () => {
  const sim = new Simulation();
  const [left, right] = [new Gate<number>(), new Gate<number>()];
  const seen: unknown[] = [];
  const task = sim.start(function* () {
    seen.push(yield* all([left.take(), right.take()]));
    yield* ready(1);
    seen.push("never");
  });
  turns(sim);
  sim.scheduler.enter();
  left.give(1);
  right.give(2);
  task.cancel();
  sim.scheduler.leave();
  expect([seen, task.ending]).toEqual([[[1, 2]], "cancelled"]);
});

test("all lets two of its own leaves meet: what one hands over the other takes", async () => {
  for (const order of ["send first", "receive first"]) {
    const place = new Rendezvous();
    const parts = [place.send(7), place.receive()];
    const value = await simulate(() => all(order === "send first" ? parts : parts.toReversed()));
    expect(value.toSorted()).toEqual([7, undefined]);
    const [sender, receiver] = channel<number>(0);
    const ends = [sender.send(8), receiver.receive()];
    const met = await simulate(() => all(order === "send first" ? ends : ends.toReversed()));
    expect(met.toSorted()).toEqual([8, undefined]);
  }
});

test("all takes leaves that go round the ring by themselves, several at once", async () => {
  const sim = new Simulation();
  const value = await sim.run(() => all([checkpoint(), sleep(3), checkpoint(), ready(1), checkpoint()]));
  expect(value).toEqual([undefined, undefined, undefined, 1, undefined]);
  expect(sim.host.now()).toBe(3);
});

test("all keeps its parked leaves awake while another one takes the task round the ring", async () => {
  const sim = new Simulation();
  const [parked, behind] = [new Gate<number>(), new Gate<number>()];
  const task = sim.start(() => all([parked.take(), checkpoint(), behind.take()]));
  // Takes its step between the two of the other task.
  sim.start(function* () {
    parked.give(1);
    behind.give(2);
    yield* checkpoint();
  });
  turns(sim);
  expect(await task.promise).toEqual([1, undefined, 2]);
  // The one behind was not parked by then: it was started over, and found its item.
  expect([parked.parks, behind.parks]).toEqual([1, 0]);
});

test("all wakes that come while it stands on the ring or starts are not lost", async () => {
  const sim = new Simulation();
  const gates = Array.from({ length: 5 }, () => new Gate<number>());
  const task = sim.start(() => all([...gates.map((gate) => gate.take()), checkpoint()]));
  turns(sim);
  sim.scheduler.enter();
  for (const [i, gate] of gates.entries()) gate.give(i);
  sim.scheduler.leave();
  expect(await task.promise).toEqual([0, 1, 2, 3, 4, undefined]);
});

test("all of ten thousand leaves and of ten thousand children gets through", async () => {
  const count = 10_000;
  const sim = new Simulation({ development: false });
  const leaves = await sim.run(() => all(Array.from({ length: count }, (_, i) => sleep(i % 7))));
  expect(leaves.length).toBe(count);
  const numbers = Array.from({ length: count }, (_, i) => i);
  const values = await sim.run(() =>
    all(
      numbers.map((i) =>
        (function* () {
          yield* checkpoint();
          return i;
        })(),
      ),
    ),
  );
  expect(values).toEqual(numbers);
});

test("all takes tasks, races and another all as parts", async () => {
  const value = await simulate(() =>
    scope(function* (scope) {
      const task = scope.spawn(function* () {
        yield* sleep(4);
        return "task";
      });
      return yield* all([
        task,
        race({ a: sleep(5), b: sleepForever() }),
        all([ready(1), sleep(2)]),
        race({ c: timeout(5, ready("child")), d: sleepForever() }),
        task,
      ]);
    }),
  );
  expect(value).toEqual([
    "task",
    { name: "a", value: undefined },
    [1, undefined],
    { name: "c", value: "child" },
    "task",
  ]);
});

test("all throws TaskCancelledError for a task that it joins and somebody cancels", async () => {
  const error = await simulate(() =>
    scope(function* (scope) {
      const task = scope.spawn(() => sleepForever());
      scope.spawn(function* () {
        yield* sleep(1);
        task.cancel();
      });
      try {
        return yield* all([task, sleepForever()]);
      } catch (error) {
        return error;
      }
    }),
  );
  expect(error).toBeInstanceOf(TaskCancelledError);
});

test("all under a deadline is stopped by it", async () => {
  const sim = new Simulation();
  expect(await sim.run(moveOnAfter(5, all([sleep(2), sleepForever(), timeout(50, sleepForever())])))).toBeUndefined();
  expect([sim.host.now(), sim.scheduler.timers.armed]).toEqual([5, 0]);
});

test("all refuses nothing, what is no operation, and one operation twice", async () => {
  expect(() => all([])).toThrow("Cannot run all: there is nothing to run");
  expect(() => all({})).toThrow("Cannot run all: there is nothing to run");
  const generator = (function* () {
    yield* sleepForever();
  })();
  const leaf = sleep(1);
  for (const parts of [[5], [generator, generator], [leaf, leaf], [() => [1]], [Promise.resolve()]]) {
    const sim = new Simulation({ development: false });
    const error = await rejection(sim.run(() => all(parts as never)));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(sim.scheduler.timers.armed).toBe(0);
  }
  const hand = new Hand();
  await rejection(simulate(() => all([hand as Operation<number>, 5 as never])));
  expect([hand.drops, hand.resumes]).toEqual([1, 0]);
});

test("all says in a deadlock what it waits for, part by part and up to a bound", async () => {
  const error = await rejection(
    simulate(function* main() {
      yield* all(Array.from({ length: 12 }, () => sleepForever()));
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
  expect(messageOf(error)).toContain("waits for all of nothing: it sleeps for ever, nothing");
  expect(messageOf(error)).toContain("4 more at main");
});

/** Fails when it is woken, or at once. */
class FailingLeaf extends Leaf<never> {
  readonly reason = "a failure";
  readonly #atOnce: boolean;
  #task: Task | null = null;
  constructor(atOnce = false) {
    super();
    this.#atOnce = atOnce;
  }
  protected start(): IteratorResult<Wait, never> {
    if (this.#atOnce) throw new Error("a leaf failed");
    return suspend(this);
  }
  protected resume(): never {
    throw new Error("a leaf failed");
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

/** A channel without room that only looks for its partner when an operation starts. */
class Rendezvous {
  receiver: MeetingLeaf | null = null;
  sender: MeetingLeaf | null = null;
  send(item: number): Operation<unknown> {
    return new MeetingLeaf(this, item);
  }
  receive(): Operation<unknown> {
    return new MeetingLeaf(this, null);
  }
}

class MeetingLeaf extends Leaf<unknown> {
  readonly reason = "a partner";
  readonly #place: Rendezvous;
  readonly #item: number | null;
  #task: Task | null = null;
  #got: unknown = undefined;
  constructor(place: Rendezvous, item: number | null) {
    super();
    this.#place = place;
    this.#item = item;
  }
  protected start(): IteratorResult<Wait, unknown> {
    const partner = this.#item === null ? this.#place.sender : this.#place.receiver;
    if (partner === null) return suspend(this);
    partner.meet(this.#item);
    return finish(this.#item === null ? partner.#item : undefined);
  }
  protected resume(): IteratorResult<Wait, unknown> {
    return finish(this.#got);
  }
  park(task: Task): void {
    this.#task = task;
    if (this.#item === null) this.#place.receiver = this;
    else this.#place.sender = this;
  }
  unpark(): boolean {
    return true;
  }
  meet(item: number | null): void {
    this.#got = item ?? undefined;
    const task = this.#task as Task;
    task.kernel.wake(task, this);
  }
}
