// What only the Bun transport has: a file system below unix sockets, and a system that says no. What it shares with the simulated one is in
// test/contract.

import { describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../src/concurrency/until.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { connect } from "../../src/net/connect.ts";
import { listen } from "../../src/net/listen.ts";
import { runChild } from "../bun-contract/child.ts";
import { SilentListener } from "../bun-contract/silent-listener.ts";
import { isLinux } from "../bun-contract/support.ts";
import { BunConnWorld, thrownBy } from "../contract/conn-world.ts";
import { ConnectError, ListenError } from "../../src/net/errors.ts";
import { Net } from "../contract/net.ts";
import { BunWorld } from "../contract/world.ts";

test("BunTransport unlinks a unix socket's path at stop", async () => {
  await using world = new BunWorld();
  await using net = new Net(world);
  const unix = world.unixPath();
  const listener = net.listen({ unix });
  expect(existsSync(unix)).toBe(true);
  listener.stop();
  expect(existsSync(unix)).toBe(false);
});

test("BunTransport will not take over a file that is in the way, nor remove it", async () => {
  await using world = new BunWorld();
  await using net = new Net(world);
  const unix = world.unixPath();
  writeFileSync(unix, "somebody's notes");
  expect(listenError(net, { unix }).reason).toBe("EADDRINUSE");
  expect(await Bun.file(unix).text()).toBe("somebody's notes");
});

test("BunTransport says why it cannot listen, with the system's code and the cause", async () => {
  await using world = new BunWorld();
  await using net = new Net(world);
  const error = listenError(net, { hostname: "192.0.2.1", port: 0 });
  expect(error.reason).toBe("EADDRNOTAVAIL");
  expect(error.message).toStartWith("Cannot listen on 192.0.2.1:0: ");
  expect(error.cause).toBeInstanceOf(Error);
  expect(listenError(net, { unix: "/nowhere/at/all.sock" }).reason).toBe("ENOENT");
  expect(listenError(net, { hostname: "", port: 0 }).reason).toBe("ERR_INVALID_ARG_TYPE");
});

test("BunTransport says why it cannot connect, with the cause", async () => {
  await using world = new BunWorld();
  await using net = new Net(world);
  const error = await net.connect({ hostname: "127.0.0.1", port: 1 }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ConnectError);
  expect((error as ConnectError).cause).toMatchObject({ code: "ECONNREFUSED" });
});

test("BunTransport listens at both loopback addresses for ::", async () => {
  await using world = new BunWorld();
  await using net = new Net(world);
  const listener = net.listen({ hostname: "::", port: 0 });
  for (const hostname of ["127.0.0.1", "::1"]) await net.connect({ hostname, port: listener.port });
  await world.until(() => net.ends.length === 4, "both ends of both");
  const addresses = net.ends.map((end) => end.socket.remoteAddress).toSorted();
  expect(addresses).toEqual(["127.0.0.1", "::1", "::1", "::ffff:127.0.0.1"]);
});

function listenError(net: Net, address: Parameters<Net["listen"]>[0]): ListenError {
  try {
    net.listen(address);
  } catch (error) {
    if (error instanceof ListenError) return error;
    throw error;
  }
  throw new Error("it listens, where it should not");
}

describe.skipIf(!isLinux)("a connection that nobody answers", () => {
  const world = new BunConnWorld();

  test("connect that runs out of time, or is cancelled, leaves no attempt with the kernel", async () => {
    await using listener = await SilentListener.start();
    const { port, waiting } = listener;
    await world.run(function* () {
      const error = yield* thrownBy(() => connect({ port, timeoutMs: 50 }));
      expect(error).toMatchObject({ reason: "ETIMEDOUT", attempts: [{ reason: "EINPROGRESS" }] });
      expect((error as Error).message).toBe(`Cannot connect to 127.0.0.1:${port}: no answer came within 50 ms`);
      yield* until(listener.has(waiting));
      yield* scope(function* (tasks) {
        const connecting = tasks.spawn(() => connect({ port }));
        yield* until(listener.has(waiting + 1));
        connecting.cancel();
      });
      yield* until(listener.has(waiting));
    });
  });

  // What used to hold a program up for two minutes.
  test("connect that ran out of time does not keep the process up", async () => {
    await using listener = await SilentListener.start();
    const { lines, exitCode } = await runChild(`
      import { run, connect } from ${JSON.stringify(join(import.meta.dir, "../../src/index.ts"))};
      const error = await run(() => connect({ port: ${listener.port}, timeoutMs: 50 })).promise.catch((error) => error);
      console.log(error.reason);`);
    expect([lines, exitCode]).toEqual([["ETIMEDOUT"], 0]);
  });
});

test("connect to a name that nobody knows says so", async () => {
  await new BunConnWorld().run(function* () {
    const error = yield* thrownBy(() => connect({ hostname: "nobody.invalid", port: 1 }));
    expect(error).toMatchObject({ name: "ConnectError", attempts: [] });
    expect((error as ConnectError).message).toStartWith("Cannot connect to nobody.invalid:1: ");
    expect(yield* thrownBy(() => connect({ hostname: "", port: 1 }))).toMatchObject({ reason: "ENOTFOUND" });
  });
});

test("connect by name reaches a server at one of its addresses", async () => {
  await new BunConnWorld().run(function* () {
    using listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
    const client = yield* connect({ hostname: "localhost", port: listener.port });
    expect(client.remoteAddress).toBe("127.0.0.1");
    client.terminate();
  });
});
