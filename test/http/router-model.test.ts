// A router against a model of it: a list of routes of which the most specific is looked for by comparing all. Literals, parameters, wildcards,
// methods and `*`, HEAD, OPTIONS, Allow, in any order of routes.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type HttpRequest, type Reply, type Route, router, text } from "../../src/http/index.ts";
import { NO_PARAMS } from "../../src/http/request.ts";
import { methodNames } from "../../src/http/wire/methods.ts";

interface ModelRoute {
  readonly method: string;
  /** `a`, `:p`, or at the end `**` or `**:rest`. */
  readonly segments: readonly string[];
}

const literals = ["a", "b", "users"];
const segment = fc.constantFrom(...literals, ...literals, ":");
const route: fc.Arbitrary<ModelRoute> = fc
  .tuple(
    fc.constantFrom("GET", "GET", "POST", "HEAD", "OPTIONS", "FOO", "*"),
    fc.array(segment, { maxLength: 4 }),
    fc.constantFrom("", "", "", "**", "**:rest"),
  )
  .map(([method, segments, last]) => ({
    method,
    segments: [...segments.map((name, i) => (name === ":" ? `:p${i}` : name)), ...(last === "" ? [] : [last])],
  }));
/** Routes of which no two have the same claim: then their order must not matter. */
const routes = fc.uniqueArray(route, {
  maxLength: 12,
  selector: ({ method, segments }) => `${method} ${segments.join("/")}`,
});
const path = fc
  .tuple(fc.array(fc.constantFrom(...literals, "c", "x%20y", "constructor"), { maxLength: 5 }), fc.boolean())
  .map(([segments, slash]) => `/${segments.join("/")}${slash && segments.length > 0 ? "/" : ""}`);
const asked = fc.tuple(fc.constantFrom("GET", "HEAD", "POST", "OPTIONS", "FOO", "BAR"), path);

const patternOf = ({ segments }: ModelRoute): string => `/${segments.join("/")}`;

/** The parameters that `path` gives, null when it does not match. */
function matched({ segments }: ModelRoute, parts: readonly string[]): Record<string, string> | null {
  const params: Record<string, string> = {};
  for (const [i, name] of segments.entries()) {
    if (name.startsWith("**")) {
      const rest = parts.slice(i).map(decodeURIComponent).join("/");
      if (i < parts.length) Object.assign(params, name === "**" ? { 0: rest, _: rest } : { rest });
      return i < parts.length || name === "**" ? params : null;
    }
    const part = parts[i];
    if (part === undefined || (!name.startsWith(":") && name !== part)) return null;
    if (name.startsWith(":")) params[name.slice(1)] = decodeURIComponent(part);
  }
  return segments.length === parts.length ? params : null;
}

/** What a route claims, so that the more specific is the larger: segment by segment, then that it names the method itself. */
function claimOf({ segments, method }: ModelRoute, length: number, asked: string): string {
  const kind = (name: string): string => {
    if (name === "**") return "0";
    if (name === "**:rest") return "1";
    return name.startsWith(":") ? "2" : "3";
  };
  const kinds = segments.map(kind).join("");
  // The end of the path, where a route without a wildcard ends too, beats one that has still a wildcard there.
  const end = segments.length === length && !segments.at(-1)?.startsWith("**") ? "3" : "";
  const own = method === asked ? "2" : method === "GET" ? "1" : "0";
  return `${kinds}${end} ${own}`;
}

function modelAnswer(all: readonly ModelRoute[], method: string, path: string): string {
  const parts = path.split("/").slice(1, path.endsWith("/") ? -1 : undefined);
  const takes = (route: ModelRoute, asked: string): boolean =>
    route.method === "*" || route.method === asked || (asked === "HEAD" && route.method === "GET");
  const answers = (asked: string): readonly ModelRoute[] =>
    all
      .filter((route) => takes(route, asked) && matched(route, parts) !== null)
      .toSorted((a, b) => (claimOf(a, parts.length, asked) < claimOf(b, parts.length, asked) ? 1 : -1));
  const [best] = answers(method);
  if (best !== undefined)
    return `${best.method} ${patternOf(best)} ${JSON.stringify(sorted(matched(best, parts) as object))}`;
  const known = new Set(all.flatMap((route) => (route.method === "GET" ? ["GET", "HEAD"] : [route.method])));
  const allow = [...known].filter((each) => answers(each).length > 0);
  if (allow.length === 0) return "404";
  return `${method === "OPTIONS" ? 204 : 405} ${[...new Set([...allow, "OPTIONS"])].toSorted()}`;
}

const sorted = (params: object): object => Object.fromEntries(Object.entries(params).toSorted());

/** As much of a request as a router asks for. */
function incoming(method: string, path: string): HttpRequest {
  const methodCode = Math.max(0, methodNames.indexOf(method));
  const parts = { method, methodCode, path, localPath: path, params: NO_PARAMS, rejected() {}, enterMount() {} };
  return parts as unknown as HttpRequest;
}

function routerAnswer(handler: ReturnType<typeof router>, method: string, path: string): string {
  const { status, body, headers } = handler(incoming(method, path)) as Reply;
  if (status === 200) return body as string;
  const [, allow = ""] = headers[0] ?? [];
  return status === 404 ? "404" : `${status} ${allow.split(", ").toSorted()}`;
}

describe("router", () => {
  test("router answers as the model does, whatever the order of its routes", () => {
    fc.assert(
      fc.property(routes, fc.array(asked, { minLength: 1, maxLength: 20 }), (all, lines) => {
        const list = all.map((each): Route => [
          each.method,
          patternOf(each),
          ({ params }) => text(`${each.method} ${patternOf(each)} ${JSON.stringify(sorted(params))}`),
        ]);
        for (const order of [list, list.toReversed()]) {
          const handler = router(order);
          for (const [method, path] of lines)
            expect([method, path, routerAnswer(handler, method, path)]).toEqual([
              method,
              path,
              modelAnswer(all, method, path),
            ]);
        }
      }),
      { numRuns: 400 },
    );
  });
});
