// TLS on Bun sockets. It differs from plain TCP in when a connection opens, in what end() and write() mean, and in how it is
// configured. The transport hides that from conn, so each difference is held here, the ones of closing above all.

import { describe, expect, test } from "bun:test";

import type { Socket, TLSOptions } from "bun";

import { testCertificate } from "./certificate.ts";
import { EventLog, LOOPBACK, Pair, fill, isLinux, kernelQueues, recorded, turns } from "./support.ts";

const QUIET_TURNS = 20;
const SPILL_BYTES_MAX = 256 * 1024;
const SILENT = { data: () => undefined };

/** Protocol names as TLS puts them on the wire: each with its length before it. */
function wireFormat(...names: readonly string[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(names.flatMap((name) => [name.length, ...Buffer.from(name)]));
}

/** Connects a client and a server that both offer these protocols, and returns what they agreed on. */
async function negotiate(server: Uint8Array | string, client: Uint8Array | string): Promise<unknown> {
  const { key, cert } = testCertificate();
  const withProtocols = (tls: TLSOptions, ALPNProtocols: Uint8Array | string): TLSOptions => {
    return { ...tls, ALPNProtocols } as TLSOptions;
  };
  using listener = Bun.listen({
    hostname: LOOPBACK,
    port: 0,
    tls: withProtocols({ key, cert }, server),
    socket: SILENT,
  });
  const log = new EventLog();
  const socket = await Bun.connect({
    hostname: LOOPBACK,
    port: listener.port,
    tls: withProtocols({ ca: cert, serverName: "localhost" }, client),
    socket: { ...SILENT, open: () => log.record("open") },
  });
  await log.seen("open");
  const agreed = socket.alpnProtocol;
  socket.terminate();
  listener.stop(true);
  return agreed;
}

describe("tls options", () => {
  // listen() and connect() take a list of names and encode it themselves.
  test("tls.ALPNProtocols must be wire-format bytes: a list throws, a bare name agrees on nothing", async () => {
    expect(await negotiate(wireFormat("h2", "http/1.1"), wireFormat("http/1.1"))).toBe("http/1.1");
    expect(await negotiate("http/1.1", "http/1.1")).toBe(false);
    await expect(negotiate(["http/1.1"] as never, "")).rejects.toThrow(
      "TLSOptions.ALPNProtocols must be of type string",
    );
  });

  // Several certificates need the upgrade below.
  test("Bun.listen throws for an array of tls options", () => {
    const { key, cert } = testCertificate();
    const tls = [{ key, cert, serverName: "localhost" }] as unknown as TLSOptions;
    expect(() => Bun.listen({ hostname: LOOPBACK, port: 0, tls, socket: SILENT })).toThrow(
      "TLSOptions must be an object",
    );
  });
});

describe("opening", () => {
  // The transport gives no handshake handler to a server, so that a conn is only made when it can be written to.
  test("socket open comes after the handshake without a handshake handler, and a write there is taken", async () => {
    const written: number[] = [];
    await using pair = await Pair.open({
      tls: true,
      server: { open: (socket) => void written.push(socket.write("hello")) },
    });
    await pair.log.seen("client.data");
    expect(written).toEqual([5]);
  });

  // What a handshake handler changes: nothing of the connection is usable in open.
  test("socket open comes at TCP accept with a handshake handler, and a write there returns 0", async () => {
    const written: number[] = [];
    const write = (socket: Socket): void => void written.push(socket.write("hello"));
    await using pair = await Pair.open({ tls: true, server: { open: write, handshake: write } });
    await pair.log.seen("client.data");
    expect(written).toEqual([0, 5]);
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "handshake(true)"]);
    expect(pair.received.client).toBe(5);
  });

  // connect() with TLS looks at `authorized` in open: Bun opens, resolves, and only then closes without an error.
  test("Bun.connect opens and then closes without an error when the certificate is not trusted", async () => {
    const { key, cert } = testCertificate();
    const log = new EventLog();
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, tls: { key, cert }, socket: SILENT });
    const client = await Bun.connect({
      hostname: LOOPBACK,
      port: listener.port,
      tls: true,
      socket: recorded(log, "client", { open: (socket) => log.record(`authorized ${socket.authorized}`) }),
    });
    await log.seen("client.close");
    expect(log.entries.filter((entry) => entry !== "client.drain")).toEqual([
      "client.open",
      "authorized false",
      "client.close",
    ]);
    expect(client.readyState).toBe(-1);
    listener.stop(true);
  });
});

describe("writing", () => {
  // The outbox's own budget is what bounds memory. Of ciphertext Bun keeps no more than one batch beyond the kernel.
  test.skipIf(!isLinux)(
    "socket.write with TLS spills at most a batch beyond what the kernel takes, then returns 0",
    async () => {
      await using pair = await Pair.open({ tls: true });
      pair.client.pause();
      const accepted = fill(pair.server);
      const { unsent, unread } = kernelQueues(pair.listener.port);
      expect(accepted - (unsent + unread)).toBeLessThan(SPILL_BYTES_MAX);
      expect(pair.server.write("x")).toBe(0);
      pair.client.resume();
      await pair.log.until(() => pair.received.client === accepted);
    },
  );

  // Backpressure works on the decrypted side as it does on a plain socket.
  test("socket.pause with TLS lets no byte through until resume", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.server.pause();
    pair.client.write("x");
    await turns(QUIET_TURNS);
    expect(pair.received.server).toBe(0);
    pair.server.resume();
    await pair.log.seen("server.data");
  });
});

describe("closing", () => {
  // Half-close works as on a plain socket, but the order at the end differs: with TLS an end comes before the close.
  test("socket.shutdown with TLS half-closes: the peer gets end and may answer, and we get data, end and close", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.client.shutdown();
    await pair.log.seen("server.end");
    expect(pair.client.write("x")).toBe(-1);
    expect(pair.server.write("answer")).toBe(6);
    pair.server.shutdown();
    await pair.log.until(() => pair.hasClosed("client") && pair.hasClosed("server"));
    expect(pair.log.sequence("client", "drain")).toEqual(["open", "data(6)", "end", "close"]);
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "end", "close"]);
  });

  // Why conn never calls end() on a TLS socket that has not been shut down: it is no close(2) here. It waits for the peer
  // without a limit, and terminate() can do nothing for it any more.
  test("socket.end with TLS does not close, and terminate after it does nothing; only listener.stop(true) does", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.server.end();
    expect(pair.server.readyState).toBe(-1);
    await pair.log.seen("client.end");
    pair.server.terminate();
    pair.server.close();
    await turns(QUIET_TURNS);
    expect([pair.hasClosed("server"), pair.hasClosed("client")]).toEqual([false, false]);
    pair.listener.stop(true);
    expect(pair.hasClosed("server")).toBe(true);
  });

  // The recipe therefore works with TLS when everything has left: the end() after a shutdown() closes at once.
  test("socket.end after shutdown with TLS closes before it returns when nothing waits to be sent", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.server.shutdown();
    pair.server.end();
    expect(pair.hasClosed("server")).toBe(true);
  });

  // When the peer does not read, it does not: the last deadline has to be terminate() instead of end(), never after it.
  test("socket.end after shutdown with TLS waits for a peer that does not read, whatever is called then", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.client.pause();
    const accepted = fill(pair.server);
    pair.server.shutdown();
    pair.server.end();
    pair.server.terminate();
    await turns(QUIET_TURNS);
    expect(pair.hasClosed("server")).toBe(false);
    pair.client.resume();
    await pair.log.seen("server.close");
    await pair.log.seen("client.end");
    expect(pair.received.client).toBe(accepted);
  });

  // That terminate(): it closes at once, spilled bytes or not.
  test("socket.terminate with TLS closes before it returns, also after shutdown with bytes waiting", async () => {
    await using pair = await Pair.open({ tls: true });
    pair.client.pause();
    fill(pair.server);
    pair.server.shutdown();
    pair.server.terminate();
    expect(pair.hasClosed("server")).toBe(true);
    pair.client.resume();
    await pair.log.seen("client.close");
  });
});

describe("socket.upgradeTLS", () => {
  // Server-side certificates by name: accept plain, look at the ClientHello, upgrade. The plain handlers have to ignore what
  // comes after, and the close is reported to both (oven-sh/bun issue 26297).
  test("socket.upgradeTLS makes a server socket from a ClientHello while the old handlers go on hearing", async () => {
    const log = new EventLog();
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, allowHalfOpen: true, socket: upgrading(log) });
    const client = await Bun.connect({
      hostname: LOOPBACK,
      port: listener.port,
      tls: { ca: testCertificate().cert, serverName: "localhost" },
      socket: { data: (_socket, chunk) => log.record(`client hears ${chunk.toString()}`) },
    });
    client.write("ping");
    await log.seen("client hears pong");
    client.terminate();
    await log.until(() => log.count("plain close") === 1 && log.count("tls close") === 1);
    listener.stop(true);
    const story = log.entries.filter((entry) => entry !== "plain ciphertext");
    expect(story).toEqual(["tls open", "tls ping", "client hears pong", "plain close", "tls close"]);
    expect(log.count("plain ciphertext")).toBeGreaterThan(0);
    const [first, second] = [log.entries.indexOf("plain ciphertext"), log.entries.indexOf("tls open")];
    expect(first).toBeGreaterThan(second);
  });
});

/** Plain handlers that upgrade at the first bytes. isServer and initialData are not in the types. */
function upgrading(log: EventLog): Bun.SocketHandler<undefined> {
  let upgraded = false;
  const secure: Bun.SocketHandler<undefined> = {
    open: () => log.record("tls open"),
    data: (socket, chunk) => {
      log.record(`tls ${chunk.toString()}`);
      socket.write("pong");
    },
    close: () => log.record("tls close"),
    error: (_socket, error) => log.record(`tls error ${error.message}`),
  };
  return {
    data: (socket, chunk) => {
      if (upgraded) return log.record("plain ciphertext");
      upgraded = true;
      const options = { isServer: true, tls: testCertificate(), initialData: chunk, socket: secure };
      socket.upgradeTLS(options as unknown as Bun.TLSUpgradeOptions<undefined>);
    },
    close: () => log.record("plain close"),
  };
}
