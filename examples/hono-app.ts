// An application of Hono beside routes of millrace, on one port. Hono has everything below `/api`, with its own middleware, and runs unchanged:
// `fromFetch` gives it Fetch requests and takes its Responses. `/healthz` is a plain handler that never makes a Request. So an application can
// move over route by route.
//
// A client that leaves aborts `c.req.raw.signal` and cancels a stream that Hono is sending.
//
//   bun run examples/hono-app.ts --port 8080

import { parseArgs } from "node:util";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { requestId } from "hono/request-id";
import { stream } from "hono/streaming";
import { validator } from "hono/validator";
import { listen, main } from "millrace";
import { fromFetch, type HttpHandler, mount, router, serveHttp, text } from "millrace/http";

interface Grain {
  readonly name: string;
  readonly sacks: number;
}

function grainOf(value: Partial<Record<keyof Grain, unknown>>): Grain {
  const { name, sacks } = value;
  if (typeof name !== "string" || name === "") throw new HTTPException(400, { message: "name must be text" });
  if (typeof sacks !== "number" || !(sacks >= 0)) throw new HTTPException(400, { message: "sacks must be a number" });
  return { name, sacks };
}

/** The application, as it would stand on Bun.serve. A mounted handler sees the whole path, so it has the prefix in its own. */
function application(): Hono {
  const grains = new Map<string, Grain>([["rye", { name: "rye", sacks: 12 }]]);
  const app = new Hono().basePath("/api");
  app.use(requestId(), cors({ origin: "https://mill.example" }));
  app.use("/grains/*", etag());
  app.get("/grains", (c) => c.json([...grains.values()]));
  app.get("/grains/:name", (c) => {
    const grain = grains.get(c.req.param("name"));
    if (grain === undefined) throw new HTTPException(404, { message: "no such grain" });
    return c.json(grain);
  });
  app.post("/grains", bodyLimit({ maxSize: 16 * 1024 }), validator("json", grainOf), (c) => {
    const grain = c.req.valid("json");
    grains.set(grain.name, grain);
    return c.json(grain, 201);
  });
  app.get("/turns", (c) =>
    stream(c, async (out) => {
      for (let turn = 1; !out.aborted; turn++) {
        await out.writeln(`turn ${turn}`);
        await out.sleep(100);
      }
      console.log("the client has left");
    }),
  );
  app.onError((error, c) => {
    if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
    console.error(error);
    return c.json({ error: "something is wrong here" }, 500);
  });
  app.notFound((c) => c.json({ error: "no such path" }, 404));
  return app;
}

export function honoApp(): HttpHandler {
  return router([mount("/api", fromFetch(application().fetch)), ["GET", "/healthz", () => text("ok\n")]]);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });

  main(function* () {
    const listener = yield* listen({ port: Number(values.port) });
    console.log(`ready: http://${listener.address}`);
    yield* serveHttp(listener, honoApp());
  });
}
