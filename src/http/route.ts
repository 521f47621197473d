// What routers are made of: routes, routes under a common prefix, and handlers that take over everything under a prefix. Only data: nothing
// is matched here (see router.ts), and what is wrong with a method or a pattern is found when a router is made of it (see route-table.ts).

import type { HttpHandler } from "./handler.ts";
import { type Middleware, use } from "./middleware.ts";
import type { PathParams } from "./path-params.ts";

/** Options of one route. */
export interface RouteOptions {
  /** Body limit in bytes of this route, instead of the server's; `Infinity` for none. */
  readonly bodyBytesMax?: number;
  /** Refuses a body that comes in chunks, without a Content-Length, with 411. Default false. */
  readonly lengthRequired?: boolean;
  /** @internal Segments of the prefix that {@link mount} was given. */
  readonly mountedSegments?: number;
}

/** The method of a route: one in capitals, several, or `"*"` for all. */
export type RouteMethod = string | readonly string[];

/** A route: `["GET", "/users/:id", handler]`, with options as a fourth. The handler has the parameters of the pattern. */
export type Route<Pattern extends string = string> = readonly [
  method: RouteMethod,
  pattern: Pattern,
  handler: HttpHandler<PathParams<Pattern>>,
  options?: RouteOptions,
];

/** A route of a {@link group}: its handler has the parameters of the prefix as well. */
export type GroupedRoute<Prefix extends string, Pattern extends string> = readonly [
  method: RouteMethod,
  pattern: Pattern,
  handler: HttpHandler<PathParams<`${Prefix}${Pattern}`>>,
  options?: RouteOptions,
];

/**
 * One route, typed by its pattern, for a list that is made apart from its router. In the list of `router([...])` itself the plain form does.
 *
 * @example
 * ```ts
 * import { type Route, route, text } from "millrace/http";
 *
 * const routes: Route[] = [
 *   route("GET", "/users/:id", (request) => text(request.params.id)),
 *   route("GET", "/users/:id/notes/:note", ({ params }) => text(`note ${params.note} of ${params.id}`)),
 * ];
 * console.log(routes.map(([method, pattern]) => `${method} ${pattern}`)[0]); // => "GET /users/:id"
 * ```
 */
export function route<const Pattern extends string>(
  method: RouteMethod,
  pattern: Pattern,
  handler: HttpHandler<PathParams<Pattern>>,
  options: RouteOptions = {},
): Route {
  // A router calls the handler with the parameters of this pattern and no others.
  return [method, pattern, handler as unknown as HttpHandler, options];
}

/**
 * Routes under a common prefix, which may have parameters of its own, as routes of the router around: write `...group(...)` in its list. What
 * `middleware` there is stands around each of their handlers; a path or method that none of them has is the router's affair.
 * @throws TypeError for a prefix that does not begin with a slash, or that ends with one, and for a pattern that does not begin with one.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { group, router, serveHttp, text } from "millrace/http";
 *
 * const handler = router([
 *   ["GET", "/", () => text("welcome")],
 *   ...group("/shops/:shop", [
 *     ["GET", "/", (request) => text(request.params.shop)],
 *     ["GET", "/items/:item", ({ params }) => text(`${params.item} of ${params.shop}`)],
 *   ]),
 * ]);
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const asked = fetch(`http://127.0.0.1:${listener.port}/shops/mill/items/rye`);
 *   const client = until(asked.then((response) => response.text()));
 *   console.log((yield* race({ client, server: serveHttp(listener, handler) })).value); // => "rye of mill"
 * }).promise;
 * ```
 */
export function group<const Prefix extends string, const Patterns extends readonly string[]>(
  prefix: Prefix,
  routes: { readonly [Index in keyof Patterns]: GroupedRoute<Prefix, Patterns[Index]> },
  middleware: readonly Middleware[] = [],
): Route[] {
  const base = baseOf(prefix, "group routes under");
  return (routes as readonly unknown[] as readonly Route[]).map(([method, pattern, handler, options = {}]) => {
    if (!pattern.startsWith("/"))
      throw new TypeError(`Cannot group the route ${pattern} under ${prefix}: it does not begin with a slash`);
    const { mountedSegments } = options;
    const moved = mountedSegments === undefined ? {} : { mountedSegments: mountedSegments + segmentsOf(base).length };
    return [method, base + pattern, use(middleware, handler), { ...options, ...moved }];
  });
}

/**
 * A route that gives everything under a prefix to one handler: another router, a Fetch handler, a directory. A router sees the rest of the path
 * there, `request.localPath`; `request.path` stays whole. The prefix consists of names and parameters; those of a router inside come to them.
 *
 * Other routes of the router around come first where they are more specific. A path or method that the handler does not have is its own
 * affair: nothing falls back to the router around.
 * @throws TypeError for a prefix that is none.
 *
 * @example
 * ```ts
 * import { listen, race, run, until } from "millrace";
 * import { mount, router, serveHttp, text } from "millrace/http";
 *
 * const admin = router([["GET", "/users", (request) => text(`${request.localPath} below ${request.path}`)]]);
 * const handler = router([mount("/admin", admin), ["GET", "/", () => text("welcome")]]);
 *
 * await run(function* () {
 *   const listener = yield* listen({ port: 0 });
 *   const client = until(fetch(`http://127.0.0.1:${listener.port}/admin/users`).then((response) => response.text()));
 *   const { value } = yield* race({ client, server: serveHttp(listener, handler) });
 *   console.log(value); // => "/users below /admin/users"
 * }).promise;
 * ```
 */
export function mount<const Prefix extends string>(prefix: Prefix, handler: HttpHandler<PathParams<Prefix>>): Route {
  const base = baseOf(prefix, "mount a handler at");
  const segments = segmentsOf(base);
  for (const segment of segments)
    if (!PREFIX_SEGMENT.test(segment) || DOTS.test(segment))
      throw new TypeError(`Cannot mount a handler at ${prefix}: "${segment}" is neither a plain name nor a parameter`);
  return ["*", `${base}/**`, handler as unknown as HttpHandler, { mountedSegments: segments.length }];
}

/** A literal, or a parameter of a whole segment. One named `_` would be hidden by rou3's other name of the rest. */
const PREFIX_SEGMENT = /^(?::(?!_$)[A-Za-z_]\w*|[^:*+?(){}\\]+)$/;
const DOTS = /^(?:\.|%2e){1,2}$/i;

function segmentsOf(base: string): string[] {
  return base.split("/").slice(1);
}

/** What patterns are put behind; nothing for `/`. */
function baseOf(prefix: string, attempt: string): string {
  if (prefix === "/") return "";
  if (!prefix.startsWith("/")) throw new TypeError(`Cannot ${attempt} ${prefix}: it does not begin with a slash`);
  if (prefix.endsWith("/")) throw new TypeError(`Cannot ${attempt} ${prefix}: it ends with a slash`);
  return prefix;
}
