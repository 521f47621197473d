// The HTTP handlers that the arms share. They are ordinary millrace handlers that never park, so that the twin in async/await runs the very
// same functions. Those that wait are in waiting-handlers.ts for generators and in async-handlers.ts for async functions.

import { json, type ReplyInit, type Route, text } from "../../../src/http/index.ts";
import { ADDED_FIELD, GREETING, millFor, pageText, READ_FIELD } from "./answers.ts";

const ADDED: ReplyInit = { headers: Object.entries(ADDED_FIELD) };

/** `GET /`, as a plain function. */
export const GREETING_ROUTE: Route = ["GET", "/", () => text(GREETING)];

/** Routes whose handlers are plain functions, the greeting aside. */
export const ROUTES: readonly Route[] = [
  ["GET", "/json", (request) => json(millFor(request.headers.get(READ_FIELD) ?? ""), ADDED)],
  ["GET", "/pages/:name", ({ params }) => text(pageText(params["name"] ?? ""))],
];
