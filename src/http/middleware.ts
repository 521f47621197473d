// Middleware: plain functions from handler to handler. There is no chain object and no `next()` to forget: what `next` gives is a value like any
// handler's, so a chain of plain functions runs without a generator, and a generator in it is one level of `yield*`.

import type { HttpHandler, RouteParams } from "./handler.ts";

/**
 * Makes a handler of the handler behind it, `next`. It is called once, when the server is built; the handler it makes once a request. It may
 * answer in the handler's place, change every reply (`mapReply` costs a generator only where the reply is not there at once), and stand around
 * the handler as a generator, with `replyOf`.
 *
 * One that sends another reply in place of the handler's lets go of what that holds, such as an open file, which is closed late otherwise:
 * `if (typeof reply.body === "function") reply.body.abandon?.()`. The `finally` of a generator runs when the handler fails and when the
 * client leaves, too, but before a streamed body is written. A `catch` there sees the handler's errors, and a cancel as well: throw on what
 * `isCancelled` tells.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { empty, type Middleware, serveHttp, text, use } from "millrace/http";
 *
 * const guard: Middleware = (next) => (request) =>
 *   request.headers.has("authorization") ? next(request) : empty(401, { headers: { "www-authenticate": "Bearer" } });
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/`));
 *   const { value } = yield* race({
 *     client,
 *     server: serveHttp(
 *       listener,
 *       use([guard], () => text("flour")),
 *     ),
 *   });
 *   console.log(value.status); // => 401
 * }).promise;
 * ```
 */
export type Middleware = (next: HttpHandler) => HttpHandler;

/**
 * `handler` with `middleware` around it, the first outermost. The handler of a route keeps the parameters of its pattern.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { mapReply, type Middleware, router, serveHttp, text, use, withHeaders } from "millrace/http";
 *
 * const stamp: Middleware = (next) => (request) =>
 *   mapReply(request, next(request), (reply) => withHeaders(reply, { "x-served-by": "mill" }));
 * const handler = use([stamp], router([["GET", "/", () => text("welcome")]])); // around all, 404 and 405 included
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/nobody`));
 *   const { value } = yield* race({ client, server: serveHttp(listener, handler) });
 *   console.log(value.status, value.headers.get("x-served-by")); // => 404, "mill"
 * }).promise;
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
