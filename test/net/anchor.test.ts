// One connection stays reachable for ever, so that the engine never drops the hidden classes that compiled code relies on.

import { expect, test } from "bun:test";
import { anchor, anchored } from "../../src/net/anchor.ts";
import { Conn } from "../../src/net/conn.ts";
import { listen } from "../../src/net/listen.ts";
import { serve } from "../../src/net/serve.ts";
import { Task } from "../../src/core/task.ts";
import { SimPeer } from "../../src/sim/peer.ts";
import { Simulation } from "../../src/sim/simulate.ts";

test("serve keeps the first conn with its task and leaves, and only that one", async () => {
  for (let round = 0; round < 2; round++) {
    const world = new Simulation({ seed: 3 });
    const server = world.start(function* () {
      const listener = yield* listen({ hostname: "127.0.0.1", port: 7000 });
      yield* serve(listener, function* (conn) {
        for (let data; (data = yield* conn.read()) !== null;) yield* conn.write(data);
      });
    });
    const peer = SimPeer.connect(world.host, { hostname: "127.0.0.1", port: 7000 });
    peer.send("hello");
    peer.shutdown();
    world.host.schedule(1_000, () => server.cancel());
    await world.settle();
    expect(peer.text).toBe("hello");
  }
  const [conn, task, ...others] = anchored("conn");
  expect(conn).toBeInstanceOf(Conn);
  expect(task).toBeInstanceOf(Task);
  expect(others).toEqual([]);
});

test("anchor keeps what came first", () => {
  const [first, second] = [{}, {}];
  anchor("test", first);
  anchor("test", second);
  expect(anchored("test")).toEqual([first]);
  expect(anchored("test")[0]).toBe(first);
  expect(anchored("nothing")).toEqual([]);
});
