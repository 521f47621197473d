// What must not compile, and what must be inferred. The assertions are the compiler's: `bun check` fails when an error that is expected
// here is missing. The functions are never called.

import { expect, test } from "bun:test";
import { scope, type Scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { moveOnAfter, timeout } from "../../src/concurrency/timeout.ts";
import type { Operation } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { same } from "../same-type.ts";

declare const operation: Operation<number>;
declare const scopeOfTest: Scope;

export function starless(sim: Simulation): void {
  // @ts-expect-error a yield without its star does not compile in a root
  sim.start(function* () {
    yield sleep(1);
  });
  // @ts-expect-error nor in a child
  scopeOfTest.spawn(function* () {
    yield operation;
  });
  // @ts-expect-error nor in the body of a scope
  scope(function* () {
    yield sleep(1);
    return 1;
  });
  // @ts-expect-error nor under a deadline
  timeout(5, function* () {
    yield operation;
  });
  // @ts-expect-error nor under a shield
  shield(function* () {
    yield operation;
  }, 5);
  // @ts-expect-error nor in a child that says when it is ready
  scopeOfTest.start(function* (ready: (value: number) => void) {
    ready(1);
    yield sleep(1);
  });
  // @ts-expect-error a task is joined with yield* as well
  scopeOfTest.spawn(function* () {
    yield scopeOfTest.spawn(() => sleep(1));
  });
  // @ts-expect-error an async function is no body
  sim.start(async () => {});
}

export function inferred(sim: Simulation): void {
  const root = sim.start(function* () {
    const slept = yield* sleep(1);
    same<typeof slept, void>(true);
    const value = yield* operation;
    same<typeof value, number>(true);
    const inScope = yield* scope(function* (scope) {
      const child = scope.spawn(function* () {
        yield* sleep(1);
        return "text" as const;
      });
      same<typeof child, Task<"text">>(true);
      const joined = yield* child;
      same<typeof joined, "text">(true);
      const told = yield* scope.start<Date>(function* (ready) {
        ready(new Date());
        yield* sleep(1);
      });
      same<typeof told, Date>(true);
      return [value];
    });
    same<typeof inScope, number[]>(true);
    const inTime = yield* timeout(5, operation);
    same<typeof inTime, number>(true);
    const perhaps = yield* moveOnAfter(5, () => operation);
    same<typeof perhaps, number | undefined>(true);
    const shielded = yield* shield(operation, 5);
    same<typeof shielded, number>(true);
    return { value };
  });
  same<typeof root, Task<{ value: number }>>(true);
  same<typeof root.promise, Promise<{ value: number }>>(true);
}

test("Operation types are held by the compiler: see the errors that are expected in this file", () => {
  expect([typeof starless, typeof inferred]).toEqual(["function", "function"]);
});
