// A small application in Hono: one file for both servers that it is mounted on.

import { Hono } from "hono";

import { GREETING, READ_FIELD } from "./answers.ts";

/** `GET /` and `GET /mills/:name`. */
export const app: Hono = new Hono();

app.get("/", (context) => context.text(GREETING));
app.get("/mills/:name", (context) =>
  context.json({ name: context.req.param("name"), agent: context.req.header(READ_FIELD), open: true }),
);
