// What net/transport.ts promises, for any transport: connections and how they are made. What happens to bytes and to closing sockets is in
// transport-bytes.contract.ts and transport-closing.contract.ts.

import { describe, expect, test } from "bun:test";
import { ConnectError, ListenError } from "../../src/net/errors.ts";
import type { ResolvedAddress, SocketAddress, SocketHandler, StalePath } from "../../src/net/transport.ts";
import { type End, Net } from "./net.ts";
import { bytesContract } from "./transport-bytes.contract.ts";
import { closingContract } from "./transport-closing.contract.ts";
import type { World } from "./world.ts";

const LOOPBACK: SocketAddress = { hostname: "127.0.0.1", port: 0 };

/** Runs the suite for the transports of the worlds that `makeWorld` makes. */
export function transportContract(name: string, makeWorld: () => World): void {
  describe(`transport contract: ${name}`, () => {
    listenContract(makeWorld);
    acceptContract(makeWorld);
    connectContract(makeWorld);
    namesContract(makeWorld);
    unixContract(makeWorld);
    bytesContract(makeWorld);
    closingContract(makeWorld);
  });
}

function listenContract(makeWorld: () => World): void {
  test("listen gives a free port for 0, another each time, and the host's name", async () => {
    await using net = new Net(makeWorld());
    const [one, other] = [net.listen(), net.listen()];
    expect(one.port).toBeWithin(1, 65_536);
    expect(other.port).not.toBe(one.port);
    expect(one.hostname).toBe("127.0.0.1");
  });

  test("listen throws ListenError where somebody listens already", async () => {
    await using net = new Net(makeWorld());
    const { port } = net.listen();
    const error = thrownBy(() => net.listen({ hostname: "127.0.0.1", port }));
    expect(error).toBeInstanceOf(ListenError);
    expect((error as ListenError).reason).toBe("EADDRINUSE");
    expect((error as ListenError).message).toBe(`Cannot listen on 127.0.0.1:${port}: the address is in use`);
    expect(thrownBy(() => net.listen({ hostname: "0.0.0.0", port }))).toBeInstanceOf(ListenError);
  });

  test("listen throws ListenError for a port that is none", async () => {
    await using net = new Net(makeWorld());
    for (const port of [65_536, -1, 1.5]) {
      const error = thrownBy(() => net.listen({ hostname: "127.0.0.1", port }));
      expect(error).toBeInstanceOf(ListenError);
      expect((error as ListenError).reason).toBe("ERR_OUT_OF_RANGE");
    }
  });

  test("stop frees the address, and is harmless twice", async () => {
    await using net = new Net(makeWorld());
    const listener = net.listen();
    listener.stop();
    listener.stop();
    const again = net.listen({ hostname: "127.0.0.1", port: listener.port });
    expect(again.port).toBe(listener.port);
    listener.stop();
    await net.connect({ hostname: "127.0.0.1", port: again.port });
  });

  test("stop leaves open connections alone and lets nobody else in", async () => {
    await using net = new Net(makeWorld());
    const { client, server, listener } = await net.pair();
    listener.stop();
    expect(await net.connect({ hostname: "127.0.0.1", port: listener.port }).catch((error) => error)).toBeInstanceOf(
      ConnectError,
    );
    client.send("ping");
    await net.world.until(() => server.text === "ping", "bytes after stop");
    server.send("pong");
    await net.world.until(() => client.text === "pong", "an answer after stop");
  });

  test("stop resets or refuses those on their way in", async () => {
    await using net = new Net(makeWorld());
    let accepted = 0;
    const listener = net.listen(LOOPBACK, () => accepted++);
    let failed = 0;
    for (let i = 0; i < 3; i++) {
      const fail = (): void => {
        failed++;
        net.world.poke();
      };
      const address = { hostname: "127.0.0.1", port: listener.port };
      net.world.host.transport.connect(address, (socket) => net.own(socket), fail);
    }
    listener.stop();
    const gone = (): number => failed + net.ends.filter((end) => end.isClosed).length;
    await net.world.until(() => gone() === 3, "all are gone");
    expect(accepted).toBe(0);
  });
}

function acceptContract(makeWorld: () => World): void {
  test("accept is called once for each connection, and each has its own handler", async () => {
    await using net = new Net(makeWorld());
    const servers: End[] = [];
    const listener = net.listen(LOOPBACK, (end) => servers.push(end));
    const clients: End[] = [];
    for (let i = 0; i < 5; i++) clients.push(await net.connect({ hostname: "127.0.0.1", port: listener.port }));
    for (const [i, client] of clients.entries()) client.send(`I am ${i}`);
    await net.world.until(() => servers.length === 5 && servers.every((end) => end.bytes === 6), "five greetings");
    expect(servers.map((end) => end.text).toSorted()).toEqual([0, 1, 2, 3, 4].map((i) => `I am ${i}`));
  });

  test("accept giving null resets the connection, and nothing is told to anybody there", async () => {
    await using net = new Net(makeWorld());
    const listener = net.listenRaw(LOOPBACK, () => null);
    const client = await net.connect({ hostname: "127.0.0.1", port: listener.port }).catch(() => null);
    // A client may hear of it as a failed attempt, or as a connection that closes.
    if (client !== null) await net.world.until(() => client.isClosed, "the refused client is closed");
    expect(client?.isEnded ?? false).toBe(false);
  });

  test("handOver has another handler told of what comes from then on, and gives the socket back as well", async () => {
    await using net = new Net(makeWorld());
    const { transport } = net.world.host;
    const { client, server } = await net.pair();
    client.send("one");
    await net.world.until(() => server.text === "one", "the first bytes");
    const told: string[] = [];
    const other: SocketHandler = {
      socketData(chunk) {
        told.push(Buffer.from(chunk).toString());
        net.world.poke();
      },
      socketDrained() {},
      socketEnded: () => told.push("ended"),
      socketClosed: () => told.push("closed"),
    };
    transport.handOver(server.socket, other);
    client.send("two");
    await net.world.until(() => told.join("") === "two", "the bytes after the change");
    transport.handOver(server.socket, server);
    client.send("three");
    await net.world.until(() => server.text === "onethree", "the bytes after the change back");
    expect(told.join("")).toBe("two");
  });

  test("handOver of a socket that is gone tells the new handler so, and nobody else again", async () => {
    await using net = new Net(makeWorld());
    const { server } = await net.pair();
    server.socket.terminate();
    expect(server.told).toEqual(["closed"]);
    const told: string[] = [];
    net.world.host.transport.handOver(server.socket, {
      socketData: () => told.push("data"),
      socketDrained: () => told.push("drained"),
      socketEnded: () => told.push("ended"),
      socketClosed: () => told.push("closed"),
    });
    expect([told, server.told]).toEqual([["closed"], ["closed"]]);
  });

  test("accept may write, and what it writes arrives", async () => {
    await using net = new Net(makeWorld());
    const listener = net.listen(LOOPBACK, (end) => end.send("welcome"));
    const client = await net.connect({ hostname: "127.0.0.1", port: listener.port });
    await net.world.until(() => client.text === "welcome", "the greeting");
  });

  for (const how of ["end", "terminate"] as const) {
    test(`accept may ${how} the socket, and its handler hears closed once`, async () => {
      await using net = new Net(makeWorld());
      const servers: End[] = [];
      const listener = net.listen(LOOPBACK, (end) => {
        servers.push(end);
        end.socket[how]();
      });
      await net.connect({ hostname: "127.0.0.1", port: listener.port }).catch(() => null);
      await net.world.until(() => servers[0]?.isClosed === true, "closed");
      await net.world.settle();
      expect(servers.map((end) => end.told)).toEqual([["closed"]]);
    });
  }
}

function connectContract(makeWorld: () => World): void {
  test("connect calls opened later, once, and the ends know each other", async () => {
    await using net = new Net(makeWorld());
    const servers: End[] = [];
    const listener = net.listen(LOOPBACK, (end) => servers.push(end));
    const address = { hostname: "127.0.0.1", port: listener.port };
    const opened: End[] = [];
    const fail = (error: unknown): never => {
      throw error;
    };
    net.world.host.transport.connect(
      address,
      (socket) => {
        const end = net.own(socket);
        opened.push(end);
        return end;
      },
      fail,
    );
    expect(opened).toEqual([]);
    await net.world.until(() => opened.length > 0 && servers.length > 0, "both ends");
    await net.world.settle();
    expect([opened.length, servers.length]).toEqual([1, 1]);
    const [client, server] = [opened[0]?.socket, servers[0]?.socket];
    expect([client?.remoteAddress, server?.remoteAddress]).toEqual(["127.0.0.1", "127.0.0.1"]);
    expect([client?.remotePort, server?.localPort]).toEqual([listener.port, listener.port]);
    expect(server?.remotePort).toBe(client?.localPort as number);
  });

  test("addresses are not there for a unix socket, nor once a socket is closed", async () => {
    await using net = new Net(makeWorld());
    const addresses = ({ socket }: End): unknown[] => [socket.remoteAddress, socket.remotePort, socket.localPort];
    const { client } = await net.pair();
    client.socket.end();
    expect(addresses(client)).toEqual([undefined, undefined, undefined]);
    const unix = await net.pair({ unix: net.world.unixPath() });
    for (const end of [unix.client, unix.server]) expect(addresses(end)).toEqual([undefined, undefined, undefined]);
  });

  test("a unix socket hears of its peer's close as ended and closed together", async () => {
    await using net = new Net(makeWorld());
    for (const how of ["end", "terminate"] as const) {
      const { client, server } = await net.pair({ unix: net.world.unixPath() });
      client.send("last words");
      client.socket[how]();
      expect(server.socket.write(Buffer.from("x"), 0, 1)).toBe(-1);
      await net.world.until(() => server.isClosed, "closed");
      expect(server.told).toEqual(["data", "ended", "closed"]);
      expect(server.text).toBe("last words");
    }
  });

  const nowhere: [string, SocketAddress][] = [
    ["nobody listens", { hostname: "127.0.0.1", port: 1 }],
    ["the port is 0", { hostname: "127.0.0.1", port: 0 }],
    ["the port is out of range", { hostname: "127.0.0.1", port: 65_536 }],
    ["the unix path does not exist", { unix: "/nowhere/at/all.sock" }],
    ["nobody has the abstract name", { unix: "\0millrace-nobody" }],
  ];
  for (const [state, address] of nowhere) {
    test(`connect calls failed later, once, when ${state}`, async () => {
      await using net = new Net(makeWorld());
      const failures: unknown[] = [];
      const fail = (error: unknown): void => {
        failures.push(error);
        net.world.poke();
      };
      net.world.host.transport.connect(address, (socket) => net.own(socket), fail);
      expect(failures).toEqual([]);
      await net.world.until(() => failures.length > 0, "the failure");
      await net.world.settle();
      expect(failures.length).toBe(1);
      expect(failures[0]).toBeInstanceOf(ConnectError);
      expect((failures[0] as ConnectError).message).toStartWith("Cannot connect to ");
      expect(net.ends).toEqual([]);
    });
  }

  test("connect calls neither when it was abandoned", async () => {
    await using net = new Net(makeWorld());
    const servers: End[] = [];
    const listener = net.listen(LOOPBACK, (end) => servers.push(end));
    let called = 0;
    const call = (): never => {
      called++;
      throw new Error("an abandoned attempt was answered");
    };
    for (const port of [listener.port, 1])
      net.world.host.transport.connect({ hostname: "127.0.0.1", port }, call, call)();
    await net.world.settle();
    await net.world.until(() => servers.every((end) => end.isClosed), "the server's end, if there is one, is closed");
    expect(called).toBe(0);
  });

  test("abandoning a finished attempt changes nothing", async () => {
    await using net = new Net(makeWorld());
    const servers: End[] = [];
    const listener = net.listen(LOOPBACK, (end) => servers.push(end));
    const clients: End[] = [];
    const open = (socket: Parameters<Net["own"]>[0]): End => {
      const end = net.own(socket);
      clients.push(end);
      return end;
    };
    const abandon = net.world.host.transport.connect({ hostname: "127.0.0.1", port: listener.port }, open, () => {});
    await net.world.until(() => clients.length + servers.length === 2, "both ends");
    abandon();
    clients[0]?.send("still here");
    await net.world.until(() => servers[0]?.text === "still here", "bytes");
  });

  test("opened may close the socket, and its handler hears closed once", async () => {
    await using net = new Net(makeWorld());
    const listener = net.listen();
    const clients: End[] = [];
    net.world.host.transport.connect(
      { hostname: "127.0.0.1", port: listener.port },
      (socket) => {
        const end = net.own(socket);
        clients.push(end);
        socket.terminate();
        return end;
      },
      () => {},
    );
    await net.world.until(() => clients[0]?.isClosed === true, "closed");
    await net.world.settle();
    expect(clients.map((end) => end.told)).toEqual([["closed"]]);
  });
}

function namesContract(makeWorld: () => World): void {
  test("resolve gives an address for itself, later, once, and nothing once it was abandoned", async () => {
    await using net = new Net(makeWorld());
    const { transport } = net.world.host;
    const found: (readonly ResolvedAddress[])[] = [];
    const fail = (reason: string): never => {
      throw new Error(`it failed: ${reason}`);
    };
    const abandon = transport.resolve("192.0.2.2", () => fail("an abandoned look-up was answered"), fail);
    transport.resolve(
      "192.0.2.1",
      (addresses) => {
        found.push(addresses);
        net.world.poke();
      },
      fail,
    );
    abandon();
    expect(found).toEqual([]);
    await net.world.until(() => found.length > 0, "the address");
    await net.world.settle();
    expect(found).toEqual([[{ address: "192.0.2.1", family: 4 }]]);
  });

  test("setKeepAlive gives true on TCP, before and after bytes, and false on a unix socket and a closed one", async () => {
    await using net = new Net(makeWorld());
    const { client, server } = await net.pair();
    client.send("x");
    await net.world.until(() => server.bytes === 1, "a byte");
    expect([client.socket.setKeepAlive(true, 60_000), server.socket.setKeepAlive(true, 60_000)]).toEqual([true, true]);
    client.socket.terminate();
    expect(client.socket.setKeepAlive(true, 60_000)).toBe(false);
    const unix = await net.pair({ unix: net.world.unixPath() });
    expect(unix.client.socket.setKeepAlive(true, 60_000)).toBe(false);
  });

  test("removeStale leaves a live path alone, and tells later that it or nothing is there", async () => {
    await using net = new Net(makeWorld());
    const unix = net.world.unixPath();
    const ask = async (): Promise<StalePath> => {
      let outcome: StalePath | null = null;
      net.world.host.transport.removeStale(unix, (told) => {
        outcome = told;
        net.world.poke();
      });
      expect(outcome).toBeNull();
      await net.world.until(() => outcome !== null, "the answer");
      return outcome as unknown as StalePath;
    };
    expect(await ask()).toBe("gone");
    net.listen({ unix });
    expect(await ask()).toBe("alive");
    await net.connect({ unix });
  });
}

function unixContract(makeWorld: () => World): void {
  const names: [string, (world: World) => string][] = [
    ["a unix path", (world) => world.unixPath()],
    ["an abstract name", (world) => `\0millrace-contract${world.unixPath()}`],
  ];
  for (const [name, make] of names) {
    test(`listen and connect work with ${name}`, async () => {
      await using net = new Net(makeWorld());
      const unix = make(net.world);
      const { client, server, listener } = await net.pair({ unix });
      expect([listener.port, listener.hostname]).toEqual([0, ""]);
      client.send("ping");
      await net.world.until(() => server.text === "ping", "ping");
      server.send("pong");
      server.socket.shutdown();
      await net.world.until(() => client.isEnded, "the server's FIN");
      expect(client.text).toBe("pong");
      client.socket.shutdown();
      await net.world.until(() => client.isClosed && server.isClosed, "both are closed");
      expect(server.told).toEqual(["data", "closed"]);
      expect(client.told).toEqual(["data", "ended", "closed"]);
    });

    test(`listen throws ListenError for ${name} in use, and stop frees it`, async () => {
      await using net = new Net(makeWorld());
      const unix = make(net.world);
      const listener = net.listen({ unix });
      const error = thrownBy(() => net.listen({ unix }));
      expect(error).toBeInstanceOf(ListenError);
      expect((error as ListenError).reason).toBe("EADDRINUSE");
      listener.stop();
      expect(await net.connect({ unix }).catch((error) => error)).toBeInstanceOf(ConnectError);
      net.listen({ unix });
      await net.connect({ unix });
    });
  }
}

function thrownBy(attempt: () => unknown): unknown {
  try {
    attempt();
  } catch (error) {
    return error;
  }
  return "nothing was thrown";
}
