// The baseline: the twin of generator.ts in plain async/await on Bun.listen. Parser, framing, handlers, encoder, buffers and flush policy are
// the same objects; only how a connection waits differs. It counts as a baseline as long as its echo costs at most 1.20 of raw callbacks,
// which bench/run.ts reports. With --task the greeting comes from an async function.

import { router } from "../../src/http/index.ts";
import { answerTo } from "./shared/answers.ts";
import { type AsyncConn, listenAsync } from "./shared/async-conn.ts";
import { ASYNC_GREETING_ROUTE, ASYNC_ROUTES, asyncRedisRoute } from "./shared/async-handlers.ts";
import { AsyncHttpConnection, sweep } from "./shared/async-http.ts";
import { CoarseClock } from "./shared/coarse-clock.ts";
import { announce, serverFlags } from "./shared/flags.ts";
import { GREETING_ROUTE, ROUTES } from "./shared/handlers.ts";

const { port, echoPort, linePort, redisPort, isTask } = serverFlags();
const handler = router([
  isTask ? ASYNC_GREETING_ROUTE : GREETING_ROUTE,
  ...ROUTES,
  ...ASYNC_ROUTES,
  ...(redisPort === undefined ? [] : [asyncRedisRoute(redisPort)]),
]);

async function echo(conn: AsyncConn): Promise<void> {
  for (;;) {
    const data = await conn.read();
    if (data === null) return;
    const full = conn.write(data);
    if (full !== undefined) await full;
  }
}

async function answerLines(conn: AsyncConn): Promise<void> {
  for (;;) {
    const line = await conn.readLine();
    if (line === null) return;
    const full = conn.write(`${answerTo(line)}\n`);
    if (full !== undefined) await full;
  }
}

const clock = new CoarseClock(({ now }) => {
  for (const { open } of [http, tcp, lines]) sweep(open, now);
});
const http = listenAsync(port, (conn) => new AsyncHttpConnection(conn, handler, clock).run());
const tcp = listenAsync(echoPort, echo);
const lines = listenAsync(linePort, answerLines);
announce({ http: http.port, echo: tcp.port, line: lines.port });
