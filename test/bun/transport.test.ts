// What only the Bun transport has: a file system below unix sockets, and a system that says no. What it shares with the simulated one is in
// test/contract.

import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
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
