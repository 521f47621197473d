// What tests of TLS in both worlds share: a client and a server that trust each other, in both the simulation and on Bun. Certificates that are
// signed by themselves serve in both: the simulation compares whole texts, Bun verifies them.

import { describe, expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import type { ConnectOptions } from "../../src/net/connecting.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener, ListenOptions } from "../../src/net/listener.ts";
import type { TlsClientOptions, TlsServerOptions } from "../../src/net/tls.ts";
import { SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { BunConnWorld, type ConnWorld, connected, inWorld, SimConnWorld, simWorlds } from "./conn-world.ts";

export const SERVER: TlsServerOptions = SELF_SIGNED;
export const CLIENT: TlsClientOptions = { ca: SELF_SIGNED.cert, serverName: "localhost" };

/** Makes tests whose bodies run as tasks in simulated worlds of several tempers, and on Bun. */
export function inBothWorlds(
  name: string,
  make: (inWorlds: (title: string, body: (world: ConnWorld) => Steps<void>) => void) => void,
): void {
  const twins: [string, () => ConnWorld[]][] = [
    ["sim", () => simWorlds(3)],
    ["bun", () => [new BunConnWorld()]],
  ];
  describe.each(twins)(`${name}: %s`, (_twin, makeWorlds) => {
    make((title, body) => {
      test(title, async () => {
        expect.hasAssertions();
        for (const world of makeWorlds()) await inWorld(world, () => body(world));
      });
    });
  });
}

/** A listener for TLS with SERVER's identity and these options besides. */
export function listenSecure(tls: Partial<TlsServerOptions> = {}, options: ListenOptions = {}): Operation<Listener> {
  return listen({ hostname: "127.0.0.1", port: 0, ...options, tls: { ...SERVER, ...tls } });
}

/** Connects to it. */
export function connectTo(
  { port }: Listener,
  tls: TlsClientOptions = {},
  options: ConnectOptions = {},
): Operation<Conn> {
  return connect({ hostname: "127.0.0.1", port, ...options, tls: { ...CLIENT, ...tls } });
}

/** Both ends of a fresh TLS connection to `listener`. */
export function* pairAt(listener: Listener, tls: TlsClientOptions = {}): Steps<{ client: Conn; server: Conn }> {
  const client = yield* connectTo(listener, tls);
  const server = yield* listener.accept();
  if (server === null) throw new Error("the listener was closed");
  return { client, server };
}

/** Runs `body` with both ends of a plain connection, which are reset in the end. */
export function* withPlain(body: (client: Conn, server: Conn) => Steps<void>): Steps<void> {
  const { client, server } = yield* connected({ hostname: "127.0.0.1", port: 0 });
  try {
    yield* body(client, server);
  } finally {
    client.terminate();
    server.terminate();
  }
}

/** Runs two operations side by side, and gives what the first one gives. */
export function* together<T>(first: () => Operation<T>, second: () => Operation<unknown>): Steps<T> {
  return yield* scope(function* (tasks) {
    tasks.spawn(second);
    return yield* first();
  });
}

/** Virtual time in this world? */
export function isSimulated(world: ConnWorld): world is SimConnWorld {
  return world instanceof SimConnWorld;
}
