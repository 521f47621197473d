// Middleware: plain functions from handler to handler. There is no chain object and no `next()` to forget: what `next` gives is a value like any
// handler's, so a chain of plain functions runs without a generator, and a generator in it is one level of `yield*`.

import type { HttpHandler, RouteParams } from "./handler.ts";

/**
 * Makes a handler of the handler behind it, `next`. It is called once, when the server is built; the handler it makes once a request.
 *
 * It may answer instead of the handler:
 * ```ts
 * const guard: Middleware = (next) => (request) =>
 *   request.headers.has("authorization") ? next(request) : empty(401, { headers: { "www-authenticate": "Bearer" } });
 * ```
 *
 * It may change every reply, whatever kind of handler gives it; `mapReply` costs a generator only where the reply is not there at once:
 * ```ts
 * const stamp: Middleware = (next) => (request) =>
 *   mapReply(request, next(request), (reply) => withHeaders(reply, { "x-served-by": "mill" }));
 * ```
 *
 * One that sends another reply in its place lets go of what the dropped one holds, such as an open file, which is closed late otherwise:
 * ```ts
 * if (typeof reply.body === "function") reply.body.abandon?.();
 * return empty(403);
 * ```
 *
 * It may stand around the handler as a generator. Its `finally` runs when the handler fails and when the client leaves, too. A streamed
 * body is written after the handler has answered, so this is the time until then:
 * ```ts
 * const timed: Middleware = (next) =>
 *   function* (request) {
 *     const since = now();
 *     try {
 *       return yield* replyOf(request, next(request));
 *     } finally {
 *       observe(now() - since);
 *     }
 *   };
 * ```
 * A `catch` there sees the handler's errors, and a cancel as well: throw on what `isCancelled` tells.
 */
export type Middleware = (next: HttpHandler) => HttpHandler;

/**
 * `handler` with `middleware` around it, the first outermost. The handler of a route keeps the parameters of its pattern.
 *
 * ```ts
 * const routed = router([
 *   ["GET", "/", () => text("welcome")],
 *   ["DELETE", "/users/:id", use([guard], (request) => remove(request.params.id))],
 * ]);
 * yield* serveHttp({ port: 8080 }, use([timed, stamp], routed)); // around all, 404 and 405 included
 * ```
 */
export function use<Params extends object = RouteParams>(
  middleware: readonly Middleware[],
  handler: HttpHandler<Params>,
): HttpHandler<Params> {
  // Middleware hands the request on as it came, so that the parameters at the end of the chain are those at its beginning.
  const chain = middleware.reduceRight((next, wrap) => wrap(next), handler as unknown as HttpHandler);
  return chain as unknown as HttpHandler<Params>;
}
