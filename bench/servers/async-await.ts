// The baseline: the twin of generator.ts in plain async/await on Bun.listen. Parser, framing, handlers, encoder, buffers and flush policy are
// the same objects; only how a connection waits differs. It counts as a baseline as long as its echo costs at most 1.20 of raw callbacks,
// which bench/run.ts reports. With --task the greeting comes from an async function.

import { router } from "../../src/http/index.ts";
import { listenAsync } from "./shared/async-conn.ts";
import { ASYNC_GREETING_ROUTE, ASYNC_ROUTES, asyncRedisRoute } from "./shared/async-handlers.ts";
import { AsyncHttpConnection, sweep } from "./shared/async-http.ts";
import { answerLinesAsync, echoAsync } from "./shared/async-streams.ts";
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

const clock = new CoarseClock(({ now }) => {
  for (const { open } of [http, tcp, lines]) sweep(open, now);
});
const http = listenAsync(port, (conn) => new AsyncHttpConnection(conn, handler, clock).run());
const tcp = listenAsync(echoPort, echoAsync);
const lines = listenAsync(linePort, answerLinesAsync);
announce({ http: http.port, echo: tcp.port, line: lines.port });
