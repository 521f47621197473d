// Listening for TLS: keys and certificates good and bad, and handshakes that fail, stall or come in crowds. No handler ever sees a connection
// whose handshake was not done.

import { describe, expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { until } from "../../src/concurrency/until.ts";
import type { Steps } from "../../src/core/operation.ts";
import { run } from "../../src/index.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { ListenError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener, ListenOptions } from "../../src/net/listener.ts";
import { serve } from "../../src/net/serve.ts";
import type { TlsClientOptions, TlsServerOptions } from "../../src/net/tls.ts";
import { BunConnWorld, textOf, thrownBy } from "../contract/conn-world.ts";
import { CHAINED, PASSPHRASE, pem, SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { echo, refusals } from "../net/kit.ts";
import { Relay } from "../fixtures/tls/relay.ts";
import { connectSecure, pairAt, SECURE, TcpClient } from "./tls-support.ts";

const world = new BunConnWorld();
const { key, cert } = SELF_SIGNED;

/** Runs `body` against an echo server; in the end no connection is left. */
function withEcho(
  options: Partial<ListenOptions>,
  body: (listener: Listener, handled: () => number) => Steps<void>,
): Promise<void> {
  return world.run(function* () {
    using listener = yield* listen({ ...SECURE, ...options });
    let handled = 0;
    yield* scope(function* (tasks) {
      tasks.spawn(() =>
        serve(listener, (conn) => {
          handled++;
          return echo(conn);
        }),
      );
      yield* body(listener, () => handled);
      yield* world.until(() => listener.statistics().open === 0, "no connection left");
      tasks.cancel();
    });
  });
}

/** One word there and back. */
function* roundTrip(port: number): Steps<void> {
  using conn = yield* connectSecure(port);
  yield* conn.write("ping");
  expect(textOf(yield* conn.readExactly(4))).toBe("ping");
  yield* conn.end();
  expect(yield* conn.read()).toBeNull();
}

describe("listen with tls", () => {
  const wrong: readonly [what: string, tls: TlsServerOptions, reason: string, state: string][] = [
    ["no key", { cert } as TlsServerOptions, "ERR_TLS", "TLS needs a key and a certificate, and tls.key is missing"],
    ["no certificate", { key } as TlsServerOptions, "ERR_TLS", "tls.cert is missing"],
    ["nothing", {} as TlsServerOptions, "ERR_TLS", "tls.key is missing"],
    ["an empty key", { key: "", cert }, "ERR_TLS", "tls.key is missing"],
    [
      "a key of another certificate",
      { key: pem("chain-key"), cert },
      "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
      "the TLS key does not belong to the certificate",
    ],
    ["no PEM", { key, cert: "certificate" }, "ERR_OSSL_PEM_NO_START_LINE", "is no valid PEM"],
    ["key and certificate swapped", { key: cert, cert: key }, "ERR_OSSL_PEM_NO_START_LINE", "is no valid PEM"],
    [
      "a damaged certificate",
      { key, cert: cert.replace(/\nM/, "\n?") },
      "ERR_OSSL_PEM_BAD_BASE64_DECODE",
      "is no valid PEM",
    ],
    ["an encrypted key", { key: pem("key-encrypted"), cert }, "ERR_OSSL_BAD_DECRYPT", "the TLS key is encrypted"],
    [
      "a wrong passphrase",
      { key: pem("key-encrypted"), cert, passphrase: "open" },
      "ERR_OSSL_BAD_DECRYPT",
      "the passphrase is missing or does not open it",
    ],
    ["a ca that is none", { key, cert, ca: "authority" }, "ERR_BORINGSSL", "Invalid CA"],
  ];
  for (const [what, tls, reason, state] of wrong) {
    test(`listen throws ListenError for ${what}, before anybody connects`, async () => {
      await world.run(function* () {
        const error = yield* thrownBy(() => listen({ ...SECURE, tls }));
        expect(error).toBeInstanceOf(ListenError);
        expect((error as ListenError).reason).toBe(reason);
        expect((error as ListenError).message).toStartWith("Cannot listen on 127.0.0.1:0: ");
        expect((error as ListenError).message).toContain(state);
      });
    });
  }

  const right: readonly [what: string, tls: TlsServerOptions][] = [
    ["bytes", { key: Buffer.from(key), cert: new TextEncoder().encode(cert) }],
    ["an encrypted key and its passphrase", { key: pem("key-encrypted"), cert, passphrase: PASSPHRASE }],
  ];
  for (const [what, tls] of right) {
    test(`listen takes ${what}`, () => withEcho({ tls }, (listener) => roundTrip(listener.port)));
  }

  const chain = { key: pem("chain-key"), cert: pem("chain-cert") };
  const authority = pem("chain-authority");
  const chains: readonly [how: string, tls: TlsServerOptions, ends: string][] = [
    ["is cut short without it", chain, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["follows the certificate", { ...chain, cert: chain.cert + authority }, "trusted"],
    ["is the ca", { ...chain, ca: authority }, "trusted"],
    ["is one of a list", { ...chain, ca: [Buffer.from(authority)] }, "trusted"],
  ];
  for (const [how, tls, ends] of chains) {
    test(`listen sends the chain of certificates: it ${how}`, () =>
      withEcho({ tls }, function* (listener) {
        expect(yield* until(trustOf(listener.port, pem("chain-root")))).toBe(ends);
      }));
  }

  test("listen marks its conns, and itself, as secure, and leaves plain ones unmarked", async () => {
    await world.run(function* () {
      using listener = yield* listen(SECURE);
      const { client, server } = yield* pairAt(listener);
      expect([listener.secure, server.secure]).toEqual([true, true]);
      expect(server.remoteAddress).toBe("127.0.0.1");
      using plain = yield* listen({ hostname: "127.0.0.1", port: 0 });
      expect([plain.secure, plain.statistics().handshakes]).toEqual([false, undefined]);
      client.terminate();
      yield* world.until(() => server.closed, "the reset");
    });
  });

  test("listen throws ListenError where somebody listens already", async () => {
    await world.run(function* () {
      using listener = yield* listen(SECURE);
      const error = yield* thrownBy(() => listen({ ...SECURE, port: listener.port }));
      expect(error).toMatchObject({ code: "ERR_LISTEN", reason: "EADDRINUSE" });
    });
  });
});

describe("handshakes that fail", () => {
  const HELLO_BEGIN = Buffer.from([22, 3, 1, 1]);
  const failures: readonly [what: string, fail: (port: number) => Promise<unknown>][] = [
    ["plain HTTP", async (port) => (await TcpClient.open(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")).over],
    ["a peer that leaves at once", async (port) => (await TcpClient.open(port)).end()],
    ["a peer that resets at once", async (port) => (await TcpClient.open(port)).reset()],
    [
      "a peer that leaves in the middle",
      async (port) => {
        const client = await TcpClient.open(port);
        client.send(HELLO_BEGIN);
        client.end();
      },
    ],
    ["a client that does not trust the certificate", (port) => trustOf(port, pem("chain-root"))],
  ];
  for (const [what, fail] of failures) {
    test(`listener counts ${what} as a failed handshake, which no handler sees`, () =>
      withEcho({}, function* (listener, handled) {
        yield* until(fail(listener.port));
        yield* world.until(() => listener.statistics().handshakes?.failed === 1, "a failed handshake");
        expect(listener.statistics()).toEqual({
          open: 0,
          resting: 0,
          accepted: 0,
          refused: 0,
          refusals: refusals(),
          handshakes: { pending: 0, failed: 1 },
        });
        yield* roundTrip(listener.port);
        expect(handled()).toBe(1);
      }));
  }

  test("listener resets a peer that never begins its handshake, and one that trickles, at handshakeMs", () =>
    withEcho({ tls: { ...SELF_SIGNED, handshakeMs: 150 } }, function* (listener) {
      const [silent, trickling] = yield* until(
        Promise.all([TcpClient.open(listener.port), TcpClient.open(listener.port)]),
      );
      yield* world.until(() => listener.statistics().handshakes?.pending === 2, "two handshakes");
      const timer = setInterval(() => trickling.send(Buffer.from([22])), 20);
      // A write that meets the reset takes its error along.
      expect([yield* until(silent.over), yield* until(trickling.over)]).toEqual(["reset", expect.any(String)]);
      clearInterval(timer);
      expect(listener.statistics()).toMatchObject({ open: 0, accepted: 0, handshakes: { pending: 0, failed: 2 } });
    }));

  test("listener.close resets handshakes under way and leaves conns alone", async () => {
    await world.run(function* () {
      const listener = yield* listen(SECURE);
      const { client, server } = yield* pairAt(listener);
      const silent = yield* until(TcpClient.open(listener.port));
      yield* world.until(() => listener.statistics().handshakes?.pending === 1, "a handshake");
      listener.close();
      expect(listener.statistics()).toMatchObject({ open: 1, handshakes: { pending: 0, failed: 1 } });
      expect(yield* until(silent.over)).toBe("reset");
      yield* client.write("still here");
      expect(textOf(yield* server.readExactly(10))).toBe("still here");
      client.terminate();
      yield* world.until(() => server.closed, "the reset");
    });
  });
});

describe("reloadTls on Bun", () => {
  const asking = { ...SELF_SIGNED, clientCertificates: { ca: pem("chain-root") } };
  for (const [name, tls] of [
    ["by its own sockets", asking],
    ["by sockets that are upgraded", { ...asking, alpn: ["echo"] }],
  ] as const) {
    test(`reloadTls leaves alone who is trusted of the clients: ${name}`, () =>
      withEcho({ tls }, function* (listener, handled) {
        const client = { ca: [cert, pem("expired-cert"), pem("chain-root")], serverName: "localhost" };
        for (const identity of [SELF_SIGNED, CHAINED, SELF_SIGNED]) {
          listener.reloadTls(identity);
          const before = handled();
          using conn = yield* connect({ port: listener.port, tls: { ...client, ...CHAINED } });
          yield* conn.write("ping");
          expect(textOf(yield* conn.readExactly(4))).toBe("ping");
          expect(handled()).toBe(before + 1);
          // A certificate that somebody else has signed, and none at all.
          const failed = listener.statistics().handshakes?.failed ?? 0;
          for (const stranger of [SELF_SIGNED, {}]) {
            yield* thrownBy(function* (): Steps<void> {
              using refused = yield* connect({ port: listener.port, tls: { ...client, ...stranger } });
              if ((yield* refused.read()) === null) throw new Error("ended");
            });
          }
          yield* world.until(() => listener.statistics().handshakes?.failed === failed + 2, "two failed handshakes");
          expect(handled()).toBe(before + 1);
          yield* conn.end();
        }
      }));
  }

  test("reloadTls takes an encrypted key and a chain, and tells what it cannot use", () =>
    withEcho({}, function* (listener) {
      listener.reloadTls({ key: pem("key-encrypted"), cert, passphrase: PASSPHRASE });
      yield* roundTrip(listener.port);
      for (const [identity, state] of [
        [{ key, cert: pem("chain-cert") }, "the TLS key does not belong to the certificate"],
        [{ key: pem("key-encrypted"), cert }, "the TLS key is encrypted"],
        [{ key, cert: "certificate" }, "is no valid PEM"],
      ] as const) {
        expect(() => listener.reloadTls(identity)).toThrow(ListenError);
        expect(() => listener.reloadTls(identity)).toThrow(state);
      }
      yield* roundTrip(listener.port);
      listener.reloadTls({ key: pem("chain-key"), cert: pem("chain-cert"), ca: pem("chain-authority") });
      expect(yield* until(trustOf(listener.port, pem("chain-root")))).toBe("trusted");
    }));

  test("listen with clientCertificates sends its chain, and trusts nobody for being in it", () =>
    withEcho(
      {
        tls: {
          key: pem("chain-key"),
          cert: pem("chain-cert"),
          ca: pem("chain-authority"),
          clientCertificates: { ca: cert, optional: true },
        },
      },
      function* (listener, handled) {
        expect(yield* until(trustOf(listener.port, pem("chain-root")))).toBe("trusted");
        yield* world.until(() => listener.statistics().open === 0, "no connection left");
        const before = handled();
        const tls = { ca: pem("chain-root"), serverName: "localhost", ...CHAINED };
        yield* thrownBy(function* (): Steps<void> {
          using refused = yield* connect({ port: listener.port, tls });
          if ((yield* refused.read()) === null) throw new Error("ended");
        });
        yield* world.until(() => listener.statistics().open === 0, "no connection left");
        expect(handled()).toBe(before);
      },
    ));
});

describe("connect with tls on Bun", () => {
  const refused: readonly [string, TlsServerOptions, TlsClientOptions, string, string][] = [
    [
      "has expired",
      { key, cert: pem("expired-cert") },
      { ca: pem("expired-cert") },
      "CERT_HAS_EXPIRED",
      "the peer's certificate has expired (CERT_HAS_EXPIRED)",
    ],
    [
      "is made for another name",
      SELF_SIGNED,
      { ca: cert, serverName: "example.org" },
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "Host: example.org. is not in the cert's altnames: DNS:localhost, IP Address:127.0.0.1",
    ],
    ["nobody in the world has signed", SELF_SIGNED, {}, "DEPTH_ZERO_SELF_SIGNED_CERT", "is signed by itself"],
    [
      "comes without its chain",
      { key: pem("chain-key"), cert: pem("chain-cert") },
      { ca: pem("chain-root") },
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "the peer did not send the chain that leads there",
    ],
  ];
  for (const [state, server, client, reason, words] of refused) {
    test(`connect refuses a certificate that ${state}, and says so`, () =>
      withEcho({ tls: server }, function* (listener, handled) {
        const error = yield* thrownBy(() => connect({ port: listener.port, tls: client }));
        expect(error).toMatchObject({ name: "ConnectError", reason });
        expect((error as Error).message).toContain(words);
        expect((error as Error).cause).toBeInstanceOf(Error);
        expect(handled()).toBe(0);
      }));
  }

  test("connect verifies the address where no name is given, and says who the server is", () =>
    withEcho({}, function* (listener) {
      using conn = yield* connect({ port: listener.port, tls: { ca: cert } });
      expect(conn.tls).toMatchObject({
        verified: true,
        peerCertificate: {
          subject: { CN: "localhost" },
          issuer: { CN: "localhost" },
          subjectAltName: "DNS:localhost, IP Address:127.0.0.1",
        },
      });
      yield* conn.end();
    }));

  test("connect throws for a ca, a key or a certificate that is none, and leaves no connection", () =>
    withEcho({}, function* (listener) {
      for (const [tls, reason] of [
        [{ ca: "authority" }, "ERR_BORINGSSL"],
        [{ ca: cert, key, cert: "certificate" }, "ERR_OSSL_PEM_NO_START_LINE"],
        [{ ca: cert, key: pem("chain-key"), cert }, "ERR_OSSL_X509_KEY_VALUES_MISMATCH"],
        [{ ca: cert, key: pem("key-encrypted"), cert, passphrase: "open" }, "ERR_OSSL_BAD_DECRYPT"],
      ] as const) {
        expect(yield* thrownBy(() => connect({ port: listener.port, tls }))).toMatchObject({ reason });
      }
    }));
});

describe("crowds", () => {
  test("connectionsMax counts peers that never begin a handshake; one more is reset at once, until one is gone", () =>
    withEcho({ connectionsMax: 3 }, function* (listener) {
      const silent = yield* until(Promise.all([1, 2, 3].map(() => TcpClient.open(listener.port))));
      yield* world.until(() => listener.statistics().open === 3, "three connections");
      const fourth = yield* until(TcpClient.open(listener.port));
      expect(yield* until(fourth.over)).toBe("reset");
      expect(listener.statistics()).toEqual({
        open: 3,
        resting: 0,
        accepted: 0,
        refused: 1,
        refusals: refusals({ connectionsMax: 1 }),
        handshakes: { pending: 3, failed: 0 },
      });
      silent[0]?.reset();
      yield* world.until(() => listener.statistics().open === 2, "room for one");
      yield* roundTrip(listener.port);
      for (const client of silent) client.reset();
    }));

  test("200 handshakes at once all become conns", () =>
    withEcho({}, function* (listener, handled) {
      yield* scope(function* (clients) {
        for (let i = 0; i < 200; i++) clients.spawn(() => roundTrip(listener.port));
      });
      expect(handled()).toBe(200);
      expect(listener.statistics()).toMatchObject({ accepted: 200, refused: 0, handshakes: { pending: 0, failed: 0 } });
    }));
});

describe("peers that break the protocol after their handshake", () => {
  /** A conn through a relay, at both ends, and what the server's end throws or gives once `harm` is done. */
  const harmed = (harm: (relay: Relay) => void): Promise<unknown> =>
    world.run(function* () {
      using listener = yield* listen(SECURE);
      using relay = new Relay(listener.port);
      const client = yield* connectSecure(relay.port);
      const server = yield* listener.accept();
      if (server === null) throw new Error("the listener was closed");
      yield* client.write("all well");
      expect(textOf(yield* server.readExactly(8))).toBe("all well");
      harm(relay);
      const heard = yield* heardBy(server);
      client.terminate();
      server.terminate();
      return heard;
    });

  test("a record that is none loses the connection, and not the process", async () => {
    expect(await harmed((relay) => relay.inject(Buffer.alloc(50, 7)))).toMatchObject({ code: "ERR_CONNECTION_LOST" });
  });

  test("a reset loses the connection", async () => {
    expect(await harmed((relay) => relay.reset())).toMatchObject({ code: "ERR_CONNECTION_LOST" });
  });

  test("a FIN without a close_notify ends the stream, as Bun tells no difference", async () => {
    expect(await harmed((relay) => relay.cut())).toBeNull();
  });

  test("a record that is none after our FIN does not pass for the peer's end", async () => {
    await run(function* () {
      using listener = yield* listen(SECURE);
      using relay = new Relay(listener.port);
      const client = yield* connectSecure(relay.port);
      const server = yield* listener.accept();
      if (server === null) throw new Error("the listener was closed");
      yield* server.end();
      expect(yield* client.read()).toBeNull();
      relay.inject(Buffer.alloc(50, 7));
      expect(yield* heardBy(server)).toMatchObject({ code: "ERR_CONNECTION_LOST" });
      client.terminate();
    }).promise;
  });
});

/** What the next read gives or throws. */
function* heardBy(conn: Conn): Steps<unknown> {
  try {
    return yield* conn.read();
  } catch (error) {
    return error;
  }
}

/** Does a client that trusts `ca` only trust the server? Gives "trusted", or why not. */
async function trustOf(port: number, ca: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    tls: { ca, serverName: "localhost", rejectUnauthorized: true },
    socket: {
      data() {},
      error() {},
      handshake: (_, success, error) =>
        resolve(
          error === null
            ? `trusted${success ? "" : ", and failed"}`
            : ((error as { code?: string }).code ?? error.message),
        ),
    },
  });
  const trust = await promise;
  socket.terminate();
  return trust;
}
