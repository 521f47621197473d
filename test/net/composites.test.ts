// Operations of a conn in `all` and `race`: they share its two wait slots, and its leaves that are kept for reuse.

import { expect, test } from "bun:test";
import { all } from "../../src/concurrency/all.ts";
import { Latch } from "../../src/concurrency/latch.ts";
import { race } from "../../src/concurrency/race.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { suppressedErrors } from "../../src/concurrency/suppressed.ts";
import { BusyError } from "../../src/core/errors.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { Conn } from "../../src/net/conn.ts";
import { CALM_NETWORK, Simulation } from "../../src/sim/index.ts";
import { connected } from "../contract/conn-world.ts";

async function withPair(body: (server: Conn, client: Conn) => Steps<void>): Promise<void> {
  const sim = new Simulation({ network: CALM_NETWORK });
  await sim.run(function* () {
    const { client, server } = yield* connected({ port: 0 });
    yield* body(server, client);
    client.close();
    server.close();
  });
}

test("race of a read gives its leaf back, whether it was parked or not, and loses no byte", () =>
  withPair(function* (server, client) {
    const leaf = server.read();
    expect(yield* race({ bytes: leaf, tick: sleep(3) })).toEqual({ name: "tick", value: undefined });
    expect(server.read()).toBe(leaf);
    const open = new Latch();
    open.open();
    expect((yield* race({ bytes: leaf, open: open.wait() })).name).toBe("open");
    expect(server.read()).toBe(leaf);
    yield* client.write("hello");
    const first = yield* race({ bytes: leaf, tick: sleep(5_000) });
    expect(first).toEqual({ name: "bytes", value: Buffer.from("hello") as never });
  }));

test("all reads and writes one conn at once", () =>
  withPair(function* (server, client) {
    const [line, , echoed] = yield* all([
      server.readLine(),
      client.write("question\n"),
      client.readLine(),
      function* () {
        yield* sleep(2);
        yield* server.write("answer\n");
      },
    ]);
    expect([line, echoed]).toEqual(["question", "answer"]);
  }));

test("all and race of two reads on one conn throw BusyError, and leave the conn as it was", () =>
  withPair(function* (server, client) {
    for (const attempt of [
      () => all([server.read(), server.readLine()]),
      () => race({ a: server.readLine(), b: server.read() }),
      () => race({ a: server.readExactly(1), b: race({ c: server.read(), d: sleep(9) }) }),
    ]) {
      const error = yield* thrownBy(attempt);
      expect(error).toBeInstanceOf(BusyError);
      expect(suppressedErrors(error)).toEqual([]);
    }
    yield* client.write("still there\n");
    expect(yield* server.readLine()).toBe("still there");
  }));

test("race between conns hands a line to nobody but the winner", () =>
  withPair(function* (server, client) {
    yield* scope(function* (scope) {
      scope.spawn(function* () {
        yield* client.write("to the server\n");
        yield* server.write("to the client\n");
      });
      const first = yield* race({ server: server.readLine(), client: client.readLine() });
      const second = first.name === "server" ? yield* client.readLine() : yield* server.readLine();
      expect([first.value, second].toSorted()).toEqual(["to the client", "to the server"]);
    });
  }));

function* thrownBy(attempt: () => Operation<unknown>): Steps<unknown> {
  try {
    yield* attempt();
  } catch (error) {
    return error;
  }
  throw new Error("expected a throw");
}
