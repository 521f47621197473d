// The routes of one router, checked and put into rou3. Whatever is wrong with them is found here, when the router is made: no request meets it.
//
// Each GET route also stands for HEAD, behind the HEAD routes that there are, so that rou3 alone decides what is the most specific. Paths
// without parameters stand in a map for each method besides, filled by asking rou3: the map says nothing else than rou3 does.

import { addRoute, compareRoutes, createRouter, findRoute, type MatchedRoute, routeNodeKeys } from "rou3";
import type { HttpHandler } from "./handler.ts";
import type { Route, RouteMethod, RouteOptions } from "./route.ts";
import { methodNames } from "./wire/methods.ts";
import { Rejection } from "./wire/rejection.ts";

/** What a pattern leads to. */
export interface Target {
  /** The route's handler, which also sees to the route's options. */
  readonly handler: HttpHandler;
  /** Segments of the prefix of a mounted handler, -1 for other ones. */
  readonly mountedSegments: number;
}

/** A token (RFC 9110 section 5.6.2) without small letters. */
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Z]+$/;

/** Every segment is a literal, a parameter of its own, or a wildcard: no expressions, and no parameter beside other text. */
const PLAIN = /^(?:\/(?:[^/:*+?(){}\\]*|:\w+[?+*]?|\*\*?|\*\*:\w+))*$/;

/** What is served where a route takes all methods; CONNECT and TRACE never come as far as a handler. */
const SERVED = methodNames.filter((name) => name !== "" && name !== "CONNECT" && name !== "TRACE");

/** How rou3 writes all methods. */
const ALL = "";

/** The routes of one router. */
export class RouteTable {
  /**
   * By the code of the method: handlers of paths that have no parameters. With 25 routes it takes `GET /` from 62 to 50 ns, request object and
   * path included, and longer literal paths from 108 to 105; a path with parameters is looked up here in vain, for 20 ns of its 390.
   */
  readonly exact: readonly ReadonlyMap<string, HttpHandler>[];
  readonly #tree: ReturnType<typeof createRouter<Target>> = createRouter<Target>();
  /** Methods that have routes of their own, in the order in which Allow names them. */
  readonly #methods = new Set<string>();
  #takesAll = false;
  /** Patterns by method and node of rou3's tree: only those that meet at one can match the same paths. */
  readonly #nodes = new Map<string, string[]>();

  /** @throws TypeError, RangeError for a route that cannot be added. */
  constructor(routes: readonly Route[]) {
    const gets: [pattern: string, target: Target][] = [];
    for (const [methods, pattern, handler, options = {}] of routes) {
      const target = targetOf(handler, options, attemptOf(String(methods), pattern));
      for (const method of methodsOf(methods, pattern)) {
        this.#add(method, pattern, target);
        if (method === "GET") gets.push([pattern, target]);
      }
    }
    // Last, as of two with equal claims rou3 takes the first.
    for (const [pattern, target] of gets) addRoute(this.#tree, "HEAD", pattern, target);
    const patterns = routes.map(([, pattern]) => pattern);
    this.exact = methodNames.map((method) => this.#exactPaths(method, patterns));
  }

  /** The route that answers, the most specific one. Its parameters are made anew for each call. */
  find(method: string, path: string): MatchedRoute<Target> | undefined {
    return findRoute(this.#tree, method, path);
  }

  /** Methods that a path is answered for, OPTIONS included; none when it is not known at all. */
  allowed(path: string): readonly string[] {
    const matches = (method: string): boolean => findRoute(this.#tree, method, path, { params: false }) !== undefined;
    const allowed = [...this.#methods].filter(matches);
    return allowed.length === 0 ? allowed : withOptions(allowed);
  }

  /** Methods that are answered at all. */
  get methods(): readonly string[] {
    return withOptions([...this.#methods, ...(this.#takesAll ? SERVED : [])]);
  }

  #add(method: string, pattern: string, target: Target): void {
    const attempt = attemptOf(method, pattern);
    if (!pattern.startsWith("/")) throw new TypeError(`${attempt}: its pattern does not begin with a slash`);
    for (const node of nodesOf(pattern, attempt)) {
      const key = `${method} ${node}`;
      const known = this.#nodes.get(key) ?? [];
      for (const other of known) refuseClash(method, pattern, other, node);
      this.#nodes.set(key, [...known, pattern]);
    }
    addRoute(this.#tree, method, pattern, target);
    if (method === ALL) this.#takesAll = true;
    else this.#methods.add(method);
    if (method === "GET") this.#methods.add("HEAD");
  }

  /** A pattern without parameters is a path, unless it has characters that come encoded: then rou3 finds nothing, and it is not exact. */
  #exactPaths(method: string, patterns: readonly string[]): Map<string, HttpHandler> {
    const exact = new Map<string, HttpHandler>();
    for (const pattern of method === "" ? [] : patterns) {
      const found = this.find(method, pattern);
      if (found !== undefined && found.params === undefined) exact.set(pattern, found.data.handler);
    }
    return exact;
  }
}

function withOptions(methods: readonly string[]): readonly string[] {
  return [...new Set([...methods, "OPTIONS"])];
}

function attemptOf(method: string, pattern: string): string {
  return `Cannot add the route ${method === ALL ? "*" : method} ${pattern}`;
}

/** The methods of a route as rou3 writes them. @throws TypeError */
function methodsOf(methods: RouteMethod, pattern: string): readonly string[] {
  if (methods === "*") return [ALL];
  const list = typeof methods === "string" ? [methods] : methods;
  if (list.length === 0) throw new TypeError(`${attemptOf("of no method", pattern)}: it would never answer`);
  for (const method of list) {
    if (method === "*") throw new TypeError(`${attemptOf(`${list}`, pattern)}: "*" takes all methods and stands alone`);
    if (!METHOD.test(method))
      throw new TypeError(`${attemptOf(JSON.stringify(method), pattern)}: a method is a token in capitals`);
  }
  return list;
}

/** The route's handler with the route's options around it. @throws RangeError */
function targetOf(handler: HttpHandler, options: RouteOptions, attempt: string): Target {
  const { bodyBytesMax, lengthRequired = false, mountedSegments = -1 } = options;
  if (bodyBytesMax !== undefined && !(bodyBytesMax >= 0))
    throw new RangeError(`${attempt}: bodyBytesMax is ${bodyBytesMax}, not a number from 0 on`);
  if (bodyBytesMax === undefined && !lengthRequired) return { handler, mountedSegments };
  const limited: HttpHandler = (request) => {
    if (lengthRequired && request.bodyLength === -1)
      throw new Rejection(411, "ERR_HTTP_LENGTH_REQUIRED", "the body has no Content-Length, which this route requires");
    if (bodyBytesMax !== undefined) request.limitBody(bodyBytesMax);
    return handler(request);
  };
  return { handler: limited, mountedSegments };
}

/** The nodes of rou3's tree that the pattern ends at. @throws TypeError for a pattern that is none. */
function nodesOf(pattern: string, attempt: string): readonly string[] {
  try {
    return routeNodeKeys(pattern);
  } catch (cause) {
    const found = (cause as Error).message.replace(/^rou3: /, "").replace(` (${pattern})`, "");
    throw new TypeError(`${attempt}: ${found}`, { cause });
  }
}

/** @throws TypeError when two patterns match the same paths, or some of the same and only their order could tell which one answers. */
function refuseClash(method: string, pattern: string, other: string, node: string): void {
  const route = `${method === ALL ? "*" : method} ${other}`;
  const attempt = attemptOf(method, pattern);
  if (compareRoutes(pattern, other) === "equal") throw new TypeError(`${attempt}: ${route} matches the same paths`);
  // Wildcards and expressions have their ranks even at one node; literals and plain parameters have none.
  const isPath = !node.includes("**") && !/\/:_\d/.test(node);
  const isUnranked = !node.includes("**") && PLAIN.test(pattern) && PLAIN.test(other);
  if (isPath || isUnranked)
    throw new TypeError(`${attempt}: ${route} matches some of the same paths, and neither is more specific`);
}
