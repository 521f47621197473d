// millrace over TLS: the echo of generator.ts. With --named the certificate is chosen by the name that a client asks for: to Bun its connections are then
// plain ones that are upgraded, and not the listener's own.

import { type Conn, listen, main, serve, type Steps } from "../../src/index.ts";
import { SELF_SIGNED } from "../../test/fixtures/tls/certificates.ts";
import { announce, CONNECTIONS_MAX, serverFlags } from "./shared/flags.ts";

const { echoPort, isNamed } = serverFlags();

function* echo(conn: Conn): Steps<void> {
  for (let data: Uint8Array | null; (data = yield* conn.read()) !== null;) yield* conn.write(data);
}

main(function* () {
  const listener = yield* listen({
    hostname: "127.0.0.1",
    port: echoPort,
    connectionsMax: CONNECTIONS_MAX,
    tls: { ...SELF_SIGNED, ...(isNamed ? { serverNames: { localhost: SELF_SIGNED } } : {}) },
  });
  announce({ echo: listener.port });
  yield* serve(listener, echo);
});
