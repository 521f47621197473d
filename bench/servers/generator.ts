// The arm that is measured: millrace itself, by its public functions only.

import { type Conn, listen, main, scope, serve, type Steps } from "../../src/index.ts";
import { serveHttp } from "../../src/http/index.ts";
import { announce, CONNECTIONS_MAX, serverFlags } from "./shared/flags.ts";
import { handler } from "./shared/handlers.ts";

const flags = serverFlags();

function* echo(conn: Conn): Steps<void> {
  for (let data: Uint8Array | null; (data = yield* conn.read()) !== null;) yield* conn.write(data);
}

main(function* () {
  const connectionsMax = CONNECTIONS_MAX;
  const http = yield* listen({ hostname: "127.0.0.1", port: flags.port, connectionsMax });
  const tcp = yield* listen({ hostname: "127.0.0.1", port: flags.echoPort, connectionsMax });
  yield* scope(function* (servers) {
    servers.spawn(() => serveHttp(http, handler));
    servers.spawn(() => serve(tcp, echo));
    announce(http.port, tcp.port);
  });
});
