// The arm that is measured: millrace itself, by its public functions only. With --task the greeting comes from a generator function.

import { type Conn, listen, main, scope, serve, type Steps } from "../../src/index.ts";
import { router, serveHttp } from "../../src/http/index.ts";
import { answerTo } from "./shared/answers.ts";
import { announce, CONNECTIONS_MAX, serverFlags } from "./shared/flags.ts";
import { GREETING_ROUTE, ROUTES } from "./shared/handlers.ts";
import { GREETING_TASK_ROUTE, redisRoute, WAITING_ROUTES } from "./shared/waiting-handlers.ts";

const { port, echoPort, linePort, redisPort, isTask, headMs, writeStallMs } = serverFlags();

function* echo(conn: Conn): Steps<void> {
  for (let data: Uint8Array | null; (data = yield* conn.read()) !== null;) yield* conn.write(data);
}

function* answerLines(conn: Conn): Steps<void> {
  for (let line: string | null; (line = yield* conn.readLine()) !== null;) yield* conn.write(`${answerTo(line)}\n`);
}

const handler = router([
  isTask ? GREETING_TASK_ROUTE : GREETING_ROUTE,
  ...ROUTES,
  ...WAITING_ROUTES,
  ...(redisPort === undefined ? [] : [redisRoute(redisPort)]),
]);
const deadlines = {
  ...(headMs === undefined ? {} : { headMs }),
  ...(writeStallMs === undefined ? {} : { writeStallMs }),
};

main(function* () {
  const where = { hostname: "127.0.0.1", connectionsMax: CONNECTIONS_MAX };
  const http = yield* listen({ ...where, port });
  const tcp = yield* listen({ ...where, port: echoPort });
  const lines = yield* listen({ ...where, port: linePort });
  yield* scope(function* (servers) {
    servers.spawn(() => serveHttp(http, handler, deadlines));
    servers.spawn(() => serve(tcp, echo));
    servers.spawn(() => serve(lines, answerLines));
    announce({ http: http.port, echo: tcp.port, line: lines.port });
  });
});
