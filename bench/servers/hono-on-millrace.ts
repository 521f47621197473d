// The same Hono application on millrace.

import { listen, main } from "../../src/index.ts";
import { fromFetch, serveHttp } from "../../src/http/index.ts";
import { announce, CONNECTIONS_MAX, serverFlags } from "./shared/flags.ts";
import { app } from "./shared/hono-app.ts";

const { port } = serverFlags();

main(function* () {
  const listener = yield* listen({ hostname: "127.0.0.1", port, connectionsMax: CONNECTIONS_MAX });
  announce({ http: listener.port });
  yield* serveHttp(listener, fromFetch(app.fetch));
});
