// Counts objects, in a process of its own: of the tests beside it some turn on reports for development, which hold stacks. Prints JSON.

import { REST_AFTER_MS } from "../../src/config.ts";
import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import type { Steps } from "../../src/core/operation.ts";
import { Timer } from "../../src/core/timers.ts";
import { text, serveHttp } from "../../src/http/index.ts";
import type { Conn } from "../../src/net/conn.ts";
import { serve } from "../../src/net/serve.ts";
import { createDriver, runToEnd } from "../../bench/micro/shared/driver.ts";
import { type LoneSocket, LoneWorld } from "./lone.ts";
import { objectsKept, objectsMade, type ObjectCounts } from "./objects.ts";

/** What this program finds. */
export interface Allocations {
  /** Objects that an operation makes. */
  readonly made: Readonly<Record<string, ObjectCounts>>;
  /** Objects and bytes that an idle connection keeps after one exchange, its socket not counted, and objects left when all are closed. */
  readonly kept: Readonly<Record<string, { kept: ObjectCounts; bytes: number; left: ObjectCounts }>>;
}

const ADDRESS = { port: 1 };
const GET = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
const POST = "POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 4\r\n\r\nbody";
/** Operations that are counted: few enough that nothing is collected. */
const TIMES = 200;
const CONNECTIONS = 1_000;

function* echo(conn: Conn): Steps<void> {
  for (let data: Uint8Array | null; (data = yield* conn.read()) !== null;) yield* conn.write(data);
}

function* pong(conn: Conn): Steps<void> {
  for (let line: string | null; (line = yield* conn.readLine()) !== null;) yield* conn.write(`PONG ${line.slice(5)}\n`);
}

const echoWorld = new LoneWorld(() => serve(ADDRESS, echo));
const lineWorld = new LoneWorld(() => serve(ADDRESS, pong));
const httpWorld = new LoneWorld(() => serveHttp(ADDRESS, () => text("Hello, World!")));
const bodyWorld = new LoneWorld(() =>
  serveHttp(ADDRESS, function* (request) {
    return text(yield* request.text());
  }),
);

/** What `message` to one connection costs. */
function messageTo(world: LoneWorld, message: string, parts = 1): ObjectCounts {
  const socket = world.connect();
  const chunk = Buffer.from(message.repeat(parts));
  const made = objectsMade(() => world.send(socket, chunk), TIMES);
  socket.terminate();
  return made;
}

/** What `times` runs of `body`, which does `count` things, cost in addition to a body that does none. */
function tasks(body: (count: number) => Steps<void>): ObjectCounts {
  const driver = createDriver();
  const count = 50;
  const made = objectsMade(() => runToEnd(driver, () => body(count)), 20);
  const none = objectsMade(() => runToEnd(driver, () => body(0)), 20);
  const more = Object.entries(made).map(
    ([kind, all]) => [kind, Math.round((all - (none[kind] ?? 0)) / count)] as const,
  );
  return Object.fromEntries(more.filter(([, each]) => each !== 0));
}

/** `restMs`: how long the connections are left alone. */
function idle(world: LoneWorld, message: string, restMs = 0): Allocations["kept"][string] {
  const sockets: LoneSocket[] = [];
  const { kept, bytes, left } = objectsKept(
    CONNECTIONS,
    () => {
      for (let i = 0; i < CONNECTIONS; i++) {
        const socket = world.connect();
        // A chunk of its own, as from the kernel: whoever keeps it is found out.
        world.send(socket, Buffer.from(message));
        sockets.push(socket);
      }
      if (restMs > 0) world.host.skip(restMs);
    },
    () => {
      for (const socket of sockets.splice(0)) socket.terminate();
      world.host.drain();
    },
  );
  return { kept: { ...kept, Object: (kept["Object"] ?? 0) - 1 }, bytes, left };
}

function* child(): Steps<void> {
  yield* checkpoint();
}

const timer = new Timer({ expired: () => {} });
const { timers } = createDriver().scheduler;
// The first connections make what all share.
idle(echoWorld, "warm");
idle(httpWorld, GET);
const found: Allocations = {
  made: {
    echo: messageTo(echoWorld, "sixty-four bytes of a message that comes back as it was sent ..."),
    lines16: messageTo(lineWorld, "PING 1234\n", 16),
    get: messageTo(httpWorld, GET),
    get16: messageTo(httpWorld, GET, 16),
    post: messageTo(bodyWorld, POST),
    timer: objectsMade(() => {
      timers.arm(timer, 1e9);
      timers.cancel(timer);
    }, TIMES),
    checkpoint: tasks(function* (count) {
      for (let i = 0; i < count; i++) yield* checkpoint();
    }),
    timeout: tasks(function* (count) {
      for (let i = 0; i < count; i++) yield* timeout(1_000, checkpoint());
    }),
    spawn: tasks(function* (count) {
      yield* scope(function* (scope) {
        for (let i = 0; i < count; i++) scope.spawn(child);
      });
    }),
  },
  kept: {
    echo: idle(echoWorld, "message"),
    http: idle(httpWorld, GET),
    "http at rest": idle(httpWorld, GET, REST_AFTER_MS + 1_000),
  },
};
process.stdout.write(`${JSON.stringify(found)}\n`);
