// until with a real `fetch`: cancelled, it closes its socket. The server is plain Bun, accepts the request and never answers.

import { expect, test } from "bun:test";
import { Latch, moveOnAfter, race, run, scope, timeout, until } from "../../src/index.ts";

/** Far more than it takes; only a failure waits that long. */
const PATIENCE_MS = 10_000;

function silentServer(): { port: number; asked: Latch; closed: Latch; stop(): void } {
  const [asked, closed] = [new Latch(), new Latch()];
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data: () => asked.open(),
      close: () => closed.open(),
    },
  });
  return { port: server.port, asked, closed, stop: () => server.stop(true) };
}

test("until(fetch) that is cancelled closes its socket", async () => {
  const { port, asked, closed, stop } = silentServer();
  const task = run(() =>
    scope(function* (scope) {
      const request = scope.spawn(() => until((signal) => fetch(`http://127.0.0.1:${port}/`, { signal })));
      yield* timeout(PATIENCE_MS, asked.wait());
      request.cancel();
      yield* timeout(PATIENCE_MS, closed.wait());
    }),
  );
  await task.promise;
  stop();
  expect(closed.isOpen).toBe(true);
});

test("until(fetch) that loses a race or runs into a deadline closes its socket", async () => {
  for (const way of ["race", "deadline"] as const) {
    const { port, asked, closed, stop } = silentServer();
    const task = run(function* () {
      const request = until((signal) => fetch(`http://127.0.0.1:${port}/`, { signal }));
      if (way === "race") yield* race({ request, asked: asked.wait() });
      else yield* moveOnAfter(50, request);
      yield* timeout(PATIENCE_MS, closed.wait());
    });
    await task.promise;
    stop();
    expect(closed.isOpen).toBe(true);
  }
});
