// Connecting, in the simulated world and on Bun.

import { describe, expect, test } from "bun:test";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import { TimeoutError } from "../../src/core/errors.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { ConnectError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import { SimPeer, Simulation } from "../../src/sim/index.ts";
import { BunConnWorld, type ConnWorld, inWorld, SimConnWorld, thrownBy } from "../contract/conn-world.ts";

const TWINS: [string, () => ConnWorld][] = [
  ["sim", () => new SimConnWorld(1)],
  ["bun", () => new BunConnWorld()],
];

describe.each(TWINS)("connect: %s", (_name, makeWorld) => {
  function inOne(title: string, body: (world: ConnWorld) => Steps<void>): void {
    test(title, async () => {
      const world = makeWorld();
      await inWorld(world, () => body(world));
    });
  }

  inOne("connect to nobody throws ConnectError, and its stack leads to whoever asked", function* (world) {
    const gone = yield* listen({ hostname: "127.0.0.1", port: 0 });
    gone.close();
    const error = yield* thrownBy(function* calling() {
      return yield* connect({ hostname: "127.0.0.1", port: gone.port });
    });
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).code).toBe("ERR_CONNECT");
    expect((error as Error).message).toStartWith(`Cannot connect to 127.0.0.1:${gone.port}: `);
    expect((error as Error).stack).toContain("calling");
    expect(yield* thrownBy(() => connect({ unix: world.unixPath() }))).toBeInstanceOf(ConnectError);
  });

  inOne("connect that is cancelled leaks no socket", function* (world) {
    using listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
    yield* scope(function* (tasks) {
      const attempts = Array.from({ length: 5 }, () =>
        tasks.spawn(() => connect({ hostname: "127.0.0.1", port: listener.port })),
      );
      yield* checkpoint();
      expect(attempts.every((attempt) => attempt.wait !== null)).toBe(true);
      for (const attempt of attempts) attempt.cancel();
      yield* world.quiet();
      // What the kernel had connected by then is accepted, and gone: a fresh connection comes after all of it.
      const fresh = yield* connect({ hostname: "127.0.0.1", port: listener.port });
      const { localPort } = fresh.socket;
      let server: Conn | null = null;
      while (server?.remotePort !== localPort) {
        if (server !== null) yield* world.until(() => (server as Conn).closed, "the end of one that was given up");
        server = yield* listener.accept();
      }
      fresh.terminate();
      yield* world.until(() => listener.statistics().open === 0, "none is left");
    });
  });
});

describe("connect", () => {
  test("connect within a deadline gives up and leaves nothing behind", async () => {
    const sim = new Simulation({ network: { latencyMs: [50, 50] } });
    await sim.run(function* () {
      const listener = yield* listen({ port: 7_000 });
      const error = yield* thrownBy(() => timeout(20, connect({ port: 7_000 })));
      expect(error).toBeInstanceOf(TimeoutError);
      yield* sleep(1_000);
      expect(sim.host.transport.sockets.filter((socket) => !socket.closed)).toHaveLength(0);
      (yield* timeout(200, connect({ port: 7_000 }))).terminate();
      listener.close();
    });
  });

  test("connect that is made before its task resumes is delivered, whatever comes meanwhile", async () => {
    const sim = new Simulation();
    const { port, peers, stop } = SimPeer.listen(sim.host, { port: 0 });
    await sim.run(function* () {
      yield* scope(function* (tasks) {
        const connecting = tasks.spawn(function* () {
          using conn = yield* connect({ port });
          yield* conn.write("made");
        });
        sim.scheduler.instrument = {
          // The moment between wake-up and resume.
          beforeStep: (task) => task === connecting && task.token === task && task.cancel(),
        };
        expect(yield* thrownBy(() => connecting)).toMatchObject({ code: "ERR_TASK_CANCELLED" });
      });
    });
    stop();
    while (sim.host.advance());
    expect(peers).toHaveLength(1);
    expect(sim.host.transport.sockets.map((socket) => socket.statistics)).toHaveLength(1);
    (peers[0] as SimPeer).end();
  });
});
