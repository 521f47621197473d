// Handlers that behave badly: whatever one does, the others are served and the server can be stopped.

import { describe, expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import { until } from "../../src/concurrency/until.ts";
import { TimeoutError } from "../../src/core/errors.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Conn } from "../../src/net/conn.ts";
import { thrownBy } from "../contract/conn-world.ts";
import type { NetworkOptions } from "../../src/sim/index.ts";
import { echo, Mill } from "../net/kit.ts";

/** Serves `handler` to the first connection and an echo to all others. */
function serving(handler: (conn: Conn) => Operation<unknown>, network: NetworkOptions = {}) {
  const mill = new Mill(network);
  const errors: unknown[] = [];
  let first = true;
  const { task, listener } = mill.serve(
    function* (conn) {
      if (!first) yield* echo(conn);
      else {
        first = false;
        yield* handler(conn);
      }
    },
    { graceMs: 0, onError: (error) => errors.push(error) },
  );
  const bad = mill.peer();
  mill.pass(5);
  const good = mill.peer();
  /** Another connection is answered within some virtual milliseconds. */
  const check = (): void => {
    const before = good.received.length;
    good.send("ping");
    mill.pass(3);
    expect(good.received.length - before).toBe(4);
  };
  return { mill, errors, bad, check, task, listener };
}

describe("a handler", () => {
  test("a handler that throws at once, or later, or something that is no error, ends its connection only", async () => {
    const values = [new Error("thrown"), "a string", undefined, null, 7];
    for (const value of values) {
      const { mill, errors, bad, check, task } = serving(function* (conn) {
        yield* conn.readLine();
        // What users throw is not always an error.
        throw value;
      });
      bad.send("now\n");
      mill.pass(5);
      expect([errors, bad.ended]).toEqual([[value], true]);
      check();
      await mill.finish(task);
    }
  });

  test("a handler that reads bytes which are always there lets others have turns", async () => {
    let reads = 0;
    const { mill, bad, check, task } = serving(function* (conn) {
      while ((yield* conn.read(1)) !== null) reads++;
    });
    bad.send(new Uint8Array(60_000));
    check();
    expect(reads).toBeGreaterThan(0);
    mill.pass(5);
    expect(reads).toBe(60_000);
    expect(mill.scheduler.steps).toBeGreaterThan(60_000 / 200);
    await mill.finish(task);
  });

  test("a handler that writes without end to a peer that reads lets others have turns", async () => {
    let writes = 0;
    const { mill, bad, check, task } = serving(
      function* (conn) {
        for (; ; writes++) yield* conn.write("for ever and ever");
      },
      // A network slow enough for endless output, which is taken all the same.
      { latencyMs: [0.5, 0.5], sendBufferBytes: [4_096, 4_096], receiveBufferBytes: 4_096 },
    );
    for (let i = 0; i < 3; i++) {
      const before = writes;
      mill.pass(5);
      check();
      expect(writes).toBeGreaterThan(before);
    }
    bad.reset();
    await mill.finish(task);
  });

  test("a handler that catches Cancelled in a loop freezes nothing, and each catch is counted", async () => {
    let caught = 0;
    const { mill, bad, check, task } = serving(function* (conn) {
      yield* scope(function* (own) {
        own.cancel();
        for (;;) {
          try {
            yield* conn.read();
          } catch {
            if (++caught === 10_000) return;
          }
        }
      });
    });
    bad.send("x");
    check();
    mill.until(() => caught === 10_000);
    expect(mill.scheduler.swallowedCancels).toBeGreaterThan(9_000);
    mill.host.reports.splice(0);
    await mill.finish(task);
  });

  test("a handler that catches Cancelled in a loop does not keep the server from draining others", async () => {
    const { mill, check, task } = serving(function* () {
      for (let caught = 0; caught < 5_000;) {
        try {
          yield* sleepForever();
        } catch {
          caught++;
        }
      }
    });
    check();
    task.cancel();
    mill.until(() => task.ending !== null || mill.scheduler.lingering.size > 0);
    mill.host.reports.splice(0);
    await mill.finish(task);
    expect(task.ending).toBe("cancelled");
  });

  test("a handler that waits for a promise which never settles can be cancelled", async () => {
    const seen: unknown[] = [];
    const { mill, check, task } = serving(function* () {
      seen.push(yield* thrownBy(() => timeout(50, until(new Promise(() => {})))));
      try {
        yield* until(new Promise(() => {}));
      } finally {
        seen.push("finally");
      }
    });
    // A promise is held: the world lets real microtasks run before time jumps.
    const settled = mill.settle();
    mill.pass(100);
    expect(seen[0]).toBeInstanceOf(TimeoutError);
    check();
    task.cancel();
    task.promise.catch(() => {});
    await settled;
    expect(seen[1]).toBe("finally");
    await mill.finish(task);
  });

  test("a handler whose wake-up comes from within its own call is resumed once", async () => {
    const steps: string[] = [];
    const { mill, bad, check, task } = serving(function* (conn) {
      yield* scope(function* (tasks) {
        const reader = tasks.spawn(function* (): Steps<void> {
          steps.push(String(((yield* thrownBy(() => conn.read())) as { code?: string }).code));
        });
        yield* sleep(1);
        // `closed` fires inside terminate(), while this task runs and the other one is parked.
        conn.terminate();
        steps.push("after terminate");
        yield* reader;
      });
      steps.push("end");
    });
    mill.pass(10);
    expect(steps).toEqual(["after terminate", "ERR_CONNECTION_CLOSED", "end"]);
    expect(bad.wasReset).toBe(true);
    check();
    await mill.finish(task);
  });

  test("a handler whose write fails within the call, closing the socket, gets the error and nothing twice", async () => {
    // The seeds differ in whether the failing write closes the socket before it returns.
    for (let seed = 1; seed <= 20; seed++) {
      const mill = new Mill({ seed });
      const ends: string[] = [];
      const { task } = mill.serve(
        function* (conn) {
          try {
            for (;;) {
              yield* conn.write(Buffer.alloc(20_000));
              yield* sleep(0.3);
            }
          } catch (error) {
            ends.push((error as { code: string }).code);
          }
        },
        { graceMs: 0 },
      );
      const peer = mill.peer();
      mill.pass(3);
      peer.reset();
      mill.pass(10);
      expect(ends).toEqual(["ERR_CONNECTION_LOST"]);
      await mill.finish(task);
    }
  });
});
