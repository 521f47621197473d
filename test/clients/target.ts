// The server that the client tests talk to: `bun run test/clients/target.ts [FOLDER]` prints `target ready: PORT` and serves until SIGTERM. Every route
// is there for something that a client does. It counts what a client cannot see: connections, and handlers that were cancelled. Of requests
// that broke a rule and clocks that ran out it tells on stderr.

import { Latch, listen, main, type Operation, sleepForever, type Steps } from "../../src/index.ts";
import {
  compressed,
  empty,
  files,
  type HttpRequest,
  json,
  redirect,
  type RedirectStatus,
  type Reply,
  router,
  serveHttp,
  sse,
  stream,
  text,
} from "../../src/http/index.ts";
import { LINE, patternPiece } from "./pattern.ts";

/** What the server saw. Counts since its start. */
export interface TargetStatistics {
  /** Connections. */
  readonly accepted: number;
  /** Handlers of `/held`, `/endless` and `/digest` that have begun, and those that were cancelled half way. */
  readonly begun: number;
  readonly cancelled: number;
}

/** The answer of `/digest`: what came of a body, and how it was announced. */
export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
  readonly contentLength: string | null;
  readonly transferEncoding: string | null;
  readonly expect: string | null;
}

/** What `/files` serves. */
const FOLDER = process.argv[2] ?? import.meta.dir;

let begun = 0;
let cancelled = 0;
/** Opened, and replaced, when `begun` or `cancelled` changes. */
let changed = new Latch();

function tellChange(): void {
  changed.open();
  changed = new Latch();
}

/** Counts `steps` as begun, and as cancelled unless it comes to its end. */
function* counted<T>(steps: Operation<T>): Steps<T> {
  let isOver = false;
  begun++;
  tellChange();
  try {
    const value = yield* steps;
    isOver = true;
    return value;
  } finally {
    if (!isOver) cancelled++;
    tellChange();
  }
}

function echo(request: HttpRequest): Reply {
  return stream(function* (writer) {
    for (let chunk: Uint8Array | null; (chunk = yield* request.read()) !== null;) yield* writer.write(chunk);
  });
}

function digest(request: HttpRequest): Steps<Reply> {
  return counted(digestOf(request));
}

function* digestOf(request: HttpRequest): Steps<Reply> {
  const { headers } = request;
  const announced = {
    contentLength: headers.get("content-length"),
    transferEncoding: headers.get("transfer-encoding"),
    expect: headers.get("expect"),
  };
  const hasher = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  for (let chunk: Uint8Array | null; (chunk = yield* request.read()) !== null; bytes += chunk.length)
    hasher.update(chunk);
  return json({ bytes, sha256: hasher.digest("hex"), ...announced } satisfies Digest);
}

/** Bytes of the pattern, announced or in chunks. */
function pattern(request: HttpRequest, isAnnounced: boolean): Reply {
  const length = Number(request.params["n"]);
  return stream(
    function* (writer) {
      for (let at = 0, piece; at < length; at += piece.length) {
        piece = patternPiece(at, length);
        yield* writer.write(piece);
      }
    },
    isAnnounced ? { length } : {},
  );
}

function endless(): Reply {
  return stream((writer) =>
    counted(
      (function* () {
        for (let at = 0, piece; ; at += piece.length) {
          piece = patternPiece(at, Number.MAX_SAFE_INTEGER);
          yield* writer.write(piece);
        }
      })(),
    ),
  );
}

/** An async function on purpose: promises are bridged on this route. */
async function later(request: HttpRequest): Promise<Reply> {
  await Bun.sleep(Number(request.params["ms"]));
  return text(`slept ${request.params["ms"]} ms\n`);
}

/** Lines of text, announced or as a stream. */
function lines({ params, query }: HttpRequest): Reply {
  const count = Number(params["lines"]);
  if (!query.has("stream")) return text(LINE.repeat(count));
  return stream(
    function* (writer) {
      for (let i = 0; i < count; i++) yield* writer.write(LINE);
    },
    { type: "text/plain; charset=utf-8" },
  );
}

function events(): Reply {
  return sse(function* (writer) {
    for (const data of ["one", "two", "three"]) yield* writer.send({ data });
  });
}

/** Nobody may have reason to: what stands on stderr fails the tests. */
const complain = (text: string): boolean => process.stderr.write(`${text}\n`);

const statusOf = ({ params }: HttpRequest): RedirectStatus => Number(params["status"]) as RedirectStatus;

/** Answers once that many handlers have begun, and that many of them were cancelled. */
function* whenCounted({ params }: HttpRequest): Steps<Reply> {
  while (begun < Number(params["begun"]) || cancelled < Number(params["cancelled"])) yield* changed.wait();
  return text("counted");
}

const routes = (statistics: () => TargetStatistics): ReturnType<typeof router> =>
  router([
    ["GET", "/", () => text("Hello, World!")],
    ["GET", "/json", () => json({ message: "Hello, World!" })],
    ["GET", "/name/:name", ({ params }) => text(params["name"] ?? "")],
    [
      "GET",
      "/headers",
      (request) => json({ method: request.method, target: request.target, headers: [...request.headers] }),
    ],
    ["POST", "/echo", echo],
    ["POST", "/digest", digest],
    ["PUT", "/digest", digest],
    ["POST", "/unread", () => text("not read")],
    ["POST", "/unread/stream", () => stream((writer) => writer.write("not read"))],
    ["GET", "/bytes/:n", (request) => pattern(request, true)],
    ["GET", "/stream/:n", (request) => pattern(request, false)],
    ["GET", "/endless", endless],
    ["GET", "/held", () => counted(sleepForever())],
    ["GET", "/sleep/:ms", later],
    ["GET", "/files/**", files(FOLDER, { prefix: "/files" })],
    ["GET", "/text/:lines", lines],
    ["GET", "/events", events],
    ["GET", "/redirect/:status", (request) => redirect("/name/here", statusOf(request))],
    ["POST", "/redirect/:status", (request) => redirect("/headers", statusOf(request))],
    ["POST", "/moved/:status", (request) => redirect("/digest", statusOf(request))],
    ["GET", "/empty", () => empty(204)],
    ["GET", "/counted/:begun/:cancelled", whenCounted],
    ["GET", "/statistics", () => json(statistics())],
  ]);

main(function* () {
  const listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
  const routed = compressed(
    routes(() => {
      const { accepted } = listener.statistics();
      return { accepted, begun, cancelled };
    }),
  );
  process.stdout.write(`target ready: ${listener.port}\n`);
  yield* serveHttp(
    listener,
    (request) => {
      if (request.target === "*") return empty(204, { headers: { allow: "GET, HEAD, POST, PUT, OPTIONS" } });
      return routed(request);
    },
    {
      // A wrong method is the test's doing.
      onRejection: (rejection) =>
        rejection.status === 405 || complain(`rejected: ${rejection.status} ${rejection.message}`),
      onTimeout: () => complain("a client was too slow"),
    },
  );
});
