// The peer that tests drive by hand.

import { describe, expect, test } from "bun:test";
import type { Operation } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { RawSocket, SocketHandler } from "../../src/net/transport.ts";
import { CALM_NETWORK, ROUGH_NETWORK, SimPeer, Simulation } from "../../src/sim/index.ts";

const PORT = { port: 7_000 };
const SECOND_MS = 1_000;

/** Runs `body` in a world with an echo that answers FIN by FIN. */
async function withEcho(body: (world: Simulation) => Operation<void>, network = CALM_NETWORK): Promise<void> {
  const world = new Simulation({ seed: 3, network });
  world.host.transport.listen(PORT, echo);
  await world.run(() => body(world));
}

function echo(socket: RawSocket): SocketHandler {
  let waiting: Uint8Array = new Uint8Array(0);
  let over = false;
  const flush = (): void => {
    const taken = socket.write(waiting, 0, waiting.length);
    if (taken > 0) waiting = waiting.subarray(taken);
    if (over && waiting.length === 0) socket.shutdown();
  };
  return {
    socketData(chunk): void {
      waiting = Buffer.concat([waiting, chunk]);
      flush();
    },
    socketDrained: flush,
    socketEnded(): void {
      over = true;
      flush();
    },
    socketClosed(): void {},
  };
}

describe("SimPeer.connect", () => {
  test("SimPeer sends and receives, and notes what it was told and when", () =>
    withEcho(function* (world) {
      const peer = SimPeer.connect(world.host, PORT);
      peer.send("hello, ");
      peer.send(Buffer.from("wörld"));
      expect([peer.opened, peer.text]).toEqual([false, ""]);
      yield* sleep(SECOND_MS);
      expect(peer.opened).toBe(true);
      expect(peer.text).toBe("hello, wörld");
      expect(peer.received).toEqual(new Uint8Array(Buffer.from("hello, wörld")));
      peer.shutdown();
      yield* sleep(SECOND_MS);
      expect([peer.ended, peer.closed, peer.wasReset]).toEqual([false, true, false]);
      const events = peer.events.map(({ event }) => event);
      expect([events[0], events.at(-1)]).toEqual(["opened", "closed"]);
      expect(peer.events.map(({ at }) => at)).toEqual(peer.events.map(({ at }) => at).toSorted((a, b) => a - b));
      expect(world.host.transport.sockets).toEqual([]);
    }));

  test("SimPeer sends everything before its FIN, through any network", () =>
    withEcho(function* (world) {
      const text = "0123456789".repeat(500);
      const peer = SimPeer.connect(world.host, PORT);
      peer.send(text);
      peer.shutdown();
      peer.send("dropped: after the FIN");
      yield* sleep(3_600 * SECOND_MS);
      expect(peer.text).toBe(text);
      expect([peer.unsentBytes, peer.closed]).toEqual([0, true]);
    }, ROUGH_NETWORK));

  test("SimPeer hears that nobody listens", () =>
    withEcho(function* (world) {
      const peer = SimPeer.connect(world.host, { port: 9 });
      peer.send("hello?");
      yield* sleep(SECOND_MS);
      expect(peer.events.map(({ event }) => event)).toEqual(["failed"]);
      expect((peer.error as Error).message).toBe(
        "Cannot connect to 127.0.0.1:9: the connection was refused (ECONNREFUSED)",
      );
      expect([peer.opened, peer.closed, peer.socket]).toEqual([false, true, null]);
    }));

  test("SimPeer.pause leaves the other side's bytes in its buffers, also from the first", () =>
    withEcho(function* (world) {
      const peer = SimPeer.connect(world.host, PORT);
      peer.pause();
      peer.send("piled up");
      yield* sleep(SECOND_MS);
      expect(peer.text).toBe("");
      peer.resume();
      yield* sleep(SECOND_MS);
      expect(peer.text).toBe("piled up");
      peer.end();
      expect(peer.closed).toBe(true);
    }));

  test("SimPeer.reset and a reset of the other side are told apart from an orderly end", () =>
    withEcho(function* (world) {
      const peer = SimPeer.connect(world.host, PORT);
      yield* sleep(SECOND_MS);
      peer.socket?.peer.terminate();
      yield* sleep(SECOND_MS);
      expect([peer.wasReset, peer.ended]).toEqual([true, false]);
      expect(peer.error).toMatchObject({ code: "ECONNRESET" });
      const other = SimPeer.connect(world.host, PORT);
      yield* sleep(SECOND_MS);
      other.reset();
      other.send("too late");
      other.reset();
      expect([other.wasReset, other.closed]).toEqual([false, true]);
      yield* sleep(SECOND_MS);
      expect(world.host.transport.sockets).toEqual([]);
    }));

  test("SimPeer gives up connecting", () =>
    withEcho(function* (world) {
      for (const how of ["end", "reset"] as const) {
        const peer = SimPeer.connect(world.host, PORT);
        peer[how]();
        peer[how]();
        yield* sleep(SECOND_MS);
        expect(peer.events.map(({ event }) => event)).toEqual(["closed"]);
      }
      expect(world.host.transport.sockets).toEqual([]);
    }));
});

describe("SimPeer.listen", () => {
  test("SimPeer.listen makes a peer of each connection", async () => {
    const world = new Simulation({ seed: 8 });
    await world.run(function* () {
      const server = SimPeer.listen(world.host, { port: 0 });
      const clients = [1, 2].map(() => SimPeer.connect(world.host, { port: server.port }));
      yield* sleep(SECOND_MS);
      expect(server.peers.length).toBe(2);
      for (const peer of server.peers) peer.send("hello");
      yield* sleep(SECOND_MS);
      expect(clients.map(({ text }) => text)).toEqual(["hello", "hello"]);
      server.stop();
      const late = SimPeer.connect(world.host, { port: server.port });
      yield* sleep(SECOND_MS);
      expect(late.opened).toBe(false);
      for (const peer of server.peers) peer.end();
      yield* sleep(SECOND_MS);
      expect(clients.map(({ ended }) => ended)).toEqual([true, true]);
    });
  });
});
