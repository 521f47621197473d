// What Bun gives by itself: `Bun.serve` with handlers for the same routes (or, with --static, the same answers as static routes, which Bun
// sends without calling JavaScript). Its echo is the raw one: Bun.serve has none.

import { announce, serverFlags } from "./shared/flags.ts";
import { GREETING } from "./shared/handlers.ts";
import { listenRawEcho } from "./shared/raw-echo.ts";

const flags = serverFlags();

const TEXT = { headers: { "content-type": "text/plain; charset=utf-8" } };
const JSON_TYPE = { headers: { "content-type": "application/json" } };
const root = (): Response => new Response(GREETING, TEXT);
const json = (): Response => new Response(JSON.stringify({ message: GREETING }), JSON_TYPE);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: flags.port,
  routes: flags.isStatic ? { "/": root(), "/json": json() } : { "/": { GET: root }, "/json": { GET: json } },
  fetch: () => new Response("Not Found\n", { status: 404, ...TEXT }),
});
announce(server.port ?? 0, listenRawEcho(flags.echoPort));
