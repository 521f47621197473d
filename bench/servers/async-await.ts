// The baseline: the twin of generator.ts in plain async/await on Bun.listen. Parser, framing, handlers, encoder, buffers and flush policy are
// the same objects; only how a connection waits differs. It counts as a baseline as long as its echo costs at most 1.20 of raw callbacks,
// which bench/run.ts reports.

import { router } from "../../src/http/index.ts";
import { type AsyncConn, listenAsync } from "./shared/async-conn.ts";
import { AsyncHttpConnection, sweep } from "./shared/async-http.ts";
import { CoarseClock } from "./shared/coarse-clock.ts";
import { announce, serverFlags } from "./shared/flags.ts";
import { ROUTES } from "./shared/handlers.ts";

const handler = router(ROUTES);
const flags = serverFlags();

async function echo(conn: AsyncConn): Promise<void> {
  for (;;) {
    const data = await conn.read();
    if (data === null) return;
    const full = conn.write(data);
    if (full !== undefined) await full;
  }
}

const clock = new CoarseClock(({ now }) => sweep(http.open, now));
const http = listenAsync(flags.port, (conn) => new AsyncHttpConnection(conn, handler, clock).run());
const tcp = listenAsync(flags.echoPort, echo);
announce(http.port, tcp.port);
