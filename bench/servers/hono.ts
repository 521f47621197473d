// Hono on Bun.serve, as its own guide mounts it.

import { announce, serverFlags } from "./shared/flags.ts";
import { app } from "./shared/hono-app.ts";

const server = Bun.serve({ hostname: "127.0.0.1", port: serverFlags().port, fetch: app.fetch });
announce({ http: server.port ?? 0 });
