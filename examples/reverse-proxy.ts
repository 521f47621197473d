// A reverse proxy: each request goes on to the server behind it by `fetch`, each answer comes back as it is. Both bodies are streams: what one side
// does not read, the other cannot send, so a large body never lies here as a whole. A client that leaves takes its request to the server with
// it. A server that cannot be reached is answered with 502, one that does not begin to answer within `--head-ms` with 504.
//
// It can no more than `fetch`: no WebSockets, no bodies with GET; `.` and `..` in a path are resolved on the way, and its first slashes become one.
//
//   bun run examples/reverse-proxy.ts --port 8080 --to http://127.0.0.1:3000 [--head-ms 30000]

import { parseArgs } from "node:util";
import { isCancelled, listen, main, moveOnAfter, type Steps, until } from "millrace";
import { type HttpHandler, type HttpRequest, type Reply, router, serveHttp, text } from "millrace/http";

/** Others are not passed on: `fetch` of Bun 1.4 turns a method that it does not know into GET. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** Fields that are about one connection (RFC 9110 section 7.6.1); those that `Connection` names are so, too. */
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/** `fields` without those that end here. */
function endToEnd(fields: Iterable<[string, string]>): Headers {
  const headers = new Headers([...fields]);
  const named = (headers.get("connection") ?? "").split(",").map((name) => name.trim());
  for (const name of [...HOP_BY_HOP, ...named]) if (name !== "") headers.delete(name);
  return headers;
}

function headersFor(request: HttpRequest): Headers {
  const headers = endToEnd(request.headers);
  headers.delete("host"); // it is that of the server behind
  headers.delete("expect"); // reading the body has answered it
  headers.append("x-forwarded-for", request.remoteAddress);
  headers.set("x-forwarded-proto", request.protocol);
  headers.set("x-forwarded-host", request.host);
  return headers;
}

/** Sends `request` on and gives what comes back. */
function* sendOn(request: HttpRequest, url: string, signal: AbortSignal): Steps<Response> {
  const response = yield* until(
    fetch(url, {
      method: request.method,
      headers: headersFor(request),
      body: request.stream(),
      redirect: "manual",
      decompress: false, // or Content-Encoding and Content-Length would no longer be true
      signal: AbortSignal.any([request.signal, signal]),
    }),
  );
  return new Response(response.body, { status: response.status, headers: endToEnd(response.headers) });
}

/** A handler that asks the server at `to`, such as `http://127.0.0.1:3000`. */
export function proxy(to: string, headMs: number): HttpHandler {
  const base = to.replace(/\/$/, "");

  function* pass(request: HttpRequest): Steps<Reply | Response> {
    if (request.hasBody && (request.method === "GET" || request.method === "HEAD"))
      return text(`A body cannot be passed on with ${request.method}\n`, { status: 400 });
    const upstream = new AbortController();
    try {
      // Only the head has a deadline: the body may take as long as it likes.
      const response = yield* moveOnAfter(headMs, sendOn(request, base + request.target, upstream.signal));
      if (response !== undefined) return response;
      upstream.abort();
      return text("Gateway Timeout\n", { status: 504 });
    } catch (error) {
      if (isCancelled(error)) throw error;
      console.error(`${request.method} ${request.target}: ${String(error)}`);
      return text("Bad Gateway\n", { status: 502 });
    }
  }

  return router([[METHODS, "/**", pass]]);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "8080" },
      to: { type: "string", default: "http://127.0.0.1:3000" },
      "head-ms": { type: "string", default: "30000" },
    },
  });

  main(function* () {
    const listener = yield* listen({ port: Number(values.port) });
    console.log(`ready: http://${listener.address}`);
    yield* serveHttp(listener, proxy(values.to, Number(values["head-ms"])), { bodyBytesMax: Number.POSITIVE_INFINITY });
  });
}
