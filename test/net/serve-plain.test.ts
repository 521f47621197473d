// Handlers that are plain functions: they may do anything to the connection before they give their operation, at a moment at which the socket
// itself is only just being set up.

import { describe, expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { listen } from "../../src/net/listen.ts";
import { serve } from "../../src/net/serve.ts";
import { BunConnWorld, type ConnWorld, inWorld, readAll, SimConnWorld, thrownBy } from "../contract/conn-world.ts";

const TWINS: [string, () => ConnWorld][] = [
  ["sim", () => new SimConnWorld(3)],
  ["bun", () => new BunConnWorld()],
];

/** Serves one client with `handler`; gives what the client read or threw, and what was reported. */
function* visit(
  world: ConnWorld,
  handler: (conn: Conn) => Operation<unknown>,
): Steps<{ heard: unknown; errors: unknown[] }> {
  const errors: unknown[] = [];
  let heard: unknown = null;
  yield* scope(function* (tasks) {
    const listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
    const serving = tasks.spawn(() => serve(listener, handler, { graceMs: 0, onError: (error) => errors.push(error) }));
    const client = yield* connect({ hostname: "127.0.0.1", port: listener.port });
    heard = yield* thrownBy(function* () {
      throw (yield* readAll(client)).toString();
    });
    client.close();
    yield* world.until(() => listener.statistics().open === 0, "no connection left");
    serving.cancel();
  });
  return { heard, errors };
}

describe.each(TWINS)("serve: %s", (_name, makeWorld) => {
  function inOne(title: string, body: (world: ConnWorld) => Steps<void>): void {
    test(title, async () => {
      const world = makeWorld();
      await inWorld(world, () => body(world));
    });
  }

  inOne("serve takes a handler that gives an operation of the conn itself", function* (world) {
    expect(yield* visit(world, (conn) => conn.write("bye"))).toEqual({ heard: "bye", errors: [] });
  });

  inOne("serve takes a handler that throws before it gives an operation", function* (world) {
    const fault = new Error("at once");
    const { heard, errors } = yield* visit(world, () => {
      throw fault;
    });
    expect([heard, errors]).toEqual(["", [fault]]);
  });

  inOne("serve takes a handler that closes the conn before it gives an operation", function* (world) {
    const { heard, errors } = yield* visit(world, (conn) => {
      conn.close();
      return sleep(0);
    });
    expect([heard, errors]).toEqual(["", []]);
  });

  inOne("serve takes a handler that terminates the conn before it gives an operation", function* (world) {
    const { heard, errors } = yield* visit(world, (conn) => {
      conn.terminate();
      return sleep(0);
    });
    expect(heard).toMatchObject({ code: "ERR_CONNECTION_LOST" });
    expect(errors).toEqual([]);
  });

  inOne("serve closes the conn of a handler that is cancelled before its first step", function* (world) {
    let begun = 0;
    yield* scope(function* (tasks) {
      const listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
      const serving = tasks.spawn(() =>
        serve(
          listener,
          function* () {
            begun++;
            yield* sleepForever();
          },
          { graceMs: 0 },
        ),
      );
      const client = yield* connect({ hostname: "127.0.0.1", port: listener.port });
      serving.cancel();
      yield* closing(client);
      yield* world.until(() => listener.statistics().open === 0, "no connection left");
    });
    expect(begun).toBeLessThanOrEqual(1);
  });
});

/** Reads to the end, or to a reset, and closes. */
function* closing(client: Conn): Steps<void> {
  try {
    yield* readAll(client);
  } catch {
    // The listener may have refused it: as good.
  }
  client.close();
}
