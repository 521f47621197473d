// AsyncLocalStorage on Bun itself: kept across waits where it was asked for.

import { AsyncLocalStorage } from "node:async_hooks";
import { expect, test } from "bun:test";
import { run, scope, sleep, until } from "../../src/index.ts";

const storage = new AsyncLocalStorage<string>();

test("run keeps the async context across waits when it is asked to, in tasks of tasks as well", async () => {
  const task = storage.run("request 7", () =>
    run(
      () =>
        scope(function* (scope) {
          const child = scope.spawn(function* () {
            yield* sleep(1);
            return storage.getStore();
          });
          yield* until(Promise.resolve());
          return [storage.getStore(), yield* child];
        }),
      { asyncContext: true },
    ),
  );
  expect(await task.promise).toEqual(["request 7", "request 7"]);
});
