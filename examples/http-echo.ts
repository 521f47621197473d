// A server that says back what it was asked: any method on any path gives 200 with the body of the request, and what the server saw of
// the request in the headers `x-method`, `x-target`, `x-host` and `x-req`. It is the target of conformance suites.
//
//   bun run examples/http-echo.ts --port 8080

import { parseArgs } from "node:util";
import { listen, main, sleep, type Steps } from "millrace";
import { empty, type HttpRequest, Reply, type ReplyInit, serveHttp, stream, text } from "millrace/http";

/** Paths that do something else than echo. */
const SPECIAL: Readonly<Record<string, (request: HttpRequest) => Reply | Steps<Reply>>> = {
  *"/slow"(request) {
    yield* sleep(Number(request.query.get("ms") ?? "100"));
    return text("slow", seen(request));
  },
  "/early": () => text("early"),
  "/large": (request) => zeros(Number(request.query.get("mb") ?? "1")),
  "/stream": () =>
    stream(function* (writer) {
      for (const part of ["one ", "two ", "three"]) yield* writer.write(part);
    }),
  "/status/204": () => empty(204),
  "/status/304": () => empty(304),
  "/get-only": ({ method }) =>
    method === "GET" || method === "HEAD" ? text("got") : text("", { status: 405, headers: { allow: "GET, HEAD" } }),
  "/throw": () => {
    throw new Error("this must not leak");
  },
  "/reflect": (request) => text("", { headers: { "x-reflect": request.query.get("h") ?? "" } }),
};

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

function headersOf(request: HttpRequest): Record<string, string> {
  const all: Record<string, string> = {};
  for (const [name] of request.headers) all[name] = request.headers.get(name) ?? "";
  return all;
}

function* echo(request: HttpRequest): Steps<Reply> {
  const init = seen(request);
  return new Reply("application/octet-stream", yield* request.bytes(), init);
}

const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });

main(function* () {
  const listener = yield* listen({ port: Number(values.port) });
  console.log(`ready: http://${listener.address}`);
  yield* serveHttp(listener, (request) => (SPECIAL[request.path] ?? echo)(request));
});
