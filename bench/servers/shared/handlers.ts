// The HTTP handlers that the arms share. They are ordinary millrace handlers that never park, so that the twin in async/await runs the very
// same functions.

import { json, type ReplyInit, type Route, text } from "../../../src/http/index.ts";
import { ADDED_FIELD, GREETING, LISTING, READ_FIELD } from "./answers.ts";

const ADDED: ReplyInit = { headers: Object.entries(ADDED_FIELD) };

/** One route for each job. */
export const ROUTES: readonly Route[] = [
  ["GET", "/", () => text(GREETING)],
  ["GET", "/add-header", () => text(GREETING, ADDED)],
  ["GET", "/read-header", (request) => text(request.headers.get(READ_FIELD) ?? "")],
  ["GET", "/json", () => json(LISTING)],
];
