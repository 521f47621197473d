// Connections at rest on Bun's own sockets, plain and over TLS: they go to rest, wake with all that was sent, and end with a FIN of either side,
// with a client that dies and with the server. The server's clock runs fifty times faster; what a test waits for is what happens, not a time.

import { describe, expect, test } from "bun:test";
import { until } from "../../src/concurrency/until.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { runOn } from "../../src/core/run.ts";
import type { Task } from "../../src/core/task.ts";
import { serveHttp, text } from "../../src/http/index.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { listen } from "../../src/net/listen.ts";
import type { Listener, ListenOptions } from "../../src/net/listener.ts";
import { BunConnWorld } from "../contract/conn-world.ts";
import { CLIENT } from "../contract/secure-world.ts";
import { SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { hasty } from "./tls-support.ts";

/** Beyond what the slowest machine takes, on the server's clock too. */
const NEVER_MS = 3_600_000;
const TLS = { ...SELF_SIGNED, handshakeMs: NEVER_MS };
const TCP: ListenOptions = { hostname: "127.0.0.1", port: 0 };

const KINDS: readonly { readonly name: string; readonly options: ListenOptions }[] = [
  { name: "TCP", options: TCP },
  { name: "TLS", options: { ...TCP, tls: TLS } },
  { name: "TLS with ALPN", options: { ...TCP, tls: { ...TLS, alpn: ["http/1.1"] } } },
];

interface Running {
  readonly listener: Listener;
  readonly task: Task<unknown>;
}

/** A server that answers with target and body, and waits with closing for nobody. */
async function start(options: ListenOptions): Promise<Running> {
  const { promise, resolve } = Promise.withResolvers<Listener>();
  const task = runOn(hasty, function* () {
    const listener = yield* listen(options);
    resolve(listener);
    return yield* serveHttp(
      listener,
      function* (request) {
        return text(`${request.target}:${yield* request.text()}`);
      },
      { keepAliveMs: NEVER_MS, headMs: NEVER_MS, bodyStallMs: NEVER_MS },
    );
  });
  task.promise.catch(() => {});
  return { listener: await promise, task };
}

function get(path: string, body = ""): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

describe.each(KINDS)("connections at rest over $name", ({ options }) => {
  /** A server, and a client of it that is at rest after one request. */
  function withRest(body: (client: Conn, server: Running, world: BunConnWorld) => Operation<unknown>): Promise<void> {
    return (async () => {
      expect.hasAssertions();
      await using world = new BunConnWorld();
      const server = await start(options);
      const { listener, task } = server;
      await world.run(function* (): Steps<void> {
        const tls = options.tls === undefined ? {} : { tls: CLIENT };
        const client = yield* connect({ hostname: "127.0.0.1", port: listener.port, ...tls });
        try {
          yield* client.write(get("/first"));
          yield* client.readUntil("/first:");
          yield* world.until(() => listener.statistics().resting === 1, "the connection is at rest");
          yield* body(client, server, world);
        } finally {
          client.terminate();
          task.cancel();
        }
        yield* until(task.promise.catch(() => {}));
        expect(listener.statistics()).toMatchObject({ open: 0, resting: 0, accepted: 1 });
      });
    })();
  }

  test("wake with a request, rest again, and end with the client's FIN", () =>
    withRest(function* (client, { listener }, world) {
      for (const path of ["/second", "/third"]) {
        yield* client.write(get(path, "x".repeat(200_000)));
        yield* client.readUntil(`${path}:`);
        expect(Buffer.from((yield* client.readExactly(200_000)) ?? []).toString()).toBe("x".repeat(200_000));
        yield* world.until(() => listener.statistics().resting === 1, "the connection is at rest again");
      }
      yield* client.end();
      expect(yield* client.read()).toBeNull();
      yield* world.until(() => listener.statistics().open === 0, "the connection is closed");
    }));

  test("answer requests that come in one with the client's FIN", () =>
    withRest(function* (client) {
      yield* client.write(get("/second", "one") + get("/third", "two"));
      yield* client.end();
      yield* client.readUntil("/second:one");
      yield* client.readUntil("/third:two");
      expect(yield* client.read()).toBeNull();
    }));

  test("are let go of when their client dies", () =>
    withRest(function* (client, { listener }, world) {
      client.terminate();
      yield* world.until(() => listener.statistics().open === 0, "the connection is gone");
      expect(listener.statistics().resting).toBe(0);
    }));

  test("are closed with a FIN when the server is cancelled, which ends behind them", () =>
    withRest(function* (client, { listener, task }) {
      task.cancel();
      expect(yield* client.read()).toBeNull();
      expect(listener.statistics()).toMatchObject({ open: 1, resting: 0 });
      client.close();
      yield* until(task.promise.catch(() => {}));
    }));
});
