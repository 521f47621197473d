// What net/transport.ts promises about sockets that close, are closed and are reset. Part of transport.contract.ts. That `closed` comes once and
// last is checked by the recorders in every test.

import { expect, test } from "bun:test";
import { Net, patterned } from "./net.ts";
import type { World } from "./world.ts";

export function closingContract(makeWorld: () => World): void {
  closeContract(makeWorld);
  resetContract(makeWorld);
}

function closeContract(makeWorld: () => World): void {
  for (const how of ["end", "terminate"] as const) {
    test(`${how} calls closed before it returns`, async () => {
      await using net = new Net(makeWorld());
      const { client } = await net.pair();
      client.socket[how]();
      expect(client.told).toEqual(["closed"]);
    });

    test(`${how} within data calls closed there and lets nothing more come`, async () => {
      await using net = new Net(makeWorld());
      const { client, server } = await net.pair();
      let within: readonly string[] = [];
      server.onData = () => {
        server.socket[how]();
        within = [...server.told];
      };
      client.pour(patterned(net.world.bulkBytes), () => {});
      await net.world.until(() => server.isClosed, "closed");
      await net.world.until(() => client.isClosed || client.isEnded, "the peer hears of it");
      expect(within).toEqual(["data", "closed"]);
      expect(server.chunks.length).toBe(1);
    });

    test(`${how} within ended and within drained calls closed there`, async () => {
      await using net = new Net(makeWorld());
      const { client, server } = await net.pair();
      server.onEnded = () => server.socket[how]();
      client.socket.shutdown();
      await net.world.until(() => server.isClosed && client.isClosed, "both are closed");
      const second = await net.pair();
      second.server.onDrained = () => second.server.socket[how]();
      second.server.socket.pause();
      second.server.socket.resume();
      second.client.socket.pause();
      second.server.fill();
      second.client.socket.resume();
      await net.world.until(() => second.server.isClosed, "closed within drained");
    });

    test(`${how} leaves a socket on which every call is harmless`, async () => {
      await using net = new Net(makeWorld());
      const { client } = await net.pair();
      client.socket[how]();
      for (const again of ["end", "terminate", "shutdown", "pause", "resume"] as const) client.socket[again]();
      expect(client.socket.write(Buffer.from("x"), 0, 1)).toBe(-1);
      expect(client.socket.write(Buffer.from("x"), 0, 0)).toBeLessThan(1);
      await net.world.settle();
      expect(client.told).toEqual(["closed"]);
    });
  }

  test("end with nothing unread lets everything arrive that write has accepted, then the end", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.socket.pause();
    await net.world.settle();
    const filled = client.fill();
    client.socket.end();
    server.socket.resume();
    await net.world.until(() => server.isEnded, "the end");
    expect(server.bytes).toBe(filled);
    expect(server.told).toEqual(["data", "ended"]);
  });

  test("end with unread input resets the peer", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.socket.pause();
    server.send("unread");
    await net.world.settle();
    client.socket.end();
    await net.world.until(() => server.isClosed, "the reset");
    expect(server.isEnded).toBe(false);
  });

  test("end with unread input loses bytes that write has accepted", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.socket.pause();
    server.socket.pause();
    server.send("unread");
    await net.world.settle();
    const filled = client.fill();
    client.socket.end();
    await net.world.until(() => server.isClosed, "the reset");
    expect(server.bytes).toBeLessThan(filled);
  });

  test("end answers a peer that goes on sending with a reset", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.socket.end();
    await net.world.until(() => server.isEnded, "the client's FIN");
    // Accepted: the kernel does not know yet that nobody reads there.
    server.send("too late");
    await net.world.until(() => server.isClosed, "the reset");
    expect(server.told).toEqual(["ended", "closed"]);
  });
}

function resetContract(makeWorld: () => World): void {
  test("terminate resets the peer: closed without ended", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.socket.terminate();
    await net.world.until(() => server.isClosed, "the reset");
    expect(server.told).toEqual(["closed"]);
  });

  test("terminate loses bytes that write has accepted for a peer that reads late", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    server.socket.pause();
    await net.world.settle();
    const filled = client.fill();
    client.socket.terminate();
    await net.world.until(() => server.isClosed, "the reset");
    expect(server.bytes).toBeLessThan(filled);
    expect(server.isEnded).toBe(false);
  });

  test("terminate after our FIN and after the peer's", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.socket.shutdown();
    await net.world.until(() => server.isEnded, "the client's FIN");
    client.socket.terminate();
    await net.world.until(() => server.isClosed, "the reset");
    const second = await net.pair();
    second.client.socket.shutdown();
    await net.world.until(() => second.server.isEnded, "the client's FIN");
    second.server.socket.terminate();
    await net.world.until(() => second.client.isClosed, "the reset");
    expect(second.client.told).toEqual(["closed"]);
  });

  test("write gives -1 once the peer's reset is here, and closed follows", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    let results: number[] = [];
    client.socket.terminate();
    // It may be accepted as long as the reset is on its way; then it is -1 for good.
    const write = (): void => void results.push(server.socket.write(Buffer.from("x"), 0, 1));
    write();
    await net.world.until(() => server.isClosed, "closed");
    write();
    expect(results.at(-1)).toBe(-1);
    expect(results[0] === 1 || results[0] === -1).toBe(true);
    expect(server.told.filter((told) => told !== "ended")).toEqual(["closed"]);
    results = [];
  });

  test("a reset in mid-stream leaves a prefix", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    const sent = patterned(net.world.bulkBytes);
    client.pour(sent, () => {});
    await net.world.until(() => server.bytes > 0, "a first chunk");
    client.socket.terminate();
    await net.world.until(() => server.isClosed, "closed");
    expect(Buffer.compare(server.received, sent.subarray(0, server.bytes))).toBe(0);
  });
}
