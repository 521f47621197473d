// The twins' sides: the async/await of bench/servers on the same sockets. Loaded only by whoever runs one.

import { router } from "../../src/http/index.ts";
import { AsyncConn } from "../servers/shared/async-conn.ts";
import { ASYNC_ROUTES } from "../servers/shared/async-handlers.ts";
import { AsyncHttpConnection } from "../servers/shared/async-http.ts";
import { answerLinesAsync, echoAsync } from "../servers/shared/async-streams.ts";
import { CoarseClock } from "../servers/shared/coarse-clock.ts";
import { GREETING_ROUTE, ROUTES } from "../servers/shared/handlers.ts";
import { CONNECTIONS, type Side } from "./shared/job.ts";
import { type Dialogue, sideOf } from "./shared/served.ts";
import { FakeSocket, type Line } from "./shared/world.ts";

/** The twin of a server of echoes. */
export function echoTwin(dialogue: Dialogue): Side {
  return twinSide(dialogue, echoAsync);
}

/** The twin of a server of lines. */
export function lineTwin(dialogue: Dialogue): Side {
  return twinSide(dialogue, answerLinesAsync);
}

/** The twin of an HTTP server. */
export function httpTwin(dialogue: Dialogue): Side {
  const clock = new CoarseClock();
  const handler = router([GREETING_ROUTE, ...ROUTES, ...ASYNC_ROUTES]);
  return twinSide(dialogue, (conn) => new AsyncHttpConnection(conn, handler, clock).run());
}

/** `serve` is called for each connection, as `listenAsync` does. */
function twinSide(dialogue: Dialogue, serve: (conn: AsyncConn) => Promise<void>): Side {
  const lines = Array.from({ length: CONNECTIONS }, (): Line => {
    const socket = new FakeSocket();
    const conn = new AsyncConn(socket as unknown as ConstructorParameters<typeof AsyncConn>[0]);
    void serve(conn);
    return { socket, data: (chunk) => conn.data(chunk) };
  });
  return sideOf(dialogue, lines, () => {});
}
