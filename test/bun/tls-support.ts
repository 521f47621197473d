// What tests of TLS share: the ways to a TLS connection; plain clients; a clock that runs fast.
// Real sockets, real handshakes, the certificates of test/fixtures.

import { expect, test } from "bun:test";
import { BunHost } from "../../src/bun/host.ts";
import { scope } from "../../src/concurrency/scope.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { Scheduler } from "../../src/core/scheduler.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener, ListenOptions } from "../../src/net/listener.ts";
import { acceptTls, startTls } from "../../src/net/start-tls.ts";
import { BunConnWorld, type ConnTest } from "../contract/conn-world.ts";
import { CLIENT } from "../contract/secure-world.ts";
import { SELF_SIGNED } from "../fixtures/tls/certificates.ts";

export const SECURE: ListenOptions = { hostname: "127.0.0.1", port: 0, tls: SELF_SIGNED };

/** Connects over TLS and gives the conn. */
export function connectSecure(port: number): Operation<Conn> {
  return connect({ hostname: "127.0.0.1", port, tls: CLIENT });
}

/** Both ends of a fresh TLS connection to `listener`. */
export function* pairAt(listener: Listener): Steps<{ client: Conn; server: Conn }> {
  const client = yield* connectSecure(listener.port);
  const server = yield* listener.accept();
  if (server === null) throw new Error("the listener was closed");
  return { client, server };
}

/** The ways in which a connection comes to TLS. To Bun they are different sockets, and the same must hold for all. */
export interface Kind {
  readonly name: string;
  /** Where a server listens. */
  readonly options: ListenOptions;
  /** Both ends of a fresh connection, over TLS. */
  pairAt(listener: Listener): Steps<{ client: Conn; server: Conn }>;
}

/** A listener's own sockets; sockets that the listener upgrades, as it does with ALPN; and those that began in plain text. */
export const KINDS: readonly Kind[] = [
  { name: "TLS", options: SECURE, pairAt },
  { name: "TLS with ALPN", options: { ...SECURE, tls: { ...SELF_SIGNED, alpn: ["test"] } }, pairAt },
  {
    name: "STARTTLS",
    options: { hostname: "127.0.0.1", port: 0 },
    *pairAt(listener: Listener): Steps<{ client: Conn; server: Conn }> {
      const client = yield* connect({ hostname: "127.0.0.1", port: listener.port });
      const server = yield* listener.accept();
      if (server === null) throw new Error("the listener was closed");
      yield* scope(function* (tasks) {
        tasks.spawn(() => startTls(client, CLIENT));
        yield* acceptTls(server, SELF_SIGNED);
      });
      return { client, server };
    },
  },
];

/** A test of the conn contract on both ends of a TLS connection. Nothing of it may be left in the end. */
export function secureTest(kind: Kind): ConnTest {
  return (title, body) => {
    test(title, async () => {
      expect.hasAssertions();
      await using world = new BunConnWorld();
      await world.run(function* () {
        using listener = yield* listen(kind.options);
        const { client, server } = yield* kind.pairAt(listener);
        expect([client.secure, server.secure]).toEqual([true, true]);
        try {
          yield* body({ world, client, server });
        } finally {
          client.terminate();
          server.terminate();
        }
        expect([client.closed, server.closed, listener.statistics().open]).toEqual([true, true, 0]);
      });
    });
  };
}

/** Bun's clock, so much faster that deadlines of seconds can be waited for. */
class HastyHost extends BunHost {
  override now(): number {
    return super.now() * HASTE;
  }
  override wakeAt(deadline: number): void {
    super.wakeAt(deadline / HASTE);
  }
}

const HASTE = 50;

/** A scheduler whose seconds last 20 ms. */
export const hasty: Scheduler = new Scheduler(new HastyHost());

/** A plain TCP client: connected when `open` settles, and `over` settles when it is closed, telling how. */
export class TcpClient {
  readonly #over = Promise.withResolvers<"reset" | "closed">();
  #socket: Bun.Socket | null = null;
  received = 0;

  static async open(port: number, sent = ""): Promise<TcpClient> {
    const client = new TcpClient();
    client.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => void (client.received += bytes.length),
        close: (_, error) => client.#over.resolve(error === undefined ? "closed" : "reset"),
        error() {},
      },
    });
    if (sent !== "") client.send(sent);
    return client;
  }

  get over(): Promise<"reset" | "closed"> {
    return this.#over.promise;
  }

  send(data: string | Uint8Array): void {
    this.#socket?.write(data);
  }

  end(): void {
    this.#socket?.end();
  }

  reset(): void {
    this.#socket?.terminate();
  }
}
