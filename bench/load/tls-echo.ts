// Load for an echo server over TLS: that of echo.ts, on connections whose handshakes are done before a burst begins.
// `bun bench/load/tls-echo.ts --port 7000 [--ms 2000] [--connections 64] [--rate 20000]`

import { EchoConnection } from "./echo.ts";
import { LoadPool } from "./shared/pool.ts";
import { runProgram } from "./shared/program.ts";

/** Who the server is does not matter here, and costs nothing once the handshake is done. */
const TLS: Bun.TLSOptions = { rejectUnauthorized: false, serverName: "localhost" };

const pool = new LoadPool((raw, _burst, number) => new EchoConnection(raw, number), TLS);
await runProgram((burst) => pool.run({ ...burst, pipelining: 1 }));
