// The HTTP handlers that the arms share. They are ordinary millrace handlers that never park, so that the twin in async/await runs the very
// same functions.

import { type HttpHandler, json, router, text } from "../../../src/http/index.ts";

/** The body of `GET /`. */
export const GREETING = "Hello, World!";

/** `GET /` and `GET /json`. */
export const handler: HttpHandler = router([
  ["GET", "/", () => text(GREETING)],
  ["GET", "/json", () => json({ message: GREETING })],
]);
