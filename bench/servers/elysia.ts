// Elysia on Bun, a handler a route. Elysia compiles its handlers ahead of time by itself; what its guide adds for production is to say so.

import { Elysia } from "elysia";

import { ADDED_FIELD, BODY_BYTES_MAX, BYTES_TYPE, GREETING, millFor, pageText, READ_FIELD } from "./shared/answers.ts";
import { announce, idleTimeoutOf, serverFlags } from "./shared/flags.ts";

const TEXT = "text/plain; charset=utf-8";

const { port, headMs } = serverFlags();
const app = new Elysia({ precompile: true, serve: { maxRequestBodySize: BODY_BYTES_MAX, ...idleTimeoutOf(headMs) } })
  .get("/", ({ set }) => {
    set.headers["content-type"] = TEXT;
    return GREETING;
  })
  .get("/json", ({ headers, set }) => {
    set.headers["content-type"] = "application/json";
    set.headers["cache-control"] = ADDED_FIELD["cache-control"];
    return millFor(headers[READ_FIELD] ?? "");
  })
  .get("/pages/:name", ({ params, set }) => {
    set.headers["content-type"] = TEXT;
    return pageText(params.name);
  })
  .post("/echo", ({ body }) => new Response(body as ArrayBuffer, { headers: { "content-type": BYTES_TYPE } }), {
    parse: "arrayBuffer",
  })
  .listen({ hostname: "127.0.0.1", port });

announce({ http: app.server?.port ?? 0 });
