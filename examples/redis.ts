// A cache that speaks Redis's protocol, RESP2 and RESP3: what Redis clients need for keys with a time to live, for counting, and for channels. A
// connection is a task, `Client.serve`, that reads and answers in straight lines; a pipeline of commands is answered in one write. A second task
// removes what has expired. Nothing is written to a disk.
//
// It shows: a parser that works in place on the chunks that `conn.read` gives; `conn.tryWrite` for messages that go to many, so that a slow subscriber
// holds up nobody and is dropped; backpressure in the middle of a long answer; bounds on all that a client can make it hold.
//
//   bun run examples/redis.ts --port 6379 [--keys-max 100000] [--idle-ms 300000]
//   redis-cli -p 6379 set greeting hello ex 60
//
// `bun run bench:redis` holds it against redis-server.

import { parseArgs } from "node:util";
import { checkpoint, type Conn, type ConnHandler, listen, main, now, scope, serve, sleep, type Steps } from "millrace";
import { Client } from "./redis/client.ts";
import { Keyspace, type RedisOptions } from "./redis/keyspace.ts";
import type { Store } from "./redis/store.ts";

const SWEEP_EVERY_MS = 100;
/** Keys that a sweep looks at before others get their turn; it goes on at once where a quarter of them had expired. */
const SWEEP_KEYS = 200;
/** Turns of one sweep in one database: the rest can wait for the next one. */
const SWEEP_TURNS_MAX = 50;

/** A server: who answers its connections, what sweeps, and what is done when it closes. */
export interface Redis {
  readonly keyspace: Keyspace;
  readonly handler: ConnHandler;
  /** Removes expired keys until it is cancelled. */
  sweep(): Steps<never>;
  /** Closes the connections of clients that are owed nothing; others are answered first. */
  drain(): void;
}

/** Makes a server without keys. Must be called in a task: it asks for the time. */
export function redis(options: RedisOptions = {}): Redis {
  const keyspace = new Keyspace(now, options);
  const clients = new Set<Client>();
  return {
    keyspace,
    *handler(conn: Conn) {
      const client = new Client(keyspace, conn);
      clients.add(client);
      try {
        yield* client.serve();
      } finally {
        clients.delete(client);
      }
    },
    *sweep() {
      for (;;) {
        yield* sleep(SWEEP_EVERY_MS);
        for (const store of keyspace.stores) yield* sweepOnce(store);
      }
    },
    drain() {
      for (const client of clients) {
        client.isLeaving = true;
        if (client.isIdle) client.conn.close();
      }
    },
  };
}

function* sweepOnce(store: Store): Steps<void> {
  for (let turn = 0; turn < SWEEP_TURNS_MAX; turn++) {
    if (store.sweep(SWEEP_KEYS) <= SWEEP_KEYS / 4) return;
    yield* checkpoint();
  }
}

/** The number that a flag gives; none when it was not given, or is 0. @throws RangeError */
function boundOf(flag: string | undefined): number {
  if (flag === undefined || flag === "0") return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,14}$/.test(flag)) return Number(flag);
  throw new RangeError(`Cannot use ${JSON.stringify(flag)} as a bound: it is no whole number`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "6379" },
      "keys-max": { type: "string" },
      "idle-ms": { type: "string" },
    },
  });
  const options = { keysMax: boundOf(values["keys-max"]), idleMs: boundOf(values["idle-ms"]) };

  main(function* () {
    const listener = yield* listen({ hostname: "127.0.0.1", port: Number(values.port) });
    console.log(`ready: redis://${listener.address}`);
    yield* scope(function* (tasks) {
      const { handler, sweep, drain } = redis(options);
      tasks.spawn(sweep, "the sweep");
      yield* serve(listener, handler, { onDrain: drain });
    });
  });
}
