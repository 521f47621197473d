// A server's drain hook is foreign code that runs in the middle of a cancel.

import { expect, test } from "bun:test";
import type { Conn } from "../../src/net/conn.ts";
import { listen } from "../../src/net/listen.ts";
import { serve } from "../../src/net/serve.ts";
import { SimPeer } from "../../src/sim/peer.ts";
import { Simulation } from "../../src/sim/simulate.ts";

test("serve with a drain hook that closes a conn whose handler reads ends, and does not go round the cancel tree for ever", async () => {
  const world = new Simulation({ seed: 5 });
  let held: Conn | null = null;
  const server = world.start(function* () {
    const listener = yield* listen({ hostname: "127.0.0.1", port: 7000 });
    yield* serve(
      listener,
      function* (conn) {
        held = conn;
        while ((yield* conn.read()) !== null);
      },
      { onDrain: () => held?.close() },
    );
  });
  SimPeer.connect(world.host, { hostname: "127.0.0.1", port: 7000 });
  world.host.schedule(50, () => server.cancel());
  await world.settle();
  expect(server.ending).toBe("cancelled");
  expect(held).not.toBeNull();
});
