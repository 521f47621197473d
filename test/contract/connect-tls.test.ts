// TLS from the first byte, in both worlds: what client and server agree on, who is let in, what a failed handshake is called, and certificates that
// change while a server runs.

import { expect } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import type { Steps } from "../../src/core/operation.ts";
import { connect } from "../../src/net/connect.ts";
import { ConnectError, ConnectionLostError, ListenError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener } from "../../src/net/listener.ts";
import { serve } from "../../src/net/serve.ts";
import type { TlsClientOptions, TlsIdentity } from "../../src/net/tls.ts";
import { CHAINED, pem } from "../fixtures/tls/certificates.ts";
import { echo } from "../net/kit.ts";
import { textOf, thrownBy } from "./conn-world.ts";
import { CLIENT, connectTo, inBothWorlds, listenSecure, pairAt, SERVER, together } from "./secure-world.ts";

inBothWorlds("connect and listen with tls", (inWorlds) => {
  inWorlds("connect with tls carries bytes both ways, and tells who the server is", function* (world) {
    using listener = yield* listenSecure();
    const { client, server } = yield* pairAt(listener);
    expect([client.secure, server.secure, client.remotePort]).toEqual([true, true, listener.port]);
    expect(client.tls).toMatchObject({ alpn: null, version: "TLSv1.3", serverName: "localhost", verified: true });
    expect(client.tls?.peerCertificate?.fingerprint256).toMatch(/^[\dA-Fa-f:]+$/);
    expect(server.tls).toMatchObject({ serverName: "localhost", verified: false, peerCertificate: null });
    yield* client.write("ping");
    expect(textOf(yield* server.readExactly(4))).toBe("ping");
    yield* server.write("pong");
    yield* server.end();
    expect(textOf(yield* client.readExactly(4))).toBe("pong");
    expect(yield* client.read()).toBeNull();
    client.close();
    server.close();
    yield* world.until(() => client.closed && server.closed, "both are closed");
    expect([client.tls, server.tls]).toEqual([null, null]);
  });

  inWorlds("connect with alpn agrees on the server's favourite of what both know", function* () {
    using listener = yield* listenSecure({ alpn: ["h2", "http/1.1"] });
    for (const [offered, agreed] of [
      [["http/1.1"], "http/1.1"],
      [["http/1.1", "h2"], "h2"],
      [undefined, null],
    ] as const) {
      const { client, server } = yield* pairAt(listener, offered === undefined ? {} : { alpn: offered });
      expect([client.tls?.alpn, server.tls?.alpn]).toEqual([agreed, agreed]);
      client.terminate();
      server.terminate();
    }
  });

  inWorlds("connect with alpn fails where the two sides have no protocol in common", function* (world) {
    using listener = yield* listenSecure({ alpn: ["h2"] });
    const error = yield* thrownBy(() => connectTo(listener, { alpn: ["smtp"] }));
    expect(error).toMatchObject({ name: "ConnectError", reason: "NO_APPLICATION_PROTOCOL" });
    expect((error as Error).message).toBe(
      `Cannot connect to 127.0.0.1:${listener.port}: the two sides have no protocol in common (NO_APPLICATION_PROTOCOL)`,
    );
    yield* world.until(() => listener.statistics().handshakes?.failed === 1, "a failed handshake");
    expect(listener.statistics()).toMatchObject({ open: 0, accepted: 0 });
  });

  inWorlds("connect refuses a certificate that it does not trust, unless it is told not to look", function* (world) {
    using listener = yield* listenSecure();
    const error = (yield* thrownBy(() => connectTo(listener, { ca: pem("chain-root") }))) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.reason).toBeOneOf(["DEPTH_ZERO_SELF_SIGNED_CERT", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]);
    expect(error.message).toStartWith(`Cannot connect to 127.0.0.1:${listener.port}: `);
    expect(error.message).toContain("the peer's certificate");
    expect(error.attempts).toEqual([{ address: `127.0.0.1:${listener.port}`, reason: error.reason }]);
    const client = yield* connectTo(listener, { ca: pem("chain-root"), verify: false });
    expect(client.tls?.verified).toBe(false);
    client.terminate();
    yield* world.until(() => listener.statistics().open === 0, "no connection left");
  });

  inWorlds("connect that is told not to look takes a certificate of another name as well", function* (world) {
    using listener = yield* listenSecure();
    for (const ca of [SERVER.cert, pem("chain-root")]) {
      const { client, server } = yield* pairAt(listener, { ca, serverName: "example.org", verify: false });
      yield* server.write("hello");
      expect(textOf(yield* client.readExactly(5))).toBe("hello");
      client.terminate();
      server.terminate();
    }
    yield* world.until(() => listener.statistics().open === 0, "no connection left");
  });

  inWorlds("listen with clientCertificates lets in who is trusted, and tells who it is", function* () {
    using listener = yield* listenSecure({ clientCertificates: { ca: SERVER.cert } });
    const { client, server } = yield* pairAt(listener, SERVER);
    expect(server.tls?.verified).toBe(true);
    // The two have the same certificate here.
    expect(server.tls?.peerCertificate?.fingerprint256).toBe(client.tls?.peerCertificate?.fingerprint256 as string);
    client.terminate();
    server.terminate();
  });

  const strangers: readonly [string, TlsClientOptions, boolean][] = [
    ["without a certificate", {}, false],
    ["with one that nobody trusted has signed", CHAINED, false],
    ["with one that nobody trusted has signed, where none is needed", CHAINED, true],
  ];
  for (const [who, tls, optional] of strangers) {
    inWorlds(`listen with clientCertificates lets nobody in ${who}`, function* (world) {
      using listener = yield* listenSecure({ clientCertificates: { ca: SERVER.cert, optional } });
      // A client may be done before the server has looked at it: then its connection breaks.
      const refused = yield* thrownBy(function* (): Steps<unknown> {
        const conn = yield* connectTo(listener, { ...tls, ca: SERVER.cert });
        const end = yield* conn.read();
        conn.terminate();
        if (end === null) throw new ConnectionLostError("ended");
        return end;
      });
      expect(refused instanceof ConnectError || refused instanceof ConnectionLostError).toBe(true);
      yield* world.until(() => listener.statistics().handshakes?.failed === 1, "a failed handshake");
      expect(listener.statistics()).toMatchObject({ accepted: 0, open: 0 });
    });
  }

  inWorlds("listen with optional clientCertificates lets in who has none", function* () {
    using listener = yield* listenSecure({ clientCertificates: { ca: SERVER.cert, optional: true } });
    const { client, server } = yield* pairAt(listener);
    expect(server.tls).toMatchObject({ verified: false, peerCertificate: null });
    client.terminate();
    server.terminate();
  });

  inWorlds("connect with tls to a server that speaks plain text, or nothing, fails", function* (world) {
    using listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
    const error = yield* together(
      () => thrownBy(() => connectTo(listener)),
      function* () {
        const server = yield* listener.accept();
        yield* server?.write("220 welcome\r\n") ?? [];
        yield* world.until(() => server?.closed !== false || server.input !== 0, "the client gives up");
        server?.terminate();
      },
    );
    expect(error).toMatchObject({ name: "ConnectError", reason: "WRONG_VERSION_NUMBER" });
    expect((error as Error).message).toEndWith("the peer does not speak TLS (WRONG_VERSION_NUMBER)");
    const silence = yield* thrownBy(() => connectTo(listener, {}, { timeoutMs: 60 }));
    expect(silence).toMatchObject({ reason: "ETIMEDOUT" });
    expect((silence as Error).message).toEndWith("the handshake of TLS was not done within 60 ms");
    const server = yield* listener.accept();
    yield* world.until(() => server?.closed !== false || server.input !== 0, "its end");
    server?.terminate();
  });

  inWorlds("connect with tls that is cancelled in mid-handshake leaves nothing behind", function* (world) {
    using listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
    expect(yield* moveOnAfter(60, connectTo(listener))).toBeUndefined();
    const server = yield* listener.accept();
    yield* world.until(() => server?.closed !== false || server.input !== 0, "its end");
    server?.terminate();
  });

  inWorlds("connect with tls checks its options first", function* () {
    using listener = yield* listenSecure();
    const wrong: readonly [TlsClientOptions, string][] = [
      [{ key: SERVER.key }, "a client's certificate needs its key, and tls.cert is missing"],
      [{ cert: SERVER.cert }, "tls.key is missing"],
      [{ serverName: "" }, "tls.serverName is missing"],
      [{ alpn: [] }, "tls.alpn is an empty list"],
      [{ alpn: ["h2", ""] }, "tls.alpn has a name of no bytes"],
      [{ alpn: ["x".repeat(256)] }, "tls.alpn has a name of more than 255 bytes"],
    ];
    for (const [tls, state] of wrong) {
      const error = yield* thrownBy(() => connectTo(listener, tls));
      expect(error).toMatchObject({ name: "ConnectError", reason: "ERR_TLS", attempts: [] });
      expect((error as Error).message).toContain(state);
    }
    expect(listener.statistics()).toMatchObject({ open: 0, handshakes: { pending: 0, failed: 0 } });
    // A unix path has no name that could be verified.
    const unnamed = yield* thrownBy(() => connect({ unix: "/nowhere", tls: { ca: SERVER.cert } }));
    expect((unnamed as Error).message).toContain("tls.serverName is missing");
    const open = yield* thrownBy(() => listenSecure({ clientCertificates: { ca: [] } }));
    expect((open as Error).message).toContain("tls.clientCertificates needs a ca");
  });

  inWorlds("listen and connect speak TLS over a unix path", function* (world) {
    const unix = world.unixPath();
    using listener = yield* listen({ unix, tls: SERVER });
    const client = yield* connect({ unix, tls: CLIENT });
    const server = yield* listener.accept();
    yield* client.write("over the path");
    expect(textOf((yield* server?.readExactly(13) ?? []) ?? null)).toBe("over the path");
    client.terminate();
    server?.terminate();
  });

  inWorlds("reloadTls shows the new certificate to new connections, and old ones go on", function* (world) {
    using listener = yield* listenSecure({ alpn: ["echo"] });
    const trusting = { ca: [SERVER.cert, CHAINED.cert, pem("chain-root")], alpn: ["echo"] };
    const before = yield* pairAt(listener, trusting);
    listener.reloadTls(CHAINED);
    const after = yield* pairAt(listener, trusting);
    const shown = [before, after].map(({ client }) => client.tls?.peerCertificate?.fingerprint256);
    expect(shown[0]).not.toBe(shown[1] as string);
    for (const { client, server } of [before, after]) {
      yield* client.write("still here");
      expect(textOf(yield* server.readExactly(10))).toBe("still here");
      // All else is as it was.
      expect(client.tls?.alpn).toBe("echo");
      client.terminate();
    }
    listener.reloadTls(SERVER);
    const again = yield* pairAt(listener, trusting);
    expect(again.client.tls?.peerCertificate?.fingerprint256).toBe(shown[0] as string);
    again.client.terminate();
    yield* world.until(() => listener.statistics().open === 0, "no connection left");
  });

  inWorlds("reloadTls with a key or certificate that is none throws, and everything stays", function* (world) {
    using listener = yield* listenSecure();
    expect(reloadFault(listener, { key: "", cert: SERVER.cert })).toBe(
      `Cannot reload the certificate of ${listener.address}: TLS needs a key and a certificate, and tls.key is missing`,
    );
    const { client } = yield* pairAt(listener);
    client.terminate();
    using plain = yield* listen({ hostname: "127.0.0.1", port: 0 });
    expect(reloadFault(plain, SERVER)).toContain("it listens without TLS");
    yield* world.until(() => listener.statistics().open === 0, "no connection left");
    listener.close();
    expect(reloadFault(listener, SERVER)).toContain("it is closed");
  });

  inWorlds("serve over TLS echoes to one connect after the other", function* (world) {
    using listener = yield* listenSecure();
    yield* scope(function* (tasks) {
      tasks.spawn(() => serve(listener, echo));
      for (let i = 0; i < 10; i++) {
        using client = yield* connectTo(listener);
        yield* client.write(`message ${i}`);
        expect(textOf(yield* client.readExactly(9))).toBe(`message ${i}`);
      }
      yield* world.until(() => listener.statistics().open === 0, "no connection left");
      tasks.cancel();
    });
  });
});

/** What `reloadTls` throws. */
function reloadFault(listener: Listener, identity: TlsIdentity): string {
  try {
    listener.reloadTls(identity);
  } catch (error) {
    if (error instanceof ListenError) return error.message;
    throw error;
  }
  return "it was taken";
}
