// What a broadcast does, case by case; broadcast-model.test.ts holds all of it against a model.

import { describe, expect, test } from "bun:test";

import { broadcast, type BroadcastOptions } from "../../src/concurrency/broadcast.ts";
import { ChannelClosedError, LaggedError, SlowReceiverError } from "../../src/concurrency/channel-errors.ts";
import { scope } from "../../src/concurrency/scope.ts";
import type { Subscription } from "../../src/concurrency/subscription.ts";
import { DeadlockError, ProtocolError } from "../../src/core/errors.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { whereIsTask } from "../../src/core/where.ts";
import { Simulation, simulate } from "../../src/sim/simulate.ts";
import { messageOf, rejection, thrown, turns } from "../core/kit.ts";
import { firstOf } from "./first-of.ts";

const lagging: BroadcastOptions = { capacity: 3, slow: "lag", name: "news" };
const dropping: BroadcastOptions = { capacity: 3, slow: "drop", name: "news" };

function* heard(subscription: Subscription<number>): Steps<number[]> {
  const items: number[] = [];
  for (;;) {
    const item = yield* subscription.receive();
    if (item === null) return items;
    items.push(item);
  }
}

describe("broadcast", () => {
  test("brings each item to all who have subscribed before, and then the end", async () => {
    const all = await simulate(function* () {
      const news = broadcast<number>({ ...lagging, capacity: 10 });
      expect(news.publish(0)).toBe(0);
      return yield* scope(function* (scope) {
        const early = scope.spawn(() => heard(news.subscribe()));
        yield* sleep(1);
        expect(news.publish(1)).toBe(1);
        const late = scope.spawn(() => heard(news.subscribe()));
        yield* sleep(1);
        expect([news.publish(2), news.publish(3)]).toEqual([2, 2]);
        news.close();
        return [yield* early, yield* late];
      });
    });
    expect(all).toEqual([
      [1, 2, 3],
      [2, 3],
    ]);
  });

  test("never parks its publisher: a subscriber that lags is told what it lost, once, and goes on", () => {
    const news = broadcast<number>(lagging);
    using slow = news.subscribe();
    using quick = news.subscribe();
    for (let i = 1; i <= 5; i++) {
      news.publish(i);
      expect(quick.tryReceive()).toBe(i);
    }
    const error = thrown(() => slow.tryReceive());
    expect(error).toBeInstanceOf(LaggedError);
    expect((error as LaggedError).lost).toBe(2);
    expect(messageOf(error)).toBe(
      'Cannot receive the next item from broadcast "news": it fell behind and lost 2 of the oldest; the next receive goes on behind them',
    );
    expect([slow.tryReceive(), slow.tryReceive(), slow.tryReceive(), slow.tryReceive()]).toEqual([3, 4, 5, undefined]);
    expect([slow.statistics().lost, news.statistics().lost, news.statistics().dropped]).toEqual([2, 2, 0]);
  });

  test("drops a slow subscriber at once, with all that waits for it, and spares the others", async () => {
    const sim = new Simulation();
    const news = broadcast<number>(dropping);
    const slow = news.subscribe();
    const quick = news.subscribe();
    const over = sim.start(() => slow.whenOver());
    turns(sim);
    for (let i = 1; i <= 3; i++) {
      news.publish(i);
      quick.tryReceive();
    }
    turns(sim);
    expect(over.ending).toBeNull();
    expect(news.publish(4)).toBe(1);
    turns(sim);
    expect(over.ending).toBe("returned");
    expect([quick.tryReceive(), slow.statistics().buffered]).toEqual([4, 0]);
    const failed = rejection(sim.start(() => slow.receive()).promise);
    turns(sim);
    const error = await failed;
    expect(error).toBeInstanceOf(SlowReceiverError);
    expect(messageOf(error)).toBe(
      'Cannot receive from broadcast "news": 3 items waited and one more came, so it was dropped',
    );
    expect(news.statistics()).toMatchObject({ subscribers: 1, dropped: 1, lost: 0, published: 4 });
  });

  test("closed, lets its subscribers have what waits for them, and takes no more", () => {
    const news = broadcast<number>(lagging);
    const subscription = news.subscribe();
    news.publish(1);
    {
      using own = news;
      expect(own.closed).toBe(false);
    }
    news.close();
    expect([subscription.tryReceive(), subscription.tryReceive(), news.subscribe().tryReceive()]).toEqual([
      1,
      null,
      null,
    ]);
    const error = thrown(() => news.publish(2));
    expect(error).toBeInstanceOf(ChannelClosedError);
    expect(messageOf(error)).toBe('Cannot publish to broadcast "news": it was closed');
  });

  test("refuses what is no item, no capacity and no policy", () => {
    const news = broadcast<number>({ capacity: 1, slow: "lag" });
    for (const item of [null, undefined]) {
      const error = thrown(() => news.publish(item as never));
      expect(error).toBeInstanceOf(ProtocolError);
      expect(messageOf(error)).toStartWith(`Cannot publish to a broadcast: expected an item and found ${String(item)}`);
    }
    for (const capacity of [0, -1, 1.5, Number.POSITIVE_INFINITY])
      expect(messageOf(thrown(() => broadcast({ capacity, slow: "lag" })))).toBe(
        `Cannot make a broadcast: expected a capacity of 1 to 16777216 whole items and found number ${capacity}`,
      );
    expect(messageOf(thrown(() => broadcast({ capacity: 1, slow: "wait" as never })))).toBe(
      'Cannot make a broadcast: expected slow to be "lag" or "drop" and found "wait"',
    );
    expect(news.statistics().published).toBe(0);
  });
});

describe("a subscription", () => {
  test("closed by using no longer counts, and its parked tasks throw", () => {
    const sim = new Simulation();
    const news = broadcast<number>(dropping);
    let error: unknown;
    {
      using subscription = news.subscribe();
      sim.start(function* () {
        try {
          yield* subscription.receive();
        } catch (thrown) {
          error = thrown;
        }
      });
      turns(sim);
      expect(news.statistics()).toMatchObject({ subscribers: 1, waiting: 1 });
    }
    turns(sim);
    expect(error).toBeInstanceOf(ChannelClosedError);
    expect(messageOf(error)).toBe('Cannot receive from broadcast "news": this subscription was closed');
    expect(news.statistics()).toMatchObject({ subscribers: 0, waiting: 0 });
    expect(news.publish(1)).toBe(0);
  });

  test("delivers what was handed over before a cancel", () => {
    const sim = new Simulation();
    const news = broadcast<number>(lagging);
    const subscription = news.subscribe();
    const got: unknown[] = [];
    const task = sim.start(function* () {
      got.push(yield* subscription.receive());
      yield* subscription.receive();
    });
    turns(sim);
    news.publish(1);
    task.cancel();
    turns(sim);
    expect([got, task.ending, subscription.statistics().waiting]).toEqual([[1], "cancelled", 0]);
  });

  test("gives back what it handed to a composite that goes on without it: an item, or a loss to be told", async () => {
    const news = broadcast<number>({ capacity: 1, slow: "lag" });
    const [a, b, c] = [news.subscribe(), news.subscribe(), news.subscribe()];
    news.publish(1);
    for (const view of [a, b, c]) view.tryReceive();
    const first = await simulate(
      function* () {
        const pause = (): void => {
          news.publish(2);
          c.tryReceive();
          news.publish(3);
          expect(thrown(() => b.tryReceive())).toBeInstanceOf(LaggedError);
        };
        return yield* firstOf([c.receive(), a.receive(), b.receive()], { pause, careless: true });
      },
      { development: false },
    );
    expect(first).toEqual({ index: 0, value: 3 });
    expect((thrown(() => a.tryReceive()) as LaggedError).lost).toBe(1);
    expect([a.tryReceive(), b.tryReceive()]).toEqual([3, 3]);
  });

  test("says what it waits for, and where", async () => {
    const sim = new Simulation();
    const subscription = broadcast<number>(lagging).subscribe();
    const task = sim.start(function* listener() {
      yield* subscription.receive();
    });
    const failed = rejection(task.promise);
    turns(sim);
    expect(whereIsTask(task)[0]).toMatch(/listener.*broadcast\.test\.ts:\d+/);
    await sim.settle();
    const error = await failed;
    expect(error).toBeInstanceOf(DeadlockError);
    expect(messageOf(error)).toContain('waits for an item from broadcast "news" (0 of 3) at listener');
  });
});
