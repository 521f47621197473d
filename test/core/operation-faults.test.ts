// Misuse of the protocol: operations run twice or in the wrong place, foreign values, bodies that are none.

import { expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import { describeValue, type Operation } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { running, type Wait } from "../../src/core/task.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { Gate, messageOf, ready, rejection, thrown } from "./kit.ts";

/** Does at run time what the types forbid: yields a value that is none of our waits. */
function* foreign(value: unknown): Generator<Wait, unknown, unknown> {
  return yield value as Wait;
}

test("Leaf runs once: a second run throws ProtocolError at its own line", async () => {
  for (const make of [
    (): Operation<unknown> => sleep(1),
    (): Operation<unknown> => ready(1),
    (): Operation<unknown> => timeout(5, sleep(1)),
    (): Operation<unknown> => scope(() => sleep(1)),
  ]) {
    const error = await rejection(
      simulate(function* () {
        const operation = make();
        yield* operation;
        yield* operation;
      }),
    );
    expect(error).toBeInstanceOf(ProtocolError);
    expect(messageOf(error)).toMatch(/^Cannot run the operation ".+": it was run before; operations are single-use$/);
  }
});

test("Leaf run outside of a task throws ProtocolError", () => {
  expect(running).toBeNull();
  const error = thrown(() => sleep(1)[Symbol.iterator]().next());
  expect(error).toBeInstanceOf(ProtocolError);
  expect(messageOf(error)).toContain('Cannot run the operation "sleep(1)": no task is running');
});

test("foreignYield fails a task that yields a foreign value, naming the task and the value", async () => {
  const found: readonly (readonly [unknown, string])[] = [
    [5, "number 5"],
    ["recv", '"recv"'],
    [undefined, "undefined"],
    [null, "null"],
    [["recv", 3], "an array of 2; write yield* to run an operation"],
    [Promise.resolve(), "an object of Promise; write yield* until(promise) to wait for it"],
    [Object.create(null), "an object of no class"],
    [Symbol("odd"), "symbol Symbol(odd)"],
    [function named(): void {}, "a function named"],
    [foreign(1), "; write yield* to run an operation"],
  ];
  for (const [value, words] of found) {
    const error = await rejection(simulate(() => foreign(value), {}));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(messageOf(error)).toStartWith("Cannot park task 1: it yielded a foreign value, ");
    expect(messageOf(error)).toContain(words);
  }
  const named = new Simulation();
  expect(messageOf(await rejection(named.run(() => foreign(5), "echo")))).toContain("Cannot park task 1 (echo): ");
});

test("Leaf that is yielded without its star, which the types forbid, is a foreign value, and reported as never run", async () => {
  const sim = new Simulation();
  const gate = new Gate<number>();
  const task = sim.start(function* () {
    yield* foreign(gate.take());
  });
  task.promise.catch(() => {});
  await sim.settle();
  expect(sim.host.reports.join()).toContain('The operation "the gate" was made and never run');
  expect(task.ending).toBe("failed");
  expect(messageOf(task.outcome)).toContain("; write yield* to run an operation");
});

test("foreignYield survives values that throw when they are looked at", async () => {
  const hostile = new Proxy(
    {},
    {
      get() {
        throw new Error("hands off");
      },
      has() {
        throw new Error("hands off");
      },
    },
  );
  const sim = new Simulation();
  expect(messageOf(await rejection(sim.run(() => foreign(hostile))))).toBe("hands off");
  expect(sim.host.failure).toBeNull();
});

test("foreignYield can be caught at that very yield, and the task goes on", async () => {
  const seen: unknown[] = [];
  const value = await simulate(function* () {
    try {
      yield* foreign(5);
    } catch (error) {
      seen.push(error);
    }
    yield* sleep(3);
    return "went on";
  });
  expect(value).toBe("went on");
  expect(seen[0]).toBeInstanceOf(ProtocolError);
});

test("foreignYield is caught inside a timeout and inside a scope, and leaves both intact", async () => {
  const sim = new Simulation();
  const value = await sim.run(function* () {
    const inTimeout = yield* timeout(50, function* () {
      try {
        yield* foreign("in a timeout");
      } catch (error) {
        yield* sleep(1);
        return messageOf(error);
      }
      return "";
    });
    const inScope = yield* scope(function* () {
      try {
        return yield* timeout(50, () => foreign("in a scope"));
      } catch (error) {
        return messageOf(error);
      }
    });
    yield* sleep(100);
    return [inTimeout, inScope];
  });
  expect(value[0]).toContain('"in a timeout"');
  expect(value[1]).toContain('"in a scope"');
  expect(sim.scheduler.timers.armed).toBe(0);
});

test("foreignYield in a loop that catches everything cannot freeze the others", () => {
  const sim = new Simulation();
  let rounds = 0;
  let others = 0;
  sim.start(function* () {
    for (;;) {
      try {
        yield* foreign(rounds++);
      } catch {
        // That is the point of this test.
      }
    }
  });
  sim.start(function* () {
    for (;;) {
      others++;
      yield* sleep(0);
    }
  });
  for (let i = 0; i < 20; i++) sim.host.advance();
  expect(others).toBeGreaterThan(0);
  expect(rounds).toBeLessThan(20 * 256);
  expect(sim.host.failure).toBeNull();
});

test("operationOf refuses a body that makes no operation", async () => {
  for (const [body, words] of [
    [() => 5, "number 5"],
    [() => undefined, "undefined"],
    [() => [1, 2], "an array of 2"],
    [async () => {}, "an object of Promise; write function* in place of async"],
    [null, "null"],
    ["text", '"text"'],
  ] as const) {
    // @ts-expect-error what the types refuse must be refused at run time too
    const error = thrown(() => new Simulation().start(body));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(messageOf(error)).toBe(`Cannot run: expected an operation, such as a generator, and found ${words}`);
  }
});

test("describeValue is short for any value", () => {
  const circular: unknown[] = [];
  circular.push(circular);
  expect(describeValue(circular)).toBe("an array of 1");
  expect(describeValue("x".repeat(1_000)).length).toBeLessThan(60);
  expect(describeValue(10n)).toBe("bigint 10");
});
