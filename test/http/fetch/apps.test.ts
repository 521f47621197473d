// Applications of web frameworks run unchanged: whatever they answer through fromFetch, they answer on Bun.serve.

import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { stream, streamSSE, streamText } from "hono/streaming";
import { AutoRouter, error, type IRequest, json } from "itty-router";
import { ask, withBoth } from "./support.ts";

const LONG = "A mill turns as long as its race has water. ".repeat(100);

interface Asked {
  readonly path: string;
  readonly init?: RequestInit;
}

const get = (path: string, headers: Record<string, string> = {}): Asked => ({ path, init: { headers } });
const send = (
  method: string,
  path: string,
  body: RequestInit["body"],
  headers: Record<string, string> = {},
): Asked => ({
  path,
  init: { method, body: body ?? null, headers },
});

function honoApp(): Hono {
  const app = new Hono();
  app.use("/cors/*", cors({ origin: "https://mill.example", allowMethods: ["GET", "PUT"], credentials: true }));
  app.use("/etag/*", etag());
  app.use("/auth/*", basicAuth({ username: "miller", password: "flour" }));
  app.use("/zip/*", compress());
  app.use("/limit/*", bodyLimit({ maxSize: 16, onError: (c) => c.text("too much", 413) }));
  app.use("/secure/*", secureHeaders());
  app.get("/", (c) => c.text("Hello, World!"));
  app.get("/html", (c) => c.html("<p>flour</p>"));
  app.get("/bytes", (c) => c.body(new Uint8Array([0, 255, 1]), 200, { "content-type": "application/x-flour" }));
  app.get("/none", (c) => c.body(null, 204));
  app.get("/away", (c) => c.redirect("/html", 303));
  app.get("/users/:id", (c) => c.json({ id: c.req.param("id"), q: c.req.query("q"), agent: c.req.header("x-agent") }));
  app.get("/url", (c) => c.text(`${c.req.method} ${c.req.url} ${c.req.path}`));
  app.get("/all", (c) => c.json(Object.fromEntries([...c.req.raw.headers].filter(([name]) => name.startsWith("x-")))));
  app.get("/cookies", (c) => {
    setCookie(c, "a", "1", { httpOnly: true });
    setCookie(c, "b", "2");
    deleteCookie(c, "c");
    return c.json(getCookie(c));
  });
  app.get("/cors/a", (c) => c.text("shared"));
  app.get("/etag/a", (c) => c.text("tagged"));
  app.get("/auth/a", (c) => c.text("inside"));
  app.get("/zip/a", (c) => c.text(LONG));
  app.get("/secure/a", (c) => c.text("safe"));
  app.post("/limit/a", async (c) => c.text(await c.req.text()));
  app.post("/echo", async (c) => c.text(await c.req.text()));
  app.post("/json", async (c) => c.json(await c.req.json()));
  app.post("/bytes", async (c) => c.body(await c.req.arrayBuffer()));
  app.post("/form", async (c) => {
    const { name, file } = await c.req.parseBody();
    return c.json({ name, file: file instanceof File ? [file.name, file.type, await file.text()] : file });
  });
  app.post("/through", (c) => new Response(c.req.raw.body, { headers: { "content-type": "text/plain" } }));
  app.post("/again", async (c) => {
    const copy = c.req.raw.clone();
    const made = new Request(copy as Request, { headers: { "x-made": "yes" } });
    return c.json([await c.req.text(), await made.text(), made.method, made.headers.get("x-made")]);
  });
  app.get("/text", (c) =>
    streamText(c, async (out) => {
      for (const line of ["one", "two"]) await out.writeln(line);
    }),
  );
  app.get("/stream", (c) =>
    stream(c, async (out) => {
      await out.write(new Uint8Array([109, 105]));
      await out.pipe(new Blob(["ll"]).stream());
    }),
  );
  app.get("/events", (c) =>
    streamSSE(c, async (out) => {
      await out.writeSSE({ data: "a\nb", event: "grain", id: "1" });
    }),
  );
  app.get("/fails", () => {
    throw new HTTPException(418, { message: "a teapot" });
  });
  app.notFound((c) => c.json({ missing: c.req.path }, 404));
  return app;
}

const HONO: readonly Asked[] = [
  get("/"),
  { path: "/", init: { method: "HEAD" } },
  { path: "/", init: { method: "POST" } },
  get("/html"),
  get("/bytes"),
  get("/none"),
  get("/away"),
  get("/users/%C3%A4%2Fb?q=%20x&q=y", { "x-agent": "stone" }),
  get("/url?a=b#c"),
  get("//url"),
  get("/all", { "x-a": "1", "X-B": "2" }),
  get("/cookies", { cookie: "a=0; c=3" }),
  get("/cors/a", { origin: "https://mill.example" }),
  { path: "/cors/a", init: { method: "OPTIONS", headers: { "access-control-request-method": "PUT" } } },
  get("/etag/a"),
  get("/etag/a", { "if-none-match": '"8f7e8d6a0b2c"' }),
  get("/auth/a"),
  get("/auth/a", { authorization: `Basic ${btoa("miller:flour")}` }),
  get("/zip/a", { "accept-encoding": "gzip" }),
  get("/zip/a", { "accept-encoding": "identity" }),
  get("/secure/a"),
  send("POST", "/limit/a", "sixteen bytes ok"),
  send("POST", "/limit/a", "seventeen is not."),
  send("POST", "/limit/a", streamOf("seventeen", " is not", ".")),
  send("POST", "/echo", LONG),
  send("POST", "/echo", streamOf("in ", "three ", "parts")),
  send("POST", "/json", '{"a":[1,{"b":null}]}'),
  send("POST", "/bytes", new Uint8Array(70_000).fill(7)),
  send("POST", "/form", new URLSearchParams({ name: "stone" })),
  send("POST", "/form", formOf()),
  send("POST", "/through", LONG),
  send("POST", "/again", "twice"),
  get("/text"),
  get("/stream"),
  get("/events"),
  get("/fails"),
  get("/missing"),
];

function streamOf(...parts: string[]): ReadableStream {
  return new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });
}

function formOf(): FormData {
  const form = new FormData();
  form.append("name", "stone");
  form.append("file", new File(["flour"], "flour.txt", { type: "text/plain" }));
  return form;
}

/** A body that is a stream can be sent once. */
function fresh({ path, init }: Asked): [Asked, Asked] {
  if (!(init?.body instanceof ReadableStream))
    return [
      { path, init: init ?? {} },
      { path, init: init ?? {} },
    ];
  const [a, b] = init.body.tee();
  return [
    { path, init: { ...init, body: a } },
    { path, init: { ...init, body: b } },
  ];
}

function sumOf(request: IRequest): Promise<{ sum: number }> {
  return request.json().then((numbers: unknown) => ({ sum: (numbers as number[]).reduce((a, b) => a + b, 0) }));
}

describe("fromFetch", () => {
  test("fromFetch runs a Hono application with its middleware as Bun.serve does", () =>
    withBoth(honoApp().fetch as never, async (ours, buns) => {
      for (const asked of HONO) {
        const [a, b] = fresh(asked);
        const expected = await ask(buns, b.path, b.init);
        expect({ asked: asked.path, ...(await ask(ours, a.path, a.init)) }).toEqual({ asked: asked.path, ...expected });
      }
    }));

  test("fromFetch lets Hono's etag answer 304", () =>
    withBoth(honoApp().fetch as never, async (ours) => {
      const tag = (await fetch(`${ours}/etag/a`)).headers.get("etag") ?? "";
      const again = await ask(ours, "/etag/a", { headers: { "if-none-match": tag } });
      expect([tag.length > 2, again.status, again.body]).toEqual([true, 304, ""]);
    }));

  test("fromFetch runs an itty-router application as Bun.serve does", async () => {
    const router = AutoRouter();
    router
      .get("/", () => "Hello, World!")
      .get("/users/:id", ({ params, query }: IRequest) => json({ ...params, ...query }))
      .post("/sum", sumOf)
      .get("/fails", () => error(409, "no more flour"));
    const asked = [
      get("/"),
      get("/users/7?a=b"),
      send("POST", "/sum", "[1,2,3]", { "content-type": "application/json" }),
      get("/fails"),
      get("/missing"),
    ];
    await withBoth(router.fetch as never, async (ours, buns) => {
      for (const { path, init } of asked)
        expect({ path, ...(await ask(ours, path, init)) }).toEqual({ path, ...(await ask(buns, path, init)) });
    });
  });
});
