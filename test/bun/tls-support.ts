// What tests of TLS share: conns on the client's side, which the library has none of yet; plain clients; a clock that runs fast.
// Real sockets, real handshakes, the certificates of test/fixtures.

import { expect, test } from "bun:test";
import { BunHost } from "../../src/bun/host.ts";
import { callbacks, own, type Socket } from "../../src/bun/socket-callbacks.ts";
import { until } from "../../src/concurrency/until.ts";
import { rootOf } from "../../src/core/lingering.ts";
import type { Steps } from "../../src/core/operation.ts";
import { Scheduler } from "../../src/core/scheduler.ts";
import { running, type Task } from "../../src/core/task.ts";
import { Conn } from "../../src/net/conn.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener, ListenOptions } from "../../src/net/listener.ts";
import type { RawSocket, SocketHandler } from "../../src/net/transport.ts";
import { BunConnWorld, type ConnTest } from "../contract/conn-world.ts";
import { SELF_SIGNED } from "../fixtures/tls/certificates.ts";

export const SECURE: ListenOptions = { hostname: "127.0.0.1", port: 0, tls: SELF_SIGNED };

/** Connects a TLS socket of Bun's and binds the handler that `opened` gives once its handshake is done. */
export async function connectRaw(port: number, opened: (socket: RawSocket) => SocketHandler): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const close = (raw: Socket, error?: unknown): void => {
    callbacks.close(raw, error);
    reject(new Error("the connection was closed before its handshake was done", { cause: error }));
  };
  await Bun.connect<SocketHandler | undefined>({
    hostname: "127.0.0.1",
    port,
    allowHalfOpen: true,
    tls: { ca: SELF_SIGNED.cert, serverName: "localhost" },
    data: undefined,
    socket: {
      ...callbacks,
      close,
      open(raw: Socket): void {
        own(raw, opened(raw));
        resolve();
      },
    },
  });
  await promise;
}

/** Connects over TLS and gives the conn. */
export function* connectSecure(port: number): Steps<Conn> {
  const scheduler = (running as Task).kernel as Scheduler;
  const owner = { root: rootOf(running as Task), secure: true, connClosed() {} };
  let conn: Conn | null = null;
  const opened = (socket: RawSocket): Conn => (conn = new Conn(scheduler, socket, owner));
  yield* until(connectRaw(port, opened));
  return conn as unknown as Conn;
}

/** Both ends of a fresh TLS connection to `listener`. */
export function* pairAt(listener: Listener): Steps<{ client: Conn; server: Conn }> {
  const client = yield* connectSecure(listener.port);
  const server = yield* listener.accept();
  if (server === null) throw new Error("the listener was closed");
  return { client, server };
}

/** A test of the conn contract on both ends of a TLS connection. Nothing of it may be left in the end. */
export const secureTest: ConnTest = (title, body) => {
  test(title, async () => {
    expect.hasAssertions();
    await using world = new BunConnWorld();
    await world.run(function* () {
      using listener = yield* listen(SECURE);
      const { client, server } = yield* pairAt(listener);
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
