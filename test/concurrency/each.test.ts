// Reading async iterables item by item, and giving items of tasks to promise code.

import { expect, test } from "bun:test";
import { each } from "../../src/concurrency/each.ts";
import { race } from "../../src/concurrency/race.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { toAsyncIterable } from "../../src/concurrency/to-async-iterable.ts";
import { until } from "../../src/concurrency/until.ts";
import { AbortError, BusyError, DeadlockError, ProtocolError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { Gate, messageOf, ready, rejection } from "../core/kit.ts";

/** An async iterable that is driven by hand. */
class Producer {
  readonly asked: PromiseWithResolvers<IteratorResult<number>>[] = [];
  returned = 0;
  [Symbol.asyncIterator](): AsyncIterator<number> {
    return {
      next: () => {
        const ask = Promise.withResolvers<IteratorResult<number>>();
        this.asked.push(ask);
        return ask.promise;
      },
      return: async () => {
        this.returned++;
        return { done: true, value: undefined };
      },
    };
  }
  give(value: number): void {
    this.asked.at(-1)?.resolve({ done: false, value });
  }
}

test("each gives the items of an async generator, then null for ever", async () => {
  async function* count(): AsyncGenerator<number> {
    yield 1;
    await Promise.resolve();
    yield 2;
  }
  const seen = await simulate(function* () {
    using items = each(count());
    const seen: unknown[] = [];
    for (let item = yield* items.next(); item !== null; item = yield* items.next()) seen.push(item);
    seen.push(yield* items.next());
    return seen;
  });
  expect(seen).toEqual([1, 2, null]);
});

test("each throws what the producer throws, once", async () => {
  async function* broken(): AsyncGenerator<number> {
    yield 1;
    throw new Error("broken");
  }
  const throwsAtOnce = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        throw new Error("at once");
      },
    }),
  };
  const seen = await simulate(function* () {
    const seen: unknown[] = [];
    for (const source of [broken(), throwsAtOnce as never as AsyncIterable<number>]) {
      const items = each(source);
      for (let tries = 0; tries < 3; tries++) {
        try {
          seen.push(yield* items.next());
        } catch (error) {
          seen.push(messageOf(error));
        }
      }
    }
    return seen;
  });
  expect(seen).toEqual([1, "broken", null, "at once", null, null]);
});

test("each asks for an item when a task waits for it, and keeps one whose wait was cancelled for whoever waits next", async () => {
  const producer = new Producer();
  const sim = new Simulation();
  const seen = await sim.run(function* () {
    const items = each(producer);
    const seen: unknown[] = [producer.asked.length];
    seen.push((yield* race({ item: items.next(), tick: sleep(5) })).name);
    seen.push((yield* race({ tick: sleep(5), item: items.next() })).name);
    seen.push(producer.asked.length);
    producer.give(7);
    yield* until(Promise.resolve());
    seen.push(yield* items.next(), producer.asked.length);
    return seen;
  });
  expect(seen).toEqual([0, "tick", "tick", 1, 7, 1]);
  expect(sim.host.holds).toBe(0);
});

test("each lets one task wait at a time", async () => {
  const producer = new Producer();
  const sim = new Simulation();
  const error = await sim.run(() =>
    scope(function* (scope) {
      const items = each(producer);
      const first = scope.spawn(() => items.next());
      yield* sleep(1);
      let error: unknown;
      try {
        yield* items.next();
      } catch (thrown) {
        error = thrown;
      }
      producer.give(3);
      expect(yield* first).toBe(3);
      return error;
    }),
  );
  expect(error).toBeInstanceOf(BusyError);
  expect(sim.host.holds).toBe(0);
});

test("each tells the producer when it is closed or disposed of, once, and ends a wait", async () => {
  const producer = new Producer();
  await simulate(() =>
    scope(function* (scope) {
      const items = each(producer);
      const waiting = scope.spawn(() => items.next());
      yield* sleep(1);
      yield* items.close();
      expect(yield* waiting).toBeNull();
      producer.give(5);
      yield* until(Promise.resolve());
      expect(yield* items.next()).toBeNull();
      yield* items.close();
      items[Symbol.dispose]();
    }),
  );
  expect(producer.returned).toBe(1);
  const disposed = new Producer();
  {
    using items = each(disposed);
    expect(typeof items.next).toBe("function");
  }
  expect(disposed.returned).toBe(1);
});

test("each that nobody waits for does not hide a deadlock", async () => {
  const error = await rejection(
    simulate(function* () {
      const items = each(new Producer());
      yield* moveOnAfter(5, items.next());
      yield* sleepForever();
    }),
  );
  expect(error).toBeInstanceOf(DeadlockError);
});

test("toAsyncIterable gives promise code what an operation gives, up to its null", async () => {
  const gate = new Gate<number | null>();
  for (const item of [1, 2, 3, null]) gate.give(item);
  const seen: unknown[] = [];
  const value = await simulate(() =>
    scope(function* (scope) {
      const consume = async (): Promise<string> => {
        for await (const item of toAsyncIterable(scope, () => gate.take())) seen.push(item);
        return "consumed";
      };
      return yield* until(consume());
    }),
  );
  expect([seen, value]).toEqual([[1, 2, 3], "consumed"]);
});

test("toAsyncIterable cancels the operation that runs when the loop is left from outside, and runs none behind it", async () => {
  const gate = new Gate<number>();
  const sim = new Simulation();
  const results = await sim.run(() =>
    scope(function* (scope) {
      const items = toAsyncIterable(scope, () => gate.take());
      const results: unknown[] = [];
      const pending = items.next().then((result) => results.push(result));
      yield* promisesHaveRun();
      yield* until(Promise.resolve(items.return?.()));
      yield* until(pending);
      results.push(yield* until(items.next()));
      return [results, gate.receiver, gate.parks];
    }),
  );
  const over = { done: true, value: undefined };
  expect(results).toEqual([[over, over], null, 1]);
});

test("toAsyncIterable hands an error to the loop and not to the scope", async () => {
  const value = await simulate(() =>
    scope(function* (scope) {
      const items = toAsyncIterable(scope, function* () {
        yield* sleep(1);
        throw new Error("no item");
      });
      const error = yield* until(items.next().catch((error: unknown) => error));
      return [messageOf(error), yield* until(items.next())];
    }),
  );
  expect(value).toEqual(["no item", { done: true, value: undefined }]);
});

test("toAsyncIterable fails when its scope is cancelled, and when it is over", async () => {
  const errors = await simulate(function* () {
    let left: AsyncIterator<unknown> | undefined;
    const first = Promise.withResolvers<unknown>();
    yield* scope(function* (scope) {
      left = toAsyncIterable(scope, () => ready(1));
      const items = toAsyncIterable(scope, () => sleepForever());
      items.next().then(first.resolve, first.resolve);
      yield* promisesHaveRun();
      scope.cancel();
    });
    const second = (left as AsyncIterator<unknown>).next().catch((error: unknown) => error);
    return [yield* until(first.promise), yield* until(second)];
  });
  expect(errors[0]).toBeInstanceOf(AbortError);
  expect(errors[1]).toBeInstanceOf(ProtocolError);
});

test("toAsyncIterable sees to calls one after the other, as an async generator does", async () => {
  const value = await simulate(() =>
    scope(function* (scope) {
      let running = 0;
      let count = 0;
      const items = toAsyncIterable(scope, function* () {
        expect(++running).toBe(1);
        yield* sleep(3);
        running--;
        return ++count;
      });
      return yield* until(Promise.all([items.next(), items.next(), items.next()]));
    }),
  );
  expect(value.map((result) => result.value)).toEqual([1, 2, 3]);
});

/** Virtual time passes without promise code: only while a task waits for a promise does that get its turn. */
function promisesHaveRun(): Operation<void> {
  return until(new Promise<void>((done) => void setImmediate(done)));
}
