// TLS that begins in mid-connection, in both worlds: the order of bytes is kept, nothing that came in plain text passes for something that came over
// TLS, and whatever goes wrong leaves no half-way connection.

import { expect } from "bun:test";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { BusyError } from "../../src/core/errors.ts";
import type { Steps } from "../../src/core/operation.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { ConnectionClosedError, ConnectionLostError, TlsError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import { serve } from "../../src/net/serve.ts";
import { acceptTls, startTls } from "../../src/net/start-tls.ts";
import { CHAINED, pem } from "../fixtures/tls/certificates.ts";
import { patterned, readAll, textOf, thrownBy } from "./conn-world.ts";
import { CLIENT, inBothWorlds, SERVER, together, withPlain } from "./secure-world.ts";

/** A server that answers STARTTLS, then echoes what comes over TLS. */
function* mailServer(conn: Conn): Steps<void> {
  expect(yield* conn.readLine()).toBe("STARTTLS");
  yield* conn.write("220 go ahead\r\n");
  yield* acceptTls(conn, SERVER);
  yield* conn.write("over TLS: ");
  for (let bytes: Uint8Array | null; (bytes = yield* conn.read()) !== null;) yield* conn.write(bytes);
  yield* conn.end();
}

inBothWorlds("startTls and acceptTls", (inWorlds) => {
  inWorlds("startTls and acceptTls turn a plain connection into a TLS one, and keep bytes in order", function* () {
    yield* withPlain(function* (client, server) {
      const sent = patterned(100_000);
      expect([client.secure, client.tls, server.secure]).toEqual([false, null, false]);
      const received = yield* together(
        function* () {
          yield* client.write("STARTTLS\r\n");
          expect(yield* client.readLine()).toBe("220 go ahead");
          yield* startTls(client, CLIENT);
          expect([client.secure, client.tls?.verified]).toEqual([true, true]);
          return yield* together(
            () => readAll(client),
            function* () {
              yield* client.write(sent);
              yield* client.end();
            },
          );
        },
        () => mailServer(server),
      );
      expect(received.equals(Buffer.concat([Buffer.from("over TLS: "), sent]))).toBe(true);
      expect(server.secure).toBe(true);
    });
  });

  inWorlds("acceptTls takes the handshake of a client that did not wait for an answer", function* (world) {
    yield* withPlain(function* (client, server) {
      yield* together(
        function* () {
          yield* client.write("STARTTLS\r\n");
          yield* startTls(client, CLIENT);
          yield* client.write("hello");
        },
        function* () {
          expect(yield* server.readLine()).toBe("STARTTLS");
          // By now the first bytes of the handshake are in the receive buffer.
          yield* world.quiet();
          expect(server.received.size).toBeGreaterThan(0);
          yield* acceptTls(server, SERVER);
          expect(textOf(yield* server.readExactly(5))).toBe("hello");
        },
      );
    });
  });

  inWorlds(
    "acceptTls refuses commands that were pipelined in plain text, and resets the connection",
    function* (world) {
      yield* withPlain(function* (client, server) {
        yield* client.write("STARTTLS\r\nMAIL FROM:<mallory@example.org>\r\n");
        expect(yield* server.readLine()).toBe("STARTTLS");
        yield* world.until(() => server.received.size === 33, "the command behind it");
        yield* server.write("220 go ahead\r\n");
        const error = yield* thrownBy(() => acceptTls(server, SERVER));
        expect(error).toBeInstanceOf(TlsError);
        expect(error).toMatchObject({ code: "ERR_TLS", reason: "ERR_PLAINTEXT_AHEAD" });
        expect((error as Error).message).toBe(
          `Cannot start TLS on ${server.describe()}: 33 bytes came in plain text behind the command that begins TLS, and may be anybody's`,
        );
        expect(server.closed).toBe(true);
        expect(yield* thrownBy(() => server.readLine())).toBeInstanceOf(ConnectionClosedError);
        yield* world.until(() => client.closed, "the reset");
      });
    },
  );

  inWorlds("acceptTls fails for a command in plain text that comes once the handshake has begun", function* (world) {
    yield* withPlain(function* (client, server) {
      const error = yield* together(
        () => thrownBy(() => acceptTls(server, SERVER)),
        function* () {
          yield* world.quiet();
          yield* client.write("MAIL FROM:<mallory@example.org>\r\n");
        },
      );
      expect(error).toMatchObject({ reason: "WRONG_VERSION_NUMBER" });
      expect((error as Error).message).toContain("the peer does not speak TLS");
      expect([server.closed, server.received.size]).toEqual([true, 0]);
    });
  });

  inWorlds("startTls refuses an answer in plain text behind the one that begins TLS", function* (world) {
    yield* withPlain(function* (client, server) {
      yield* server.write("220 go ahead\r\n250 forged\r\n");
      expect(yield* client.readLine()).toBe("220 go ahead");
      yield* world.until(() => client.received.size > 0, "what stands behind it");
      const error = yield* thrownBy(() => startTls(client, CLIENT));
      expect(error).toMatchObject({ name: "TlsError", reason: "ERR_PLAINTEXT_AHEAD" });
      expect(client.closed).toBe(true);
    });
  });

  inWorlds("startTls fails for a server that it does not trust, which hears of it", function* (world) {
    yield* withPlain(function* (client, server) {
      const theirs = yield* together(
        () => thrownBy(() => acceptTls(server, SERVER)),
        function* () {
          const error = yield* thrownBy(() => startTls(client, { ...CLIENT, ca: pem("chain-root") }));
          expect(error).toBeInstanceOf(TlsError);
          expect((error as TlsError).reason).toBeOneOf([
            "DEPTH_ZERO_SELF_SIGNED_CERT",
            "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
          ]);
        },
      );
      expect(theirs).toMatchObject({ reason: "ECONNRESET" });
      yield* world.until(() => client.closed && server.closed, "both are gone");
    });
  });

  inWorlds("startTls without a name to verify, and acceptTls with a key that is none, throw", function* (world) {
    yield* withPlain(function* (client, server) {
      const unnamed = yield* thrownBy(() => startTls(client, { ca: SERVER.cert }));
      expect((unnamed as Error).message).toContain("tls.serverName is missing");
      expect((yield* thrownBy(() => acceptTls(server, { ...SERVER, key: "" }))) as Error).toMatchObject({
        message: `Cannot start TLS on ${server.describe()}: TLS needs a key and a certificate, and tls.key is missing`,
      });
      // Nothing has begun.
      expect([client.closed, server.closed, client.secure]).toEqual([false, false, false]);
      yield* client.write("still plain");
      expect(textOf(yield* server.readExactly(11))).toBe("still plain");
      yield* world.quiet();
    });
  });

  inWorlds("startTls gives BusyError while another task reads, and takes nothing from it", function* (world) {
    yield* withPlain(function* (client, server) {
      yield* scope(function* (tasks) {
        const reading = tasks.spawn(() => client.readExactly(5));
        yield* world.quiet();
        expect(yield* thrownBy(() => startTls(client, CLIENT))).toBeInstanceOf(BusyError);
        yield* server.write("still");
        expect(textOf(yield* reading)).toBe("still");
      });
    });
  });

  inWorlds("reading and writing give BusyError while a handshake is under way", function* (world) {
    yield* withPlain(function* (client) {
      yield* scope(function* (tasks) {
        const starting = tasks.spawn(() => thrownBy(() => startTls(client, CLIENT)));
        yield* world.quiet();
        expect(yield* thrownBy(() => client.read())).toBeInstanceOf(BusyError);
        expect(yield* thrownBy(() => client.write("in plain text?"))).toBeInstanceOf(BusyError);
        client.close();
        expect(yield* starting).toBeInstanceOf(ConnectionClosedError);
      });
      expect(client.closed).toBe(true);
    });
  });

  inWorlds("startTls throws on a connection that is over TLS, ended, closed or lost", function* (world) {
    yield* withPlain(function* (client, server) {
      yield* together(
        () => startTls(client, CLIENT),
        () => acceptTls(server, SERVER),
      );
      const twice = yield* thrownBy(() => startTls(client, CLIENT));
      expect(twice).toMatchObject({ message: expect.stringContaining("it is a TLS connection already") });
      // A mistake of ours is no reason to lose the connection.
      yield* client.write("still here");
      expect(textOf(yield* server.readExactly(10))).toBe("still here");
    });
    yield* withPlain(function* (client, server) {
      yield* client.end();
      expect(yield* thrownBy(() => startTls(client, CLIENT))).toBeInstanceOf(ConnectionClosedError);
      yield* world.until(() => server.input !== 0, "the FIN");
      expect(yield* thrownBy(() => acceptTls(server, SERVER))).toBeInstanceOf(ConnectionLostError);
      client.terminate();
      expect(yield* thrownBy(() => startTls(client, CLIENT))).toBeInstanceOf(ConnectionClosedError);
    });
  });

  inWorlds("startTls that is cancelled in mid-handshake resets the connection", function* (world) {
    yield* withPlain(function* (client, server) {
      yield* scope(function* (tasks) {
        const starting = tasks.spawn(() => startTls(client, CLIENT));
        yield* world.quiet();
        starting.cancel();
        yield* world.until(() => starting.ending !== null, "the end of it");
        expect([starting.ending, client.closed]).toEqual(["cancelled", true]);
      });
      // Bun sends a FIN in place of the reset, in mid-handshake.
      yield* world.until(() => server.input !== 0, "the end");
    });
  });

  inWorlds("acceptTls resets a peer whose handshake is not done in time", function* (world) {
    yield* withPlain(function* (client, server) {
      const error = yield* thrownBy(() => acceptTls(server, { ...SERVER, handshakeMs: 50 }));
      expect(error).toMatchObject({ name: "TlsError", reason: "ETIMEDOUT" });
      expect((error as Error).message).toEndWith("the handshake was not done within 50 ms");
      expect(server.closed).toBe(true);
      yield* world.until(() => client.closed, "the reset");
    });
  });

  inWorlds("acceptTls tells of a peer that leaves in mid-handshake", function* (world) {
    for (const leave of ["close", "terminate"] as const) {
      yield* withPlain(function* (client, server) {
        const error = yield* together(
          () => thrownBy(() => acceptTls(server, SERVER)),
          function* () {
            yield* world.quiet();
            client[leave]();
          },
        );
        expect(error).toMatchObject({ reason: "ECONNRESET" });
        expect(server.closed).toBe(true);
      });
    }
  });

  inWorlds("acceptTls in a handler of serve keeps the listener's count and its close", function* (world) {
    using listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
    yield* scope(function* (tasks) {
      tasks.spawn(() => serve(listener, mailServer));
      for (let i = 0; i < 3; i++) {
        const client = yield* connect({ hostname: "127.0.0.1", port: listener.port });
        yield* client.write("STARTTLS\r\n");
        expect(yield* client.readLine()).toBe("220 go ahead");
        yield* startTls(client, CLIENT);
        yield* client.end();
        expect((yield* readAll(client)).toString()).toBe("over TLS: ");
        client.close();
      }
      yield* world.until(() => listener.statistics().open === 0, "no connection left");
      tasks.cancel();
    });
  });

  inWorlds("acceptTls agrees on a protocol and sees a client's certificate", function* () {
    yield* withPlain(function* (client, server) {
      const options = { ...SERVER, alpn: ["imap", "smtp"], clientCertificates: { ca: SERVER.cert } };
      yield* together(
        () => startTls(client, { ...CLIENT, ...SERVER, alpn: ["smtp", "imap"] }),
        () => acceptTls(server, options),
      );
      expect(client.tls).toMatchObject({ alpn: "imap", verified: true });
      expect(server.tls).toMatchObject({ alpn: "imap", verified: true, serverName: "localhost" });
      expect(server.tls?.peerCertificate?.fingerprint256).toBe(client.tls?.peerCertificate?.fingerprint256 as string);
    });
  });

  inWorlds("acceptTls refuses a certificate that nobody trusted has signed", function* () {
    yield* withPlain(function* (client, server) {
      const options = { ...SERVER, clientCertificates: { ca: SERVER.cert, optional: true } };
      const error = yield* together(
        () => thrownBy(() => acceptTls(server, options)),
        function* () {
          // The client may be done before the server has looked at it.
          yield* moveOnAfter(1_000, () => startTlsOrFail(client));
        },
      );
      expect(error).toBeInstanceOf(TlsError);
      expect((error as Error).message).toContain("nobody who is trusted has signed the peer's certificate");
      expect(server.closed).toBe(true);
    });
  });
});

function* startTlsOrFail(client: Conn): Steps<void> {
  try {
    yield* startTls(client, { ...CLIENT, ...CHAINED, ca: SERVER.cert });
  } catch (error) {
    expect(error).toBeInstanceOf(TlsError);
  }
}
