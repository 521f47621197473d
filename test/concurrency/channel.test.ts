// What a channel does, case by case; channel-model.test.ts holds all of it against a model.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { channel, type Receiver, type Sender } from "../../src/concurrency/channel.ts";
import { ChannelClosedError } from "../../src/concurrency/channel-errors.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { CHANNEL_ITEMS_MAX } from "../../src/config.ts";
import { DeadlockError, ProtocolError } from "../../src/core/errors.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { whereIsTask } from "../../src/core/where.ts";
import { createPrng } from "../../src/sim/prng.ts";
import { Simulation, simulate } from "../../src/sim/simulate.ts";
import { messageOf, rejection, thrown, turns } from "../core/kit.ts";
import { firstOf } from "./first-of.ts";

const quiet = { development: false };

/** Receives to the end. */
function* drained<T>(receiver: Receiver<T>): Steps<T[]> {
  const items: T[] = [];
  for (;;) {
    const item = yield* receiver.receive();
    if (item === null) return items;
    items.push(item);
  }
}

describe("channel", () => {
  test.each([0, 1, 3, 100])(
    "with capacity %d brings every item to a receiver, in order, and then the end",
    async (capacity) => {
      const items = Array.from({ length: 50 }, (_, i) => i);
      const received = await simulate(function* () {
        const [sender, receiver] = channel<number>(capacity);
        return yield* scope(function* (scope) {
          scope.spawn(function* () {
            using own = sender;
            for (const item of items) yield* own.send(item);
          });
          return yield* drained(receiver);
        });
      });
      expect(received).toEqual(items);
    },
  );

  test("lets falsy items through: only null and undefined say that there is none", () => {
    const [sender, receiver] = channel<number | string | boolean>(3);
    for (const item of [0, "", false]) expect(sender.trySend(item)).toBe(true);
    expect([receiver.tryReceive(), receiver.tryReceive(), receiver.tryReceive()]).toEqual([0, "", false]);
  });

  test("refuses null and undefined, by name", () => {
    const [sender] = channel<number>(3, { name: "orders" });
    for (const item of [null, undefined]) {
      const expected = `Cannot send to channel "orders": expected an item and found ${String(item)}, which says to a receiver that there is none`;
      for (const attempt of [() => sender.send(item as never), () => sender.trySend(item as never)]) {
        const error = thrown(attempt);
        expect(error).toBeInstanceOf(ProtocolError);
        expect(messageOf(error)).toBe(expected);
      }
    }
    expect(sender.statistics().buffered).toBe(0);
  });

  test("refuses a capacity that is no bounded number of items", () => {
    for (const capacity of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, CHANNEL_ITEMS_MAX + 1, "3" as never]) {
      const error = thrown(() => channel(capacity));
      expect(error).toBeInstanceOf(ProtocolError);
      expect(messageOf(error)).toStartWith(
        "Cannot make a channel: expected a capacity of 0 to 16777216 whole items and found",
      );
    }
    expect(channel(CHANNEL_ITEMS_MAX)[0].statistics().capacity).toBe(CHANNEL_ITEMS_MAX);
  });

  test("hands an item that comes from outside of all tasks to the receiver that waits", () => {
    const sim = new Simulation();
    const [sender, receiver] = channel<string>(0);
    const task = sim.start(() => receiver.receive());
    turns(sim);
    expect(sender.trySend("from a callback")).toBe(true);
    expect(sender.trySend("nobody waits")).toBe(false);
    turns(sim);
    expect(task.outcome).toBe("from a callback");
  });

  test("gives a task its turn after a while, however fast the other end is", async () => {
    const [sender, receiver] = channel<number>(1_000);
    const sim = new Simulation(quiet);
    let others = 0;
    sim.start(function* () {
      for (let i = 0; i < 1_000; i++) yield* sender.send(i);
      sender.close();
    });
    sim.start(function* () {
      while (!sender.closed) {
        others++;
        yield* checkpoint();
      }
    });
    await sim.settle();
    expect(others).toBeGreaterThan(5);
    expect(receiver.statistics().buffered).toBe(1_000);
  });

  test("serves those who wait in their order, also against a try that comes later", () => {
    const sim = new Simulation(quiet);
    const [sender, receiver] = channel<string>(1);
    expect(sender.trySend("first")).toBe(true);
    for (const item of ["second", "third"]) sim.start(() => sender.send(item));
    turns(sim);
    expect(sender.trySend("late")).toBe(false);
    expect(receiver.tryReceive()).toBe("first");
    // The room was the second's the moment it came up.
    expect(sender.trySend("late")).toBe(false);
    expect([receiver.tryReceive(), receiver.tryReceive(), receiver.tryReceive()]).toEqual([
      "second",
      "third",
      undefined,
    ]);
  });
});

describe("a cancel", () => {
  test("that finds a receiver with an item in its hands lets it have it, and is thrown by the next leaf", () => {
    const sim = new Simulation();
    const [sender, receiver] = channel<string>(0);
    const log: unknown[] = [];
    const task = sim.start(function* () {
      log.push(yield* receiver.receive());
      yield* receiver.receive();
    });
    turns(sim);
    sender.trySend("handed over");
    task.cancel();
    turns(sim);
    expect([log, task.ending]).toEqual([["handed over"], "cancelled"]);
    expect(receiver.statistics()).toMatchObject({ waitingReceivers: 0, buffered: 0 });
  });

  test("that finds a sender parked takes its item back; one that finds it taken comes too late", () => {
    const sim = new Simulation();
    const [sender, receiver] = channel<string>(0);
    const sent: string[] = [];
    const tasks = ["taken back", "taken"].map((item) =>
      sim.start(function* () {
        yield* sender.send(item);
        sent.push(item);
      }),
    );
    turns(sim);
    tasks[0]?.cancel();
    expect(receiver.tryReceive()).toBe("taken");
    tasks[1]?.cancel();
    turns(sim);
    expect([sent, receiver.tryReceive()]).toEqual([["taken"], undefined]);
  });
});

describe("closing", () => {
  test("the last sender ends the stream, whatever its clones did before", async () => {
    const [sender, receiver] = channel<number>(5);
    const clone = sender.clone();
    sender.close();
    sender.close();
    expect([sender.closed, clone.closed, clone.statistics().openSenders]).toEqual([true, false, 1]);
    const received = await simulate(() =>
      scope(function* (scope) {
        scope.spawn(function* () {
          using own = clone;
          yield* sleep(5);
          yield* own.send(1);
        });
        return yield* drained(receiver);
      }),
    );
    expect(received).toEqual([1]);
    expect(receiver.tryReceive()).toBeNull();
  });

  test("the last receiver gives back what nobody will receive, and makes sends throw, parked ones too", () => {
    const sim = new Simulation();
    const [sender, receiver] = channel<number>(2, { name: "orders" });
    sender.trySend(1);
    sender.trySend(2);
    let error: unknown;
    sim.start(function* () {
      try {
        yield* sender.send(3);
      } catch (thrown) {
        error = thrown;
      }
    });
    turns(sim);
    const clone = receiver.clone();
    expect([clone.close(), receiver.close(), receiver.close()]).toEqual([[], [1, 2], []]);
    turns(sim);
    expect(error).toBeInstanceOf(ChannelClosedError);
    expect(messageOf(error)).toBe('Cannot send to channel "orders": all receivers are closed');
    expect(messageOf(thrown(() => sender.trySend(4)))).toBe(messageOf(error));
    expect(sender.statistics()).toMatchObject({ undelivered: 2, buffered: 0, openReceivers: 0, timesFull: 1 });
  });

  test("a receiver by using drops what is left, and counts it", () => {
    const [sender, receiver] = channel<number>(2);
    sender.trySend(1);
    {
      using own = receiver;
      expect(own.closed).toBe(false);
    }
    expect(sender.statistics().undelivered).toBe(1);
  });

  test("a handle makes its own parked tasks throw, and spares those of its clones", () => {
    const sim = new Simulation();
    const [sender, receiver] = channel<number>(0, { name: "orders" });
    const [otherSender, otherReceiver] = [sender.clone(), receiver.clone()];
    const errors: unknown[] = [];
    const caught = (body: () => Steps<unknown>): void => {
      sim.start(function* () {
        try {
          yield* body();
        } catch (error) {
          errors.push(error);
        }
      });
    };
    function* receive(from: Receiver<number>): Steps<number | null> {
      return yield* from.receive();
    }
    function* send(to: Sender<number>, item: number): Steps<void> {
      yield* to.send(item);
    }
    caught(() => receive(receiver));
    const spared = sim.start(() => receive(otherReceiver));
    turns(sim);
    receiver.close();
    expect(sender.trySend(7)).toBe(true);
    turns(sim);
    expect(spared.outcome).toBe(7);

    caught(() => send(sender, 1));
    sim.start(() => send(otherSender, 2));
    turns(sim);
    sender.close();
    expect([otherReceiver.tryReceive(), otherReceiver.tryReceive()]).toEqual([2, undefined]);
    turns(sim);
    caught(() => send(sender, 3));
    caught(() => receive(receiver));
    turns(sim);
    expect(errors.map(messageOf)).toEqual([
      'Cannot receive from channel "orders": this handle was closed',
      'Cannot send to channel "orders": this handle was closed',
      'Cannot send to channel "orders": this handle was closed',
      'Cannot receive from channel "orders": this handle was closed',
    ]);
    expect(errors.every((error) => error instanceof ChannelClosedError && error.code === "ERR_CHANNEL_CLOSED")).toBe(
      true,
    );
    for (const attempt of [
      () => sender.clone(),
      () => receiver.clone(),
      () => sender.trySend(1),
      () => receiver.tryReceive(),
    ])
      expect(thrown(attempt)).toBeInstanceOf(ChannelClosedError);
  });
});

describe("an operation on a channel", () => {
  test("is run once, and is not handed out again before it is over", async () => {
    await simulate(function* () {
      const [sender, receiver] = channel<number>(4);
      const operation = sender.send(1);
      const other = sender.send(2);
      expect(other).not.toBe(operation);
      yield* operation;
      yield* other;
      expect(messageOf(thrown(() => [...(operation as unknown as Iterable<void>)]))).toContain("it was run before");
      const receive = receiver.receive();
      const next = receiver.receive();
      expect([yield* receive, yield* next]).toEqual([1, 2]);
      // Over, it serves again: a connection that is fed by a channel allocates nothing for each item.
      yield* sender.send(3);
      const again = receiver.receive();
      expect(again).toBe(next);
      yield* again;
    });
  });

  test("is reported when it was forgotten", async () => {
    const sim = new Simulation();
    const [sender, receiver] = channel<number>(4, { name: "orders" });
    await sim.run(function* () {
      sender.send(1);
      receiver.receive();
      yield* checkpoint();
    });
    expect(sim.host.reports.map((report) => report.split("\n")[0])).toEqual([
      'The operation "room in channel "orders" (0 of 4)" was made and never run: is a yield* missing?',
      'The operation "an item from channel "orders" (0 of 4)" was made and never run: is a yield* missing?',
    ]);
  });

  test("shows the line at which its task waits", () => {
    const sim = new Simulation();
    const [, receiver] = channel<number>(4);
    const task = sim.start(function* waiter() {
      yield* receiver.receive();
    });
    turns(sim);
    expect(whereIsTask(task)[0]).toMatch(/waiter.*channel\.test\.ts:\d+/);
    expect(receiver.statistics().waitingReceivers).toBe(1);
  });

  test("does not keep a deadlock from being found, and says what it waits for", async () => {
    const bodies = (capacity: number): [reason: string, body: () => Steps<unknown>][] => {
      const [sender, receiver] = channel<number>(capacity, { name: "orders" });
      const waits =
        capacity === 0 ? 'a receiver of channel "orders"' : `room in channel "orders" (${capacity} of ${capacity})`;
      const fill = capacity === 0 ? "" : ` (0 of ${capacity})`;
      return [
        [`an item from channel "orders"${fill}`, () => drained(receiver)],
        [
          waits,
          function* () {
            for (;;) yield* sender.send(1);
          },
        ],
      ];
    };
    for (const [reason, body] of [...bodies(0), ...bodies(10)]) {
      const error = await rejection(new Simulation().run(body));
      expect(error).toBeInstanceOf(DeadlockError);
      expect(messageOf(error)).toContain(`waits for ${reason} at `);
    }
  });

  test("keeps nothing alive of what has passed through it", async () => {
    const [sender, receiver] = channel<object>(2);
    const left: WeakRef<object>[] = [];
    await simulate(function* () {
      for (let i = 0; i < 100; i++) {
        yield* sender.send({ payload: new Array(100).fill(i) });
        const item = yield* receiver.receive();
        left.push(new WeakRef(item as object));
      }
    }, quiet);
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      Bun.gc(true);
    }
    // A few may still be seen by a conservative scan of the stack.
    expect(left.filter((ref) => ref.deref() !== undefined).length).toBeLessThanOrEqual(5);
    expect(sender.closed).toBe(false);
  });
});

describe("a leaf that a composite parked", () => {
  test("sees what came between its start and its park: an item, a sender, room, a close", async () => {
    const outcomes: unknown[] = [];
    const sim = new Simulation(quiet);
    await sim.run(function* () {
      const [sender, receiver] = channel<string>(1);
      const pauses: [string, () => void][] = [
        ["item", () => sender.trySend("an item")],
        ["nothing", () => {}],
        ["end", () => sender.close()],
      ];
      for (const [name, pause] of pauses) {
        const first = yield* moveOnAfter(5, () => firstOf([receiver.receive()], { pause }));
        outcomes.push([name, first?.value]);
      }
    });
    expect(outcomes).toEqual([
      ["item", "an item"],
      ["nothing", undefined],
      ["end", null],
    ]);
  });

  test("meets a task that parked in between, at a rendezvous", async () => {
    const sim = new Simulation(quiet);
    const [sender, receiver] = channel<string>(0);
    // A task that is next on the ring takes its first step inside of the one that joins it.
    const stepNow = (body: () => Steps<unknown>): void => {
      sim.start(body)[Symbol.iterator]();
    };
    const value = await sim.run(function* () {
      const first = yield* firstOf([receiver.receive()], {
        pause: () =>
          stepNow(function* () {
            yield* sender.send("from a sender");
          }),
      });
      const got: unknown[] = [];
      yield* firstOf([sender.send("to a receiver")], {
        pause: () =>
          stepNow(function* () {
            got.push(yield* receiver.receive());
          }),
      });
      yield* checkpoint();
      return [first.value, ...got];
    });
    expect(value).toEqual(["from a sender", "to a receiver"]);
  });

  test("does not meet the other end in the same task: a race would report as received what it has sent", () => {
    const sim = new Simulation(quiet);
    const [sender, receiver] = channel<string>(0);
    const task = sim.start(() => firstOf([receiver.receive(), sender.send("mine")]));
    turns(sim);
    expect(receiver.statistics()).toMatchObject({ waitingReceivers: 1, waitingSenders: 1 });
    expect(receiver.tryReceive()).toBe("mine");
    turns(sim);
    expect(task.outcome).toEqual({ index: 1, value: undefined });
    expect(receiver.statistics()).toMatchObject({ waitingReceivers: 0, waitingSenders: 0 });
  });

  test("gives back what it was handed when its composite goes on without it", async () => {
    const [a, b] = [channel<string>(2), channel<string>(2)];
    const first = await simulate(function* () {
      const pause = (): void => {
        for (const item of ["one", "two"]) {
          a[0].trySend(item);
          b[0].trySend(item);
        }
      };
      return yield* firstOf([a[1].receive(), b[1].receive()], { pause, careless: true });
    }, quiet);
    expect(first).toEqual({ index: 0, value: "one" });
    expect([a[1].tryReceive(), a[1].tryReceive()]).toEqual(["two", undefined]);
    expect([b[1].tryReceive(), b[1].tryReceive(), b[1].tryReceive()]).toEqual(["one", "two", undefined]);
  });

  test("cannot give back what was sent", async () => {
    const [sender, receiver] = channel<string>(1);
    const other = channel<string>(1);
    sender.trySend("before");
    await simulate(function* () {
      const pause = (): void => {
        other[0].trySend("the winner");
        receiver.tryReceive();
      };
      yield* firstOf([other[1].receive(), sender.send("sent whole")], { pause, careless: true });
    }, quiet);
    expect([receiver.tryReceive(), receiver.tryReceive()]).toEqual(["sent whole", undefined]);
  });
});

/** Some tasks send and some receive, with naps and deadlines that cut operations short; each tries again until it has done its share. */
function* traffic(seed: number): Steps<{ sent: string[]; received: string[][] }> {
  const prng = createPrng(seed);
  const [sender, receiver] = channel<string>(prng.between(0, 3));
  const sent: string[] = [];
  const received: string[][] = [];
  function* produce(own: Sender<string>, name: number): Steps<void> {
    using _ = own;
    for (let i = 0; i < 12; i++) {
      yield* sleep(prng.between(0, 3));
      const item = `${name}:${i}`;
      const attempt = function* (): Steps<true> {
        yield* own.send(item);
        sent.push(item);
        return true;
      };
      while ((yield* moveOnAfter(prng.between(0, 3), attempt)) !== true);
    }
  }
  function* consume(own: Receiver<string>): Steps<void> {
    using _ = own;
    const mine: string[] = [];
    received.push(mine);
    for (;;) {
      yield* sleep(prng.between(0, 3));
      const item = yield* moveOnAfter(prng.between(0, 3), own.receive());
      if (item === null) return;
      if (item !== undefined) mine.push(item);
    }
  }
  yield* scope(function* (scope) {
    for (let i = prng.between(1, 4); i > 0; i--) scope.spawn(() => produce(sender.clone(), i));
    for (let i = prng.between(1, 4); i > 0; i--) scope.spawn(() => consume(receiver.clone()));
    sender.close();
    receiver.close();
  });
  return { sent, received };
}

test("channel loses nothing, doubles nothing and keeps the order of each sender while deadlines cut operations short", async () => {
  const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
  await fc.assert(
    fc.asyncProperty(seeds, async (seed) => {
      const { sent, received } = await simulate(() => traffic(seed), { seed, development: false });
      expect(received.flat().toSorted()).toEqual(sent.toSorted());
      expect(new Set(sent).size).toBe(sent.length);
      for (const mine of received)
        for (const name of new Set(mine.map((item) => item.split(":")[0]))) {
          const numbers = mine.filter((item) => item.startsWith(`${name}:`)).map((item) => Number(item.split(":")[1]));
          expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
        }
    }),
    { numRuns: 200 },
  );
});
