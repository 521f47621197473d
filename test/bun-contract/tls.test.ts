// TLS on Bun sockets: how it is configured, when a connection counts as open, and the upgrade of a plain socket. What TLS
// changes in writing and closing is in tls-closing.test.ts. The transport hides all of it from conn.

import { describe, expect, test } from "bun:test";

import type { Socket, TLSOptions } from "bun";

import { testCertificate } from "./certificate.ts";
import { pem } from "../fixtures/tls/certificates.ts";
import { Relay } from "../fixtures/tls/relay.ts";
import { EventLog, LOOPBACK, Pair, recorded, turns } from "./support.ts";
import type { Handlers } from "./support.ts";

const QUIET_TURNS = 20;
const SILENT = { data: () => undefined };

/** Protocol names as TLS puts them on the wire: each with its length before it. */
function wireFormat(...names: readonly string[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(names.map((name) => Buffer.from(`${String.fromCharCode(name.length)}${name}`))));
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

  // listen() refuses all of these itself: the first would serve secrets in plain text.
  test("Bun.listen without key and cert is no TLS at all, and with one of them it fails each handshake", async () => {
    const { key, cert } = testCertificate();
    for (const [tls, success] of [
      [{}, null],
      [{ cert }, false],
      [{ key }, false],
    ] as const) {
      const log = new EventLog();
      const handlers = { handshake: () => undefined };
      using listener = Bun.listen({ hostname: LOOPBACK, port: 0, tls, socket: recorded(log, "server", handlers) });
      const options = { hostname: LOOPBACK, port: listener.port };
      const plain = { ...SILENT, open: (socket: Socket) => void socket.write("plain") };
      const client = await Bun.connect(
        success === null ? { ...options, socket: plain } : { ...options, tls: { ca: cert }, socket: SILENT },
      );
      if (success === null) await log.seen("server.data(5)");
      else await log.seen("server.handshake(false)");
      client.terminate();
      listener.stop(true);
    }
  });

  // What listen() makes its messages of.
  test("Bun.listen throws for a key of another certificate, for what is no PEM and for a key that it cannot open", () => {
    const { key, cert } = testCertificate();
    const codeFor = (tls: TLSOptions): unknown => {
      try {
        Bun.listen({ hostname: LOOPBACK, port: 0, tls, socket: SILENT }).stop(true);
      } catch (error) {
        return (error as { code?: string }).code;
      }
      return "listens";
    };
    expect(codeFor({ key: pem("chain-key"), cert })).toBe("ERR_OSSL_X509_KEY_VALUES_MISMATCH");
    expect(codeFor({ key: "key", cert })).toBe("ERR_OSSL_PEM_NO_START_LINE");
    expect(codeFor({ key: pem("key-encrypted"), cert: pem("cert") })).toBe("ERR_OSSL_BAD_DECRYPT");
    expect(codeFor({ key, cert, ca: "ca" })).toBe("ERR_BORINGSSL");
  });

  // Several certificates need the callback of tls-server-names.test.ts.
  test("Bun.listen throws for an array of tls options", () => {
    const { key, cert } = testCertificate();
    const tls = [{ key, cert, serverName: "localhost" }] as unknown as TLSOptions;
    expect(() => Bun.listen({ hostname: LOOPBACK, port: 0, tls, socket: SILENT })).toThrow(
      "TLSOptions must be an object",
    );
  });
});

/** A TLS listener that records what its side sees. */
function listenTLS(log: EventLog, handlers: Handlers = {}): Bun.TCPSocketListener<undefined> {
  const { key, cert } = testCertificate();
  return Bun.listen({ hostname: LOOPBACK, port: 0, tls: { key, cert }, socket: recorded(log, "server", handlers) });
}

/** Offered to a TLS listener, this is no ClientHello. */
const sayHello = { ...SILENT, open: (socket: Socket) => void socket.write("GET / HTTP/1.1\r\n\r\n") };

describe("opening without a handshake handler", () => {
  // Writing in open is safe then, which is the one good side of it.
  test("socket open comes after the handshake, and a write there is taken", async () => {
    const written: number[] = [];
    await using pair = await Pair.open({
      tls: true,
      server: { open: (socket) => void written.push(socket.write("hello")) },
    });
    await pair.log.seen("client.data");
    expect(written).toEqual([5]);
  });

  // Why connect() waits for a callback and not for the promise: nothing can be written yet when it resolves.
  test("Bun.connect resolves before open, and a write then returns 0", async () => {
    const log = new EventLog();
    using listener = listenTLS(new EventLog());
    const tls = { ca: testCertificate().cert, serverName: "localhost" };
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, tls, socket: recorded(log, "client") });
    log.record(`resolved ${client.write("x")}`);
    await log.seen("client.open");
    expect(log.entries.slice(0, 2)).toEqual(["resolved 0", "client.open"]);
    client.terminate();
    listener.stop(true);
  });

  // Why open alone may not spawn a handler task: a failed handshake opens too, and nothing says what was wrong.
  test("socket open comes for a failed handshake as well, with close right after it and no error", async () => {
    const log = new EventLog();
    using listener = listenTLS(log);
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: sayHello });
    await log.seen("server.close");
    expect(log.entries).toEqual(["server.open", "server.close"]);
    client.terminate();
    listener.stop(true);
  });

  // And why connectionsMax and the head deadline could not see a peer that never begins its handshake.
  test("a TCP peer that sends nothing to a TLS listener causes no callback at all", async () => {
    const log = new EventLog();
    using listener = listenTLS(log);
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: SILENT });
    await turns(QUIET_TURNS);
    expect(log.entries).toEqual([]);
    client.terminate();
    listener.stop(true);
  });

  // connect() looks at `authorized` in open: with a certificate that is not trusted Bun opens before it closes.
  test("Bun.connect opens and then closes without an error when the certificate is not trusted", async () => {
    const log = new EventLog();
    using listener = listenTLS(new EventLog());
    const client = await Bun.connect({
      hostname: LOOPBACK,
      port: listener.port,
      tls: true,
      socket: recorded(log, "client", { open: (socket) => log.record(`authorized ${socket.authorized}`) }),
    });
    await log.seen("client.close");
    expect(log.sequence("client", "drain")).toEqual(["open", "close"]);
    expect(log.count("authorized false")).toBe(1);
    expect(client.readyState).toBe(-1);
    listener.stop(true);
  });
});

describe("opening with a handshake handler", () => {
  // Every accepted connection is seen and can be counted and timed; only handshake(true) makes it usable.
  test("socket open comes at TCP accept, a write there returns 0, and handshake comes when one is taken", async () => {
    const written: number[] = [];
    const write = (socket: Socket): void => void written.push(socket.write("hello"));
    await using pair = await Pair.open({ tls: true, server: { open: write, handshake: write } });
    await pair.log.seen("client.data");
    expect(written).toEqual([0, 5]);
    expect(pair.log.sequence("server", "drain")).toEqual(["open", "handshake(true)"]);
    expect(pair.received.client).toBe(5);
  });

  // The reason of a failed handshake is told here and nowhere else.
  test("socket handshake gets false and the reason for a failed handshake, then close", async () => {
    const log = new EventLog();
    const reasons: string[] = [];
    const handshake = (_socket: Socket, _success: boolean, reason: Error | null): void =>
      void reasons.push(String(reason));
    using listener = listenTLS(log, { handshake });
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: sayHello });
    await log.seen("server.close");
    expect(log.entries).toEqual(["server.open", "server.handshake(false)", "server.close"]);
    expect(reasons.join("\n")).toContain("SSL routines");
    client.terminate();
    listener.stop(true);
  });
});

describe("handshakes and protocols that break", () => {
  // Why the close is what tells a failed handshake: sometimes it is all there is.
  test("socket handshake is not called when the peer resets in the middle of it: close comes alone", async () => {
    const log = new EventLog();
    using listener = listenTLS(log, { handshake: () => undefined });
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: SILENT });
    await log.seen("server.open");
    client.terminate();
    await log.seen("server.close");
    expect(log.entries).toEqual(["server.open", "server.close(ECONNRESET)"]);
    listener.stop(true);
  });

  // A refused connection calls back from within: its socket must have no owner yet.
  test("socket.terminate in open calls handshake with false and close before it returns", async () => {
    const log = new EventLog();
    const open = (socket: Socket): void => {
      socket.terminate();
      log.record("returned");
    };
    using listener = listenTLS(log, { handshake: () => undefined, open });
    const client = await Bun.connect({ hostname: LOOPBACK, port: listener.port, socket: SILENT });
    await log.seen("returned");
    expect(log.entries).toEqual(["server.open", "server.handshake(false)", "server.close", "returned"]);
    client.terminate();
    listener.stop(true);
  });

  // The callback that on a plain socket gets our own bugs only, which end the process. Here any peer can cause it.
  test("socket error gets EPROTO for a broken record after the handshake, and the close after it has no error", async () => {
    const log = new EventLog();
    using listener = listenTLS(log, { handshake: () => undefined });
    using relay = new Relay(listener.port);
    const client = await Bun.connect({
      hostname: LOOPBACK,
      port: relay.port,
      tls: { ca: testCertificate().cert, serverName: "localhost" },
      socket: { ...SILENT, open: (socket) => void socket.write("x") },
    });
    await log.seen("server.data");
    relay.inject(new Uint8Array(50).fill(7));
    await log.seen("server.close");
    expect(log.sequence("server", "drain").slice(-2)).toEqual(["error(EPROTO)", "close"]);
    client.terminate();
    listener.stop(true);
  });

  // A truncated stream cannot be told from a whole one: protocols above must know their ends.
  test("socket end comes for a FIN without a close_notify as well", async () => {
    const log = new EventLog();
    using listener = listenTLS(log, { handshake: () => undefined });
    using relay = new Relay(listener.port);
    const client = await Bun.connect({
      hostname: LOOPBACK,
      port: relay.port,
      tls: { ca: testCertificate().cert, serverName: "localhost" },
      socket: { ...SILENT, open: (socket) => void socket.write("x") },
    });
    await log.seen("server.data");
    relay.cut();
    await log.seen("server.end");
    client.terminate();
    listener.stop(true);
  });
});

describe("socket.upgradeTLS", () => {
  // A listener that upgrades its own sockets, and STARTTLS. The plain handlers have to ignore what comes after,
  // and the close is reported to both (oven-sh/bun issue 26297).
  test("socket.upgradeTLS makes a server socket from a ClientHello while the old handlers go on hearing", async () => {
    const log = new EventLog();
    using listener = Bun.listen({ hostname: LOOPBACK, port: 0, allowHalfOpen: true, socket: upgrading(log) });
    const client = await Bun.connect({
      hostname: LOOPBACK,
      port: listener.port,
      tls: { ca: testCertificate().cert, serverName: "localhost" },
      socket: {
        open: (socket) => void socket.write("ping"),
        data: (_socket, chunk) => log.record(`client hears ${chunk.toString()}`),
      },
    });
    await log.seen("client hears pong");
    client.terminate();
    await log.until(() => log.count("plain close") === 1 && log.count("tls close") === 1);
    listener.stop(true);
    const story = log.entries.filter((entry) => entry !== "plain ciphertext");
    expect(story).toEqual(["tls open", "tls ping", "client hears pong", "plain close", "tls close"]);
    expect(log.count("plain ciphertext")).toBeGreaterThan(0);
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
