// The arm that is measured: millrace itself, by its public functions only.

import { type Conn, listen, main, scope, serve, type Steps } from "../../src/index.ts";
import { type BodyWriter, type Reply, router, serveHttp, stream } from "../../src/http/index.ts";
import { BIG_BYTES, BIG_PIECE_BYTES, bigPiece } from "./shared/answers.ts";
import { announce, CONNECTIONS_MAX, serverFlags } from "./shared/flags.ts";
import { ROUTES } from "./shared/handlers.ts";

const { port, echoPort, headMs, writeStallMs } = serverFlags();

function* echo(conn: Conn): Steps<void> {
  for (let data: Uint8Array | null; (data = yield* conn.read()) !== null;) yield* conn.write(data);
}

function big(): Reply {
  return stream(function* (writer: BodyWriter) {
    for (let sent = 0; sent < BIG_BYTES; sent += BIG_PIECE_BYTES) yield* writer.write(bigPiece());
  });
}

const handler = router([...ROUTES, ["GET", "/big", big]]);
const deadlines = {
  ...(headMs === undefined ? {} : { headMs }),
  ...(writeStallMs === undefined ? {} : { writeStallMs }),
};

main(function* () {
  const connectionsMax = CONNECTIONS_MAX;
  const http = yield* listen({ hostname: "127.0.0.1", port, connectionsMax });
  const tcp = yield* listen({ hostname: "127.0.0.1", port: echoPort, connectionsMax });
  yield* scope(function* (servers) {
    servers.spawn(() => serveHttp(http, handler, deadlines));
    servers.spawn(() => serve(tcp, echo));
    announce(http.port, tcp.port);
  });
});
