// A server that says back what it was asked: any method on any path gives 200 with the body of the request, and what the server saw of
// the request in the headers `x-method`, `x-target`, `x-host` and `x-req`. It is the target of conformance suites.
//
//   bun run examples/http-echo.ts --port 8080

import { parseArgs } from "node:util";
import { listen, main, sleep, type Steps } from "millrace";
import {
  empty,
  file,
  type HandlerResult,
  type HttpRequest,
  Reply,
  type ReplyInit,
  serveHttp,
  stream,
  text,
} from "millrace/http";

/** Answers every request: the handler alone, for suites that bring a server of their own. */
export function httpEcho(request: HttpRequest): HandlerResult {
  return (SPECIAL.get(request.path) ?? echo)(request);
}

/** Paths that do something else than echo. */
const SPECIAL: ReadonlyMap<string, (request: HttpRequest) => HandlerResult> = new Map(
  Object.entries({
    *"/slow"(request: HttpRequest): Steps<Reply> {
      yield* sleep(Number(request.query.get("ms") ?? "100"));
      return text("slow", seen(request));
    },
    "/early": () => text("early"),
    "/large": (request: HttpRequest) => zeros(Number(request.query.get("mb") ?? "1")),
    "/stream": () =>
      stream(function* (writer) {
        for (const part of ["one ", "two ", "three"]) yield* writer.write(part);
      }),
    "/status/204": () => empty(204),
    "/status/304": () => empty(304),
    "/get-only": ({ method }: HttpRequest) =>
      method === "GET" || method === "HEAD" ? text("got") : text("", { status: 405, headers: { allow: "GET, HEAD" } }),
    "/throw": () => {
      throw new Error("this must not leak");
    },
    "/file": (request: HttpRequest) => file(request, `${import.meta.dir}/http-echo.txt`),
    "/reflect": (request: HttpRequest) => text("", { headers: { "x-reflect": request.query.get("h") ?? "" } }),
  }),
);

function zeros(mebibytes: number): Reply {
  const block = new Uint8Array(64 * 1024);
  const blocks = mebibytes * 16;
  return stream(
    function* (writer) {
      for (let i = 0; i < blocks; i++) yield* writer.write(block);
    },
    { length: blocks * block.length },
  );
}

/** The headers that tell what was seen of the request. */
function seen(request: HttpRequest): ReplyInit {
  const headers: [string, string][] = [
    ["x-method", encodeURIComponent(request.method)],
    ["x-target", encodeURIComponent(request.target)],
    ["x-host", encodeURIComponent(request.host)],
    ["x-req", encodeURIComponent(JSON.stringify(headersOf(request)))],
  ];
  if (request.method === "OPTIONS") headers.push(["allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"]);
  return { headers };
}

/** By name, in an object that takes any name: a client may well send a field called `__proto__`. */
function headersOf({ headers }: HttpRequest): Record<string, string> {
  return Object.fromEntries([...headers].map(([name]) => [name, headers.get(name) ?? ""]));
}

function* echo(request: HttpRequest): Steps<Reply> {
  const init = seen(request);
  return new Reply("application/octet-stream", yield* request.bytes(), init);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });

  main(function* () {
    const listener = yield* listen({ port: Number(values.port) });
    console.log(`ready: http://${listener.address}`);
    yield* serveHttp(listener, httpEcho);
  });
}
