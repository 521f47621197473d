// A small application in Hono: one file for both servers that it is mounted on. Its answers are those of the other arms; `GET /mills/:name` is
// its own.

import { Hono } from "hono";

import { ADDED_FIELD, BYTES_TYPE, GREETING, millFor, pageText, READ_FIELD } from "./answers.ts";

/** The routes. */
export const app: Hono = new Hono();

app.get("/", (context) => context.text(GREETING));
app.get("/json", (context) => {
  context.header("cache-control", ADDED_FIELD["cache-control"]);
  return context.json(millFor(context.req.header(READ_FIELD) ?? ""));
});
app.get("/pages/:name", (context) => context.text(pageText(context.req.param("name"))));
app.post("/echo", async (context) =>
  context.body(await context.req.arrayBuffer(), 200, { "content-type": BYTES_TYPE }),
);
app.get("/mills/:name", (context) =>
  context.json({ name: context.req.param("name"), agent: context.req.header(READ_FIELD), open: true }),
);
