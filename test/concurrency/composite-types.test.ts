// What `all` and `race` infer, and what must not compile. The assertions are the compiler's; the functions are never called.

import { expect, test } from "bun:test";
import { all } from "../../src/concurrency/all.ts";
import { race } from "../../src/concurrency/race.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import { until } from "../../src/concurrency/until.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { same } from "../same-type.ts";

declare const line: Operation<string | null>;
declare const task: Task<Date>;

export function* inferred(): Steps<number> {
  const [text, count, nothing, date, made, promised] = yield* all([
    line,
    function* () {
      yield* sleep(1);
      return 5;
    },
    sleep(1),
    task,
    () => timeout(5, line),
    until(Promise.resolve(1n)),
  ]);
  same<typeof text, string | null>(true);
  same<typeof count, number>(true);
  same<typeof nothing, void>(true);
  same<typeof date, Date>(true);
  same<typeof made, string | null>(true);
  same<typeof promised, bigint>(true);

  const record = yield* all({ text: line, date: task });
  same<typeof record, { text: string | null; date: Date }>(true);

  const many = yield* all([line, line].map((part) => timeout(1, part)));
  same<typeof many, (string | null)[]>(true);

  const first = yield* race({
    line,
    *generator() {
      yield* sleep(1);
      return { found: true };
    },
    joined: task,
    never: sleepForever(),
  });
  switch (first.name) {
    case "line":
      same<typeof first.value, string | null>(true);
      return 1;
    case "generator":
      same<typeof first.value, { found: boolean }>(true);
      return 2;
    case "joined":
      same<typeof first.value, Date>(true);
      return 3;
    case "never":
      same<typeof first.value, never>(true);
      return 4;
  }
}

export function starless(): void {
  all([
    // @ts-expect-error a yield without its star does not compile in a part
    function* () {
      yield sleep(1);
    },
  ]);
  race({
    // @ts-expect-error nor in a named one
    *part() {
      yield line;
    },
  });
  // @ts-expect-error an async function is no part
  all([async () => {}]);
  // @ts-expect-error a promise is none
  race({ late: Promise.resolve(1) });
}

test("all and race infer what their parts give: see the types that are held in this file", () => {
  expect([typeof inferred, typeof starless]).toEqual(["function", "function"]);
});
