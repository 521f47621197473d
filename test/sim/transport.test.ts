// What only the simulated transport has: seeds, statistics, faults, host names of its own. What it shares with Bun's is in test/contract.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ConnectError } from "../../src/net/errors.ts";
import { CALM_NETWORK, type NetworkOptions, ROUGH_NETWORK, type SimSocket, SimTransport } from "../../src/sim/index.ts";
import { type End, Net, patterned } from "../contract/net.ts";
import { SimWorld } from "../contract/world.ts";

const netOf = (network: NetworkOptions, seed = 1): Net & { readonly world: SimWorld } =>
  new Net(new SimWorld({ seed, network })) as Net & { readonly world: SimWorld };

/** Two ends that talk for a while; every callback with its moment, size and owner. */
async function trace(seed: number, network: NetworkOptions): Promise<string> {
  const world = new SimWorld({ seed, network });
  const net = new Net(world);
  const lines: string[] = [];
  const { client, server } = await net.pair();
  const watch = (name: string, end: End): void => {
    const log = (what: string): void => void lines.push(`${world.host.now()} ${name} ${what}`);
    end.onData = (chunk) => {
      log(`data ${chunk.length} ${Bun.hash(chunk)}`);
      if (end.chunks.length % 7 === 0) end.socket.pause();
      if (end.chunks.length % 7 === 0) world.host.schedule(3, () => end.socket.resume());
    };
    end.onEnded = () => log("ended");
    end.onClosed = () => log("closed");
  };
  watch("client", client);
  watch("server", server);
  client.pour(patterned(5_000), () => client.socket.shutdown());
  server.pour(patterned(4_000), () => server.socket.shutdown());
  await world.settle();
  lines.push(JSON.stringify(world.host.transport.statistics));
  return lines.join("\n");
}

describe("SimTransport under a seed", () => {
  test("SimTransport gives the same trace, byte for byte, for the same seed", async () => {
    for (const network of [{}, CALM_NETWORK, ROUGH_NETWORK, { ...ROUGH_NETWORK, resetChance: 0.01 }]) {
      expect(await trace(11, network)).toBe(await trace(11, network));
    }
  });

  test("SimTransport gives other traces for other seeds", async () => {
    const traces = await Promise.all([1, 2, 3, 4, 5].map((seed) => trace(seed, ROUGH_NETWORK)));
    expect(new Set(traces).size).toBe(5);
  });

  test("SimTransport leaves nothing to chance in a calm network", async () => {
    expect(await trace(1, CALM_NETWORK)).toBe(await trace(2, CALM_NETWORK));
  });

  test("any bytes, written under any seed and through any network, arrive whole and in order unless a reset happened", async () => {
    const range = (least: number, most: number): fc.Arbitrary<readonly [number, number]> =>
      fc
        .tuple(fc.integer({ min: least, max: most }), fc.nat({ max: most }))
        .map(([min, more]) => [min, min + more] as const);
    const network: fc.Arbitrary<NetworkOptions> = fc.record({
      latencyMs: range(0, 30),
      segmentBytes: range(1, 200),
      sendBufferBytes: range(1, 500),
      receiveBufferBytes: fc.integer({ min: 1, max: 500 }),
      spuriousDrainChance: fc.constantFrom(0, 0.5, 1),
      resetChance: fc.constantFrom(0, 0, 0.02),
    });
    const bytes = fc.uint8Array({ maxLength: 1_500 });
    await fc.assert(
      fc.asyncProperty(fc.integer(), network, bytes, bytes, async (seed, network, there, back) => {
        await using net = netOf(network, seed);
        const { client, server } = await net.pair();
        client.pour(there, () => client.socket.shutdown());
        server.pour(back, () => server.socket.shutdown());
        await net.world.settle();
        const intact = network.resetChance === 0;
        for (const [end, sent] of [
          [server, there],
          [client, back],
        ] as const) {
          if (intact) expect(end.bytes).toBe(sent.length);
          expect(Buffer.compare(end.received, sent.subarray(0, end.bytes))).toBe(0);
          expect(end.isClosed).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("SimTransport's network options", () => {
  test("segmentBytes of one gives one byte at a time", async () => {
    await using net = netOf({ segmentBytes: [1, 1] });
    const { client, server } = await net.pair();
    client.send("one at a time");
    await net.world.settle();
    expect(server.chunks.map((chunk) => chunk.length)).toEqual(new Array(13).fill(1));
  });

  test("segmentBytes makes small pieces as likely as large ones", async () => {
    await using net = netOf({});
    const { client, server } = await net.pair();
    client.pour(patterned(3_000_000), () => {});
    await net.world.settle();
    const sizes = server.chunks.map((chunk) => chunk.length);
    expect(sizes.filter((size) => size < 256).length).toBeGreaterThan(sizes.length / 4);
    expect(sizes.filter((size) => size >= 256).length).toBeGreaterThan(sizes.length / 4);
  });

  test("latencyMs keeps bytes on their way for that long", async () => {
    await using net = netOf({ ...CALM_NETWORK, latencyMs: [250, 250] });
    const { client, server } = await net.pair();
    const sent = net.world.host.now();
    client.send("slow");
    await net.world.until(() => server.bytes === 4, "the bytes");
    expect(net.world.host.now()).toBe(sent + 250);
  });

  test("sendBufferBytes and receiveBufferBytes together bound what a peer that does not read makes us hold", async () => {
    await using net = netOf({ ...CALM_NETWORK, sendBufferBytes: [1_000, 1_000], receiveBufferBytes: 300 });
    const { client, server } = await net.pair();
    server.socket.pause();
    let filled = client.fill();
    expect(filled).toBe(1_000);
    await net.world.settle();
    filled += client.fill();
    await net.world.settle();
    expect([filled, client.fill()]).toEqual([1_300, 0]);
    server.socket.resume();
    await net.world.settle();
    expect(server.bytes).toBe(1_300);
  });

  test("spuriousDrainChance of one drains after every chunk, and of none only at pause, resume and FIN", async () => {
    for (const [chance, drains] of [
      [1, 4],
      [0, 3],
    ] as const) {
      await using net = netOf({ ...CALM_NETWORK, spuriousDrainChance: chance });
      const { client, server } = await net.pair();
      client.send("x");
      await net.world.settle();
      server.socket.pause();
      await net.world.settle();
      server.socket.resume();
      await net.world.settle();
      client.socket.shutdown();
      await net.world.settle();
      expect(server.drains).toBe(drains);
    }
  });

  test("resetChance of one resets both ends at the first segment", async () => {
    await using net = netOf({ ...CALM_NETWORK, resetChance: 1 });
    const { client, server } = await net.pair();
    client.send("lost");
    await net.world.settle();
    expect([client.told, server.told]).toEqual([["closed"], ["closed"]]);
  });

  test("SimTransport refuses options that cannot work", () => {
    const clock = { prng: { next: () => 0, between: () => 0, chance: () => false }, now: () => 0, schedule() {} };
    const bad: NetworkOptions[] = [
      { latencyMs: [-1, 0] },
      { latencyMs: [2, 1] },
      { segmentBytes: [0, 5] },
      { sendBufferBytes: [0, 0] },
      { receiveBufferBytes: 0 },
      { latencyMs: [0, Number.POSITIVE_INFINITY] },
      { segmentBytes: [Number.NaN, 1] },
    ];
    for (const options of bad) expect(() => new SimTransport(clock, options)).toThrow(RangeError);
  });
});

describe("SimTransport's statistics", () => {
  test("statistics count calls and bytes exactly, for each socket and in sum", async () => {
    await using net = netOf({ ...CALM_NETWORK, sendBufferBytes: [10, 10] });
    const { client, server } = await net.pair();
    const socket = client.socket as SimSocket;
    expect(client.socket.write(patterned(16), 0, 16)).toBe(10);
    expect(client.socket.write(patterned(6), 0, 6)).toBe(0);
    await net.world.settle();
    expect(client.socket.write(patterned(6), 0, 6)).toBe(6);
    server.socket.pause();
    server.socket.resume();
    await net.world.settle();
    expect(socket.statistics).toEqual({
      writes: 3,
      shortWrites: 2,
      bytesWritten: 16,
      reads: 0,
      bytesRead: 0,
      pauses: 0,
      resumes: 0,
      drains: 1,
    });
    expect(socket.peer.statistics).toMatchObject({ reads: 2, bytesRead: 16, pauses: 1, resumes: 1, drains: 1 });
    expect(net.world.host.transport.statistics).toMatchObject({
      writes: 3,
      bytesWritten: 16,
      bytesRead: 16,
      pauses: 1,
      drains: 2,
    });
  });

  test("sockets and listeners list what is open, and are empty when nothing was leaked", async () => {
    await using net = netOf({});
    const { transport } = net.world.host;
    const { client, server, listener } = await net.pair();
    expect(transport.sockets.map((socket) => socket.closed)).toEqual([false, false]);
    expect(transport.listeners.map(({ port }) => port)).toEqual([listener.port]);
    client.socket.shutdown();
    server.socket.shutdown();
    await net.world.settle();
    expect(transport.sockets).toEqual([]);
    listener.stop();
    expect(transport.listeners).toEqual([]);
  });
});

describe("SimSocket's faults", () => {
  test("reset breaks the connection for both ends; what had arrived is still read", async () => {
    await using net = netOf(CALM_NETWORK);
    const { client, server } = await net.pair();
    server.socket.pause();
    client.send("arrived");
    await net.world.settle();
    client.send("under way");
    (client.socket as SimSocket).reset();
    await net.world.settle();
    expect(server.text).toBe("arrived");
    expect([client.told, server.told]).toEqual([["closed"], ["data", "closed"]]);
  });

  test("stall lets nothing through in either direction and tells nobody; unstall delivers it in order", async () => {
    await using net = netOf({});
    const { client, server } = await net.pair();
    const socket = client.socket as SimSocket;
    socket.stall();
    client.send("there");
    server.send("back");
    client.socket.shutdown();
    await net.world.pass(3_600_000);
    expect([client.told, server.told]).toEqual([[], []]);
    socket.unstall();
    await net.world.settle();
    expect([client.text, server.text]).toEqual(["back", "there"]);
    expect(server.isEnded).toBe(true);
  });

  test("stall fills the sender's buffer", async () => {
    await using net = netOf({ ...CALM_NETWORK, sendBufferBytes: [1_000, 1_000] });
    const { client, server } = await net.pair();
    (server.socket as SimSocket).stall();
    expect(client.fill()).toBe(1_000);
    await net.world.settle();
    expect(client.fill()).toBe(0);
  });
});

describe("SimTransport's addresses", () => {
  test("a world may hold several machines: any host name can be listened at", async () => {
    await using net = netOf({});
    const greet = (name: string) => (end: End) => end.send(name);
    net.listen({ hostname: "db.internal", port: 5_432 }, greet("db"));
    net.listen({ hostname: "cache.internal", port: 5_432 }, greet("cache"));
    const client = await net.connect({ hostname: "cache.internal", port: 5_432 });
    await net.world.until(() => client.bytes > 0, "a greeting");
    expect(client.text).toBe("cache");
    expect(await net.connect({ hostname: "web.internal", port: 5_432 }).catch((error) => error)).toBeInstanceOf(
      ConnectError,
    );
  });

  test("wildcards and localhost answer for what they answer for on Linux", async () => {
    const reach = async (bound: string, dialled: string): Promise<string | null> => {
      await using net = netOf({});
      const servers: End[] = [];
      net.listen({ hostname: bound, port: 80 }, (end) => servers.push(end));
      const client = await net.connect({ hostname: dialled, port: 80 }).catch(() => null);
      await net.world.settle();
      return client === null ? null : (servers[0] as End).socket.remoteAddress;
    };
    expect(await reach("0.0.0.0", "127.0.0.1")).toBe("127.0.0.1");
    expect(await reach("0.0.0.0", "::1")).toBe(null);
    expect(await reach("::", "::1")).toBe("::1");
    expect(await reach("::", "127.0.0.1")).toBe("::ffff:127.0.0.1");
    expect(await reach("localhost", "127.0.0.1")).toBe("127.0.0.1");
    expect(await reach("localhost", "::1")).toBe(null);
    expect(await reach("127.0.0.1", "localhost")).toBe("127.0.0.1");
  });
});
