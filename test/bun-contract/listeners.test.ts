// Listeners, their addresses, and what happens when the process runs out of file descriptors. The transport's listen(), the
// cap of connectionsMax and the decision to have timers of our own rest on these. Limits are tried out in child processes.

import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";

import { Child } from "./child.ts";
import { EventLog, LOOPBACK, Pair, isLinux, recorded, turns } from "./support.ts";

const QUIET_TURNS = 20;
const BACKLOG = 512;
const SILENT = { data: () => undefined };

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some((each) => each.address === "::1"));

/** Options that Bun takes and bun-types does not know: reusePort on a listener, fd, no hostname. */
const listenUntyped = Bun.listen as unknown as (options: object) => Bun.TCPSocketListener<unknown>;

function errorOf(action: () => unknown): Error & { code?: string } {
  try {
    action();
  } catch (error) {
    return error as Error;
  }
  throw new Error("Nothing was thrown");
}

describe("listener.stop", () => {
  // serve() cancels in two steps: stop() first, the handlers' grace, then the conns one by one.
  test("listener.stop refuses new connections and leaves the open ones alone", async () => {
    await using pair = await Pair.open();
    const { port } = pair.listener;
    pair.listener.stop();
    const refused = await Bun.connect({ hostname: LOOPBACK, port, socket: SILENT }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "ECONNREFUSED" });
    pair.client.write("x");
    await pair.log.seen("server.data");
  });

  // A restart without loss needs an inherited listening socket: what waits in the backlog does not survive stop().
  test("listener.stop resets the connections that the kernel had queued", async () => {
    const log = new EventLog();
    const listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: recorded(log, "server") });
    const connecting = Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: SILENT });
    listener.stop();
    expect(await connecting.catch((error: unknown) => error)).toMatchObject({ code: "ECONNRESET" });
    expect(log.entries).toEqual([]);
  });

  // The forced end: no conn outlives it, and its close callbacks run inside the call.
  test("listener.stop(true) closes all sockets before it returns, also after an earlier stop", async () => {
    await using pair = await Pair.open();
    pair.listener.stop();
    pair.listener.stop(true);
    expect(pair.hasClosed("server")).toBe(true);
  });
});

describe("listener handlers and data", () => {
  // One set of handlers a listener, made once: conn state must hang on socket.data and never on the handlers.
  test("socket.reload replaces the handlers of all sockets of its listener", async () => {
    const before = new EventLog();
    const after = new EventLog();
    const sockets: Bun.Socket[] = [];
    const handlers = recorded(before, "server", { open: (socket) => void sockets.push(socket) });
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: handlers });
    const connect = (): Promise<Bun.Socket> => Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: SILENT });
    const clients = await Promise.all([connect(), connect()]);
    await before.until(() => sockets.length === 2);
    sockets[0]?.reload({ socket: recorded(after, "server") });
    for (const client of clients) client.write("x");
    await after.until(() => after.count("server.data(1)") === 2);
    for (const client of clients) client.end();
    await after.until(() => after.count("server.close") === 2);
    expect(before.entries).toEqual(["server.open", "server.open"]);
  });

  // The transport sets socket.data in open, because until then all sockets share one object.
  test("listener.data is one object that all sockets share until each is given its own", async () => {
    const log = new EventLog();
    const shared = { from: "listener" };
    const sockets: Bun.Socket<object>[] = [];
    const open = (socket: Bun.Socket<object>): void => {
      sockets.push(socket);
      log.record(`open ${sockets.length}`);
    };
    using listener = Bun.listen<object>({ hostname: LOOPBACK, port: 0, data: shared, socket: { open, ...SILENT } });
    const clients = [1, 2].map(() => Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: SILENT }));
    await log.seen("open 2");
    expect(sockets.map((socket) => socket.data === shared)).toEqual([true, true]);
    for (const socket of sockets.slice(0, 1)) socket.data = { from: "socket" };
    expect([sockets[1]?.data === shared, listener.data === shared]).toEqual([true, true]);
    for (const client of await Promise.all(clients)) client.end();
    listener.stop(true);
  });
});

describe("listening addresses", () => {
  // listen() of millrace asks for an explicit address and has none by default for the same reason.
  test("Bun.listen throws without a hostname", () => {
    const error = errorOf(() => listenUntyped({ port: 0, socket: SILENT }));
    expect(error.message).toBe('Expected either "hostname" or "unix"');
  });

  // The docs recommend an address over a name: a client that tries the other family first is refused.
  test.skipIf(!hasIPv6)("Bun.listen on localhost binds one address family only", async () => {
    using listener = Bun.listen({ hostname: "localhost", port: 0, socket: SILENT });
    const outcomes = await Promise.all(
      ["127.0.0.1", "::1"].map((hostname) =>
        Bun.connect({ hostname, port: listener.port, socket: SILENT }).then(
          (socket) => {
            socket.terminate();
            return "connected";
          },
          (error: { code: string }) => error.code,
        ),
      ),
    );
    expect(outcomes.sort()).toEqual(["ECONNREFUSED", "connected"]);
    listener.stop(true);
  });

  // remoteAddress normalises mapped addresses, or allow lists would miss IPv4 clients of a dual-stack listener.
  test.skipIf(!hasIPv6)("Bun.listen on :: takes IPv4 as well and shows its peers as ::ffff: addresses", async () => {
    const log = new EventLog();
    const open = (socket: Bun.Socket): void => log.record(`${socket.remoteFamily} ${socket.remoteAddress}`);
    using listener = Bun.listen({ hostname: "::", port: 0, socket: { open, ...SILENT } });
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: SILENT });
    await log.until(() => log.entries.length === 1);
    client.terminate();
    listener.stop(true);
    expect(log.entries).toEqual(["IPv6 ::ffff:127.0.0.1"]);
  });

  // listen() reports it as an address error.
  test("Bun.listen throws EADDRINUSE for a port that is taken", () => {
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: SILENT });
    const again = (): unknown => Bun.listen({ hostname: LOOPBACK, port: listener.port, socket: SILENT });
    expect(errorOf(again).code).toBe("EADDRINUSE");
  });

  // How several processes share a port; the docs prefer them to workers.
  test.skipIf(!isLinux)("Bun.listen with reusePort in two processes shares the connections between them", async () => {
    const script = (port: number): string => `
      let opened = 0;
      const socket = { open(socket) { opened++; socket.write("x"); }, data() {} };
      console.log(Bun.listen({ hostname: "127.0.0.1", port: ${port}, reusePort: true, socket }).port);
      process.stdin.on("data", () => { console.log(opened); process.exit(); });`;
    await using first = new Child(script(0));
    const port = Number(await first.line());
    await using second = new Child(script(port));
    expect(await second.line()).toBe(String(port));
    for (let count = 0; count < 60; count++) await connectAndHear(port);
    first.poke();
    second.poke();
    const shares = [Number(await first.line()), Number(await second.line())];
    expect(Math.min(...shares)).toBeGreaterThan(0);
    expect(Math.max(...shares)).toBeLessThan(60);
  });
});

/** Connects, waits until the server has said something, and goes. */
async function connectAndHear(port: number): Promise<string> {
  const log = new EventLog();
  const data = (_socket: Bun.Socket, chunk: Buffer): void => log.record(chunk.toString());
  const client = await Bun.connect({ hostname: LOOPBACK, port, socket: { data } });
  await log.until(() => log.entries.length > 0);
  client.end();
  return log.entries.join("");
}

describe("unix sockets", () => {
  // Abstract names need no cleaning up; listen() passes them on as they are.
  test.skipIf(!isLinux)("Bun.listen takes an abstract unix name", async () => {
    const unix = `\0millrace-contract-${process.pid}`;
    using listener = Bun.listen({ unix, socket: SILENT });
    const client = await Bun.connect({ unix, socket: SILENT });
    client.terminate();
    await turns(2);
    listener.stop(true);
  });

  // stop() cleans up, but a killed process leaves its file: listen() has to look whether someone answers there.
  test("listener.stop unlinks its unix path, and a stale path gives EADDRINUSE", async () => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-unix-"));
    const unix = join(folder, "socket");
    const listener = Bun.listen({ unix, socket: SILENT });
    expect(existsSync(unix)).toBe(true);
    listener.stop();
    expect(existsSync(unix)).toBe(false);
    {
      await using child = new Child(
        `Bun.listen({ unix: ${JSON.stringify(unix)}, socket: { data() {} } }); console.log("up")`,
      );
      expect(await child.line()).toBe("up");
    }
    expect(existsSync(unix)).toBe(true);
    expect(errorOf(() => Bun.listen({ unix, socket: SILENT })).code).toBe("EADDRINUSE");
    rmSync(folder, { recursive: true });
  });
});

describe("inherited listeners", () => {
  // listen({fd}): socket activation and restarts without a gap. The port has to come from elsewhere.
  test.skipIf(!isLinux)(
    "Bun.listen({fd}) accepts on an inherited listening socket, and its port is undefined",
    async () => {
      const listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: SILENT });
      const { port } = listener;
      const inherit = (listener as unknown as { fd: number }).fd;
      const script = `
      const socket = { open(socket) { socket.write("child"); }, data() {} };
      console.log(String(Bun.listen({ fd: 3, socket }).port));`;
      await using child = new Child(script, { inherit });
      expect(await child.line()).toBe("undefined");
      listener.stop();
      expect(await connectAndHear(port)).toBe("child");
    },
  );
});

describe("the accept queue", () => {
  // Accepting goes on until the queue is empty, so one callback round can open hundreds of conns: connectionsMax refuses
  // in open. A connection beyond the backlog hangs in its handshake, and Bun.connect has no timeout of its own.
  test.skipIf(!isLinux)("Bun.listen has a backlog of 512 and accepts all of it in one round", async () => {
    const log = new EventLog();
    let opened = 0;
    const countRound = (): void => {
      if (opened++ === 0) setImmediate(() => log.record(`accepted ${opened}`));
    };
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, socket: { open: countRound, ...SILENT } });
    const settled: string[] = [];
    const connecting = Array.from({ length: BACKLOG + 2 }, () =>
      Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: SILENT }).finally(() => settled.push("settled")),
    );
    await log.seen("accepted 513");
    await turns(QUIET_TURNS);
    expect(settled.length).toBe(BACKLOG + 1);
    // The kernel tries again after a second; it has no event for the one that waits.
    for (const client of await Promise.all(connecting)) client.terminate();
    listener.stop(true);
  });
});
