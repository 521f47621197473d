// Types of parameters and what there is at run time, side by side. The types are checked by `bun run check`: a line behind `@ts-expect-error` that
// compiles is an error there.

import { describe, expect, test } from "bun:test";
import {
  group,
  type HttpHandler,
  type HttpRequest,
  mount,
  type PathParams,
  type Route,
  route,
  router,
  text,
  use,
} from "../../src/http/index.ts";
import { request, withServer } from "./support.ts";

/** Compiles only when both types are the same, up to the order of properties. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <_A, _B>(verdict: Same<_A, _B>): void => expect(verdict).toBe(true as Same<_A, _B>);

/** The parameters of each path for a pattern, null where it does not match. */
async function paramsOf(pattern: string, ...paths: string[]): Promise<(object | null)[]> {
  const all: (object | null)[] = [];
  const note: HttpHandler = ({ params }) => {
    all.push({ ...params });
    return text("");
  };
  const routed = router([["GET", pattern, note]], {
    notFound: () => {
      all.push(null);
      return text("");
    },
  });
  await withServer(routed, function* (world) {
    yield* world.ask(paths.map((path) => request(`GET ${path}`)).join(""));
  });
  return all;
}

describe("PathParams", () => {
  test("PathParams of a literal pattern are none", async () => {
    same<PathParams<"/">, {}>(true);
    same<PathParams<"/a/b">, {}>(true);
    expect(await paramsOf("/a/b", "/a/b")).toEqual([{}]);
  });

  test("PathParams of names are strings", async () => {
    same<PathParams<"/:a/x/:b">, { readonly a: string; readonly b: string }>(true);
    expect(await paramsOf("/:a/x/:b", "/1/x/2", "//x/2")).toEqual([{ a: "1", b: "2" }, null]);
    same<PathParams<"/:year(\\d+)-:month">, { readonly year: string; readonly month: string }>(true);
    expect(await paramsOf("/:year(\\d+)-:month", "/2024-05", "/x-05")).toEqual([{ year: "2024", month: "05" }, null]);
    same<PathParams<"/:name.json">, { readonly name: string }>(true);
    expect(await paramsOf("/:name.json", "/a.json")).toEqual([{ name: "a" }]);
  });

  test("PathParams of optional names may be absent", async () => {
    same<PathParams<"/a/:id?">, { readonly id?: string }>(true);
    expect(await paramsOf("/a/:id?", "/a/1", "/a", "/a/")).toEqual([{ id: "1" }, {}, {}]);
    same<PathParams<"/a/:x*">, { readonly x?: string }>(true);
    expect(await paramsOf("/a/:x*", "/a", "/a/b/c")).toEqual([{}, { x: "b/c" }]);
    same<PathParams<"/a/:x+">, { readonly x: string }>(true);
    expect(await paramsOf("/a/:x+", "/a", "/a/b/c")).toEqual([null, { x: "b/c" }]);
    same<PathParams<"/a{/:b}?">, { readonly b?: string }>(true);
    expect(await paramsOf("/a{/:b}?", "/a", "/a/1")).toEqual([{}, { b: "1" }]);
  });

  test("PathParams of wildcards have numbers, and ** the name _ too", async () => {
    same<PathParams<"/f/**">, { readonly 0?: string; readonly _?: string }>(true);
    expect(await paramsOf("/f/**", "/f", "/f/", "/f/a/b")).toEqual([{}, {}, { 0: "a/b", _: "a/b" }]);
    same<PathParams<"/f/**:path">, { readonly path: string }>(true);
    expect(await paramsOf("/f/**:path", "/f", "/f/a/b")).toEqual([null, { path: "a/b" }]);
    same<PathParams<"/f/*">, { readonly 0?: string }>(true);
    expect(await paramsOf("/f/*", "/f", "/f/", "/f/a/b")).toEqual([{}, { 0: "" }, { 0: "a/b" }]);
    same<PathParams<"/f/*/x">, { readonly 0: string }>(true);
    expect(await paramsOf("/f/*/x", "/f/x", "/f/a/b/x")).toEqual([null, { 0: "a/b" }]);
    same<PathParams<"/(\\d+)/(\\w+)">, { readonly 0: string; readonly 1: string }>(true);
    expect(await paramsOf("/(\\d+)/(\\w+)", "/1/a")).toEqual([{ 0: "1", 1: "a" }]);
  });

  test("PathParams of a pattern that is known at run time only are any", () => {
    type Any = Readonly<Record<string, string>>;
    same<PathParams<string>, Any>(true);
    same<PathParams<`/a/${string}`>, Any>(true);
    same<PathParams<"/:a" | "/b/:c">, { readonly a: string } | { readonly c: string }>(true);
  });
});

describe("router's types", () => {
  const plain: HttpHandler = ({ params }) => text(params["id"] ?? "none");
  const needsId: HttpHandler<{ readonly id: string }> = ({ params }) => text(params.id);
  const declared = (incoming: HttpRequest): ReturnType<HttpHandler> => plain(incoming);

  test("router's types give each handler the parameters of its own pattern", () => {
    const list: readonly Route[] = [route("GET", "/elsewhere/:x", ({ params }) => text(params.x))];
    const made = router([
      ["GET", "/", ({ params }) => text(`${Object.keys(params)}`)],
      ["GET", "/a/:id", (incoming) => text(incoming.params.id)],
      ["GET", "/b/:id?", ({ params: { id } }) => text(id ?? "none")],
      ["GET", "/c/:id", async (incoming) => text(incoming.params.id), { bodyBytesMax: 1 }],
      [
        ["PUT", "POST"],
        "/d/:id",
        function* ({ params, ...incoming }: HttpRequest<{ readonly id: string }>) {
          return text(`${params.id} ${Object.keys(incoming)}`);
        },
      ],
      [
        "GET",
        "/e/:id",
        function* (incoming) {
          const body: string = yield* incoming.text();
          return text(incoming.params.id + body);
        },
      ],
      ["GET", "/f/:id", use([], (incoming) => text(incoming.params.id))],
      ["GET", "/g/**", ({ params }) => text(params._ ?? params[0] ?? "")],
      ["GET", "/h/:id", plain],
      ["GET", "/i/:id?", plain],
      ["GET", "/j/**", declared],
      ["GET", "/k/:id/:more", needsId],
      ["GET", "/l", plain],
      mount("/m/:id", needsId),
      mount("/n", router([["GET", "/:who", (incoming) => text(incoming.params.who)]])),
      ...group("/o/:tenant", [["GET", "/:id", ({ params }) => text(params.id + params.tenant)]]),
      ...list,
    ]);
    expect(router(list)).toBeFunction();
    expect(made).toBeFunction();
  });

  test("router's types refuse a handler that asks for what its pattern does not have", () => {
    // @ts-expect-error id is not in the pattern.
    router([["GET", "/a/:name", (incoming) => text(incoming.params.id)]]);
    // @ts-expect-error Nor is it here.
    router([["GET", "/a/:name", needsId]]);
    // @ts-expect-error It may be absent.
    router([["GET", "/a/:id?", needsId]]);
    const good = ["GET", "/a/:id", needsId] as const;
    // @ts-expect-error The same beside a route that has it.
    router([good, ["GET", "/b/:name", needsId]]);
    // @ts-expect-error In a helper too.
    route("GET", "/a/:name", needsId);
    // @ts-expect-error In a group too.
    group("/a/:x", [["GET", "/:name", needsId]]);
    // @ts-expect-error In a prefix too.
    mount("/a/:name", needsId);
    // @ts-expect-error And no handler gives nothing.
    router([["GET", "/", () => {}]]);
    expect(needsId).toBeFunction();
  });
});
