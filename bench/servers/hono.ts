// Hono on Bun.serve, as its own guide mounts it.

import { announce, idleTimeoutOf, serverFlags } from "./shared/flags.ts";
import { app } from "./shared/hono-app.ts";

const { port, headMs } = serverFlags();
const server = Bun.serve({ hostname: "127.0.0.1", port, fetch: app.fetch, ...idleTimeoutOf(headMs) });
announce({ http: server.port ?? 0 });
