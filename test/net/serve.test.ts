// Serving: a task per connection, errors that stay where they are, limits, and the way a server ends.

import { describe, expect, test } from "bun:test";
import { DRAIN_GRACE_MS } from "../../src/config.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Conn } from "../../src/net/conn.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener } from "../../src/net/listener.ts";
import { serve } from "../../src/net/serve.ts";
import { ADDRESS, echo, Mill, refusals } from "./kit.ts";

/** Collects what a server reports. */
function reports(): { errors: unknown[]; onError: (error: unknown, conn: Conn) => void } {
  const errors: unknown[] = [];
  return { errors, onError: (error) => errors.push(error) };
}

describe("serve", () => {
  test("serve listens at an address by itself, and stops listening when it is cancelled", async () => {
    const mill = new Mill();
    const task = mill.start(() => serve(ADDRESS, echo));
    mill.pass(1);
    const peer = mill.peer();
    peer.send("hello");
    peer.shutdown();
    mill.pass(10);
    expect([peer.text, peer.closed, peer.wasReset]).toEqual(["hello", true, false]);
    await mill.finish(task);
    expect(task.ending).toBe("cancelled");
  });

  test("serve fails when its address is taken", async () => {
    const mill = new Mill();
    const { task } = mill.serve(echo);
    const second = mill.start(() => serve(ADDRESS, echo));
    second.promise.catch(() => {});
    mill.pass(10);
    expect(second.outcome).toMatchObject({ code: "ERR_LISTEN", reason: "EADDRINUSE" });
    await mill.finish(task);
  });

  test("serve takes a listener that is there, with what waits in its queue", async () => {
    const mill = new Mill();
    let listener: Listener | null = null;
    const task = mill.start(function* () {
      listener = yield* listen(ADDRESS);
      yield* sleep(1_000);
      yield* serve(listener, echo);
    });
    mill.pass(1);
    const peers = [mill.peer(), mill.peer()];
    for (const peer of peers) peer.send("early");
    mill.pass(100);
    expect(peers.map((peer) => peer.text)).toEqual(["", ""]);
    mill.pass(1_000);
    const late = mill.peer();
    late.send("late");
    mill.pass(10);
    expect([...peers, late].map((peer) => peer.text)).toEqual(["early", "early", "late"]);
    for (const peer of [...peers, late]) peer.shutdown();
    await mill.finish(task);
    expect((listener as unknown as Listener).closed).toBe(true);
  });

  test("serve closes the connection when its handler ends, and what it wrote arrives", async () => {
    const mill = new Mill();
    const { task } = mill.serve((conn) => conn.write("bye"));
    const peer = mill.peer();
    mill.pass(10);
    expect([peer.text, peer.ended, peer.closed]).toEqual(["bye", true, false]);
    peer.shutdown();
    mill.pass(10);
    expect([peer.closed, peer.wasReset]).toEqual([true, false]);
    await mill.finish(task);
  });

  test("serve reports a handler's error and closes that connection only", async () => {
    const mill = new Mill();
    const { errors, onError } = reports();
    const fault = new Error("a bug in the handler");
    const { task } = mill.serve(
      function* (conn) {
        for (let line: string | null; (line = yield* conn.readLine()) !== null;) {
          if (line === "break") throw fault;
          yield* conn.write(`${line}\n`);
        }
      },
      { onError },
    );
    const [bad, good] = [mill.peer(), mill.peer()];
    bad.send("one\nbreak\n");
    good.send("one\n");
    mill.pass(10);
    good.send("two\n");
    mill.pass(10);
    expect(errors).toEqual([fault]);
    expect([bad.text, bad.ended, good.text, good.ended]).toEqual(["one\n", true, "one\ntwo\n", false]);
    await mill.finish(task);
  });

  test("serve reports to the host when nobody else wants to know, naming the connection and the line", async () => {
    const mill = new Mill();
    const { task } = mill.serve(function* failing(): Steps<void> {
      yield* sleep(1);
      throw new TypeError("no such thing");
    });
    mill.peer();
    mill.pass(10);
    const [report] = mill.host.reports.splice(0);
    expect(report).toMatch(/^the handler of connection \d+ failed: TypeError: no such thing\n/);
    expect(report).toContain("failing");
    await mill.finish(task);
  });

  test("serve reports a handler that makes no operation", async () => {
    const mill = new Mill();
    const { errors, onError } = reports();
    const { task } = mill.serve((() => 42) as unknown as () => Operation<void>, { onError });
    const peer = mill.peer();
    mill.pass(10);
    expect(errors).toHaveLength(1);
    expect((errors[0] as Error).message).toEndWith(": expected an operation, such as a generator, and found number 42");
    expect(peer.ended).toBe(true);
    await mill.finish(task);
  });

  test("serve does not report a peer that vanished", async () => {
    const mill = new Mill();
    const { errors, onError } = reports();
    const { task, listener } = mill.serve(echo, { onError });
    const peer = mill.peer();
    peer.send("x");
    mill.pass(10);
    peer.reset();
    mill.pass(10);
    expect(errors).toEqual([]);
    expect(listener().statistics().open).toBe(0);
    await mill.finish(task);
  });
});

describe("connectionsMax", () => {
  test("connectionsMax refuses one more at once, counts it, and takes others when some have left", async () => {
    const mill = new Mill();
    const { task, listener } = mill.serve(echo, { connectionsMax: 3 });
    const peers = Array.from({ length: 5 }, () => mill.peer());
    mill.pass(10);
    expect(peers.map((peer) => peer.wasReset)).toEqual([false, false, false, true, true]);
    expect(listener().statistics()).toEqual({
      open: 3,
      resting: 0,
      accepted: 3,
      refused: 2,
      refusals: refusals({ connectionsMax: 2 }),
    });
    for (const peer of peers.slice(0, 2)) peer.shutdown();
    mill.pass(10);
    const late = mill.peer();
    late.send("room again");
    mill.pass(10);
    expect(late.text).toBe("room again");
    expect(listener().statistics()).toEqual({
      open: 2,
      resting: 0,
      accepted: 4,
      refused: 2,
      refusals: refusals({ connectionsMax: 2 }),
    });
    await mill.finish(task);
  });

  test("connectionsMax counts connections that are still closing", async () => {
    const mill = new Mill();
    const { task, listener } = mill.serve((conn) => conn.write("bye"), { connectionsMax: 1 });
    const first = mill.peer();
    mill.pass(10);
    expect(first.ended).toBe(true);
    const second = mill.peer();
    mill.pass(10);
    expect(second.wasReset).toBe(true);
    first.shutdown();
    mill.pass(10);
    expect(listener().statistics().open).toBe(0);
    await mill.finish(task);
  });
});

describe("a cancelled server", () => {
  /** Answers each line after a second. */
  function* slowly(conn: Conn): Steps<void> {
    for (let line: string | null; (line = yield* conn.readLine()) !== null && line !== "quit";) {
      yield* sleep(1_000);
      yield* conn.write(`${line}!`);
    }
  }

  test("a cancelled server refuses newcomers, lets handlers finish, then ends", async () => {
    const mill = new Mill();
    const drains: number[] = [];
    const { task } = mill.serve(slowly, { onDrain: () => drains.push(mill.host.now()) });
    const peer = mill.peer();
    peer.send("work\nquit\n");
    mill.pass(10);
    task.cancel();
    task.cancel();
    const cancelledAt = mill.host.now();
    const late = mill.peer();
    mill.pass(100);
    expect(late.error).toBeInstanceOf(Error);
    expect(drains).toEqual([cancelledAt]);
    peer.shutdown();
    mill.pass(1_000);
    expect([peer.text, peer.closed, peer.wasReset]).toEqual(["work!", true, false]);
    expect(task.ending).toBe("cancelled");
    expect(mill.scheduler.gracesExpired).toBe(0);
    await mill.finish(task);
  });

  test("a cancelled server cancels handlers after the grace; their finally blocks run", async () => {
    const mill = new Mill();
    const seen: string[] = [];
    const { task } = mill.serve(function* (conn) {
      try {
        yield* conn.write("hello");
        yield* sleepForever();
      } catch (error) {
        seen.push(isCancelled(error) ? `cancelled after ${Math.round(mill.host.now() - cancelledAt)}` : "failed");
        throw error;
      } finally {
        seen.push("finally");
      }
    });
    const peer = mill.peer();
    mill.pass(10);
    const cancelledAt = mill.host.now();
    task.cancel();
    mill.pass(DRAIN_GRACE_MS - 1);
    expect(seen).toEqual([]);
    mill.pass(2);
    expect(seen).toEqual([`cancelled after ${DRAIN_GRACE_MS}`, "finally"]);
    expect(mill.scheduler.gracesExpired).toBe(1);
    expect([peer.text, peer.ended]).toEqual(["hello", true]);
    peer.shutdown();
    mill.pass(10);
    expect(task.ending).toBe("cancelled");
    await mill.finish(task);
  });

  test("a cancelled server waits for closing connections, and not for ever", async () => {
    const mill = new Mill({ sendBufferBytes: [20_000, 20_000], receiveBufferBytes: 20_000 });
    const { task } = mill.serve((conn) => conn.write(new Uint8Array(60_000)));
    const [reading, silent] = [mill.peer(), mill.peer()];
    reading.pause();
    silent.pause();
    mill.pass(10);
    task.cancel();
    mill.pass(1_000);
    expect(task.ending).toBeNull();
    reading.resume();
    reading.shutdown();
    mill.pass(100);
    expect([reading.received.length, reading.wasReset]).toEqual([60_000, false]);
    expect(task.ending).toBeNull();
    mill.pass(40_000);
    expect([task.ending, silent.wasReset]).toEqual(["cancelled", true]);
    await mill.finish(task);
  });

  test("a cancelled server is not broken by an onDrain or an onError that throws", async () => {
    const mill = new Mill();
    const { task } = mill.serve(
      function* (conn) {
        if ((yield* conn.readLine()) === "fail") throw new Error("handler");
        yield* conn.write("fine");
      },
      {
        onDrain: () => {
          throw new Error("from onDrain");
        },
        onError: () => {
          throw new Error("from onError");
        },
      },
    );
    const [bad, good] = [mill.peer(), mill.peer()];
    bad.send("fail\n");
    mill.pass(10);
    good.send("go\n");
    mill.pass(10);
    expect([bad.ended, good.text]).toEqual([true, "fine"]);
    for (const peer of [bad, good]) peer.shutdown();
    task.cancel();
    mill.pass(10);
    expect(task.ending).toBe("cancelled");
    expect(mill.host.reports.splice(0).map((report) => report.split("\n")[0])).toEqual([
      expect.stringContaining("from onError"),
      expect.stringContaining("from onDrain"),
    ] as string[]);
    await mill.finish(task);
  });
});
