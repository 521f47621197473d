// A handler that loses a connection: its own client's going is no news, another one's is.

import { expect, test } from "bun:test";
import { connect } from "../../src/net/connect.ts";
import { ConnectionLostError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import { serve } from "../../src/net/serve.ts";
import { SimPeer } from "../../src/sim/peer.ts";
import { Simulation } from "../../src/sim/simulate.ts";

test("serve reports a connection that its handler lost elsewhere, and not the client's own going", async () => {
  const world = new Simulation({ seed: 1 });
  const told: unknown[] = [];
  const back = SimPeer.listen(world.host, { hostname: "127.0.0.1", port: 9 });
  const server = world.start(function* () {
    const listener = yield* listen({ hostname: "127.0.0.1", port: 7000 });
    const onError = (error: unknown): void => void told.push(error);
    yield* serve(
      listener,
      function* (conn) {
        const first = yield* conn.read();
        if (first?.length === 1) yield* conn.read();
        using upstream = yield* connect({ hostname: "127.0.0.1", port: 9 });
        yield* upstream.read();
      },
      { onError },
    );
  });
  const gone = SimPeer.connect(world.host, { hostname: "127.0.0.1", port: 7000 });
  gone.send("1");
  const waiting = SimPeer.connect(world.host, { hostname: "127.0.0.1", port: 7000 });
  waiting.send("two");
  world.host.schedule(500, () => gone.reset());
  world.host.schedule(1_000, () => back.peers[0]?.reset());
  world.host.schedule(2_000, () => {
    back.stop();
    server.cancel();
  });
  await world.settle();
  expect(told.map((error) => error instanceof ConnectionLostError)).toEqual([true]);
});

test("a starless yield of a reused leaf fails with ProtocolError, and leaves the reader's slot free", async () => {
  const world = new Simulation({ seed: 1, development: false });
  const seen: unknown[] = [];
  const server = world.start(function* () {
    const listener = yield* listen({ hostname: "127.0.0.1", port: 7000 });
    yield* serve(listener, function* (conn) {
      yield* conn.read();
      try {
        yield conn.read() as never;
      } catch (error) {
        seen.push((error as { code?: string }).code);
      }
      seen.push((yield* conn.read())?.length);
    });
  });
  const peer = SimPeer.connect(world.host, { hostname: "127.0.0.1", port: 7000 });
  peer.send("a");
  world.host.schedule(500, () => peer.send("bcd"));
  world.host.schedule(2_000, () => server.cancel());
  await world.settle();
  expect(seen).toEqual(["ERR_PROTOCOL", 3]);
});
