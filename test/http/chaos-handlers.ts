// The handlers of the chaos run: one of each kind, each with what it answers to a request when nothing goes wrong. They know neither client nor
// chance: what varies stands in the query of the request (its `id`, an `amount` of pieces, turns or time), so that a request says all about
// itself. What they open they note in a ledger.

import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { until } from "../../src/concurrency/until.ts";
import { FILE_BLOCK_BYTES } from "../../src/config.ts";
import { isCancelled } from "../../src/core/cancel-tree.ts";
import type { Operation } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import * as http from "../../src/http/index.ts";
import type { SimFiles } from "../../src/sim/index.ts";
import { FETCH_KINDS } from "./chaos-fetch-handlers.ts";
import {
  amountOf,
  type Asked,
  broken,
  type Expected,
  idOf,
  itsId,
  itsIdAndBody,
  type Kind,
  MS_PER_AMOUNT,
  onlyStatus,
  pieces,
  PIECES_MANY,
  whole,
} from "./chaos-kind.ts";
import { ChaosError, type Ledger, pieceOf, turns } from "./chaos-ledger.ts";

const LIMITED_BYTES_MAX = 12;
/** More than one block: such a file is streamed. */
const LARGE_FILE_BYTES = FILE_BLOCK_BYTES + 10_000;
const RANGE_BYTES = 4;
/** Pieces of a text that is sent apart from its head. */
const TEXT_PIECES_MANY = 5_000;

const pathOf = (name: string, id: string): string => `/files/${name}-${id}`;

// --- handlers of replies -------------------------------------------------------------------------------------------------------

/** `body` as a streamed body that is noted in the ledger. */
function noted(
  ledger: Ledger,
  what: string,
  body: (writer: http.BodyWriter) => Operation<unknown>,
  init: http.StreamInit = {},
): http.Reply {
  return http.stream(function* (writer) {
    const ended = ledger.open(what);
    try {
      yield* body(writer);
    } finally {
      ended();
    }
  }, init);
}

const compressedText = http.compressed((request) => http.text(pieceOf(idOf(request)).repeat(100)));

const PLAIN: readonly Kind[] = [
  { path: "/text", answer: (request) => http.text(idOf(request)), expected: itsId },
  {
    path: "/long",
    bulky: true,
    answer: (request) => http.text(pieceOf(idOf(request)).repeat(TEXT_PIECES_MANY)),
    expected: pieces(TEXT_PIECES_MANY),
  },
  { path: "/empty", answer: () => http.empty(), expected: whole(() => "", 204) },
  { path: "/compressed", answer: (request) => compressedText(request), expected: pieces(100) },
  {
    path: "/sleepy",
    *answer(request) {
      const id = idOf(request);
      yield* sleep(amountOf(request) * MS_PER_AMOUNT);
      return http.text(id);
    },
    expected: itsId,
  },
  {
    path: "/promised",
    *answer(request) {
      yield* until(turns(amountOf(request)));
      return http.text(idOf(request));
    },
    expected: itsId,
  },
  {
    path: "/async",
    async answer(request, ledger) {
      const id = idOf(request);
      await turns(amountOf(request));
      await ledger.pause(amountOf(request));
      return http.text(id);
    },
    expected: itsId,
  },
  {
    path: "/throws",
    *answer(request) {
      yield* sleep(amountOf(request));
      throw new ChaosError("the handler failed");
    },
    expected: onlyStatus(500),
  },
  { path: "/put", method: "PUT", answer: () => http.text("put"), expected: onlyStatus(405) },
  { path: "/nowhere", answer: null, expected: onlyStatus(404) },
];

const READING: readonly Kind[] = [
  {
    path: "/read",
    readsAll: true,
    *answer(request) {
      const body = yield* request.text();
      yield* sleep(amountOf(request));
      return http.text(`${idOf(request)}:${body}`);
    },
    expected: itsIdAndBody,
  },
  {
    path: "/limited",
    readsAll: true,
    options: { bodyBytesMax: LIMITED_BYTES_MAX },
    *answer(request) {
      return http.text(`${idOf(request)}:${yield* request.text()}`);
    },
    expected: itsIdAndBody,
  },
  {
    path: "/measured",
    options: { lengthRequired: true },
    answer: (request) => http.text(idOf(request)),
    expected: (asked) => (asked.chunked ? { status: 411, body: null } : itsId(asked)),
  },
  {
    path: "/json",
    readsAll: true,
    *answer(request) {
      return http.json([idOf(request), yield* request.json()]);
    },
    expected: ({ id, body }) =>
      isJson(body) ? { status: 200, body: JSON.stringify([id, JSON.parse(body)]) } : { status: 400, body: null },
  },
  {
    path: "/trailers",
    readsAll: true,
    *answer(request) {
      yield* request.bytes();
      return http.text(`${idOf(request)}:${request.trailers.get("x-trailer")}`);
    },
    expected: whole(({ id, trailer }) => `${id}:${trailer}`),
  },
  {
    path: "/echo",
    readsAll: true,
    answer: (request, ledger) =>
      noted(ledger, `the echo of ${idOf(request)}`, function* (writer) {
        for (let chunk: Uint8Array | null; (chunk = yield* request.read()) !== null;) yield* writer.write(chunk);
      }),
    expected: whole(({ body }) => body),
  },
  {
    path: "/talks-first",
    answer(request, ledger) {
      const id = idOf(request);
      return noted(ledger, `the talk of ${id}`, function* (writer) {
        yield* writer.write(pieceOf(id));
        for (let chunk: Uint8Array | null; (chunk = yield* request.read()) !== null;) yield* writer.write(chunk);
      });
    },
    expected: whole(({ id, body }) => pieceOf(id) + body),
  },
  {
    path: "/catches",
    readsAll: true,
    *answer(request) {
      const id = idOf(request);
      try {
        yield* request.text();
      } catch (error) {
        if (isCancelled(error)) throw error;
      }
      return http.text(id);
    },
    expected: itsId,
  },
  {
    path: "/glance",
    *answer(request) {
      yield* moveOnAfter(3, request.read());
      return http.text(idOf(request));
    },
    expected: itsId,
  },
];

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const STREAMING: readonly Kind[] = [
  {
    path: "/slow",
    answer(request, ledger) {
      const id = idOf(request);
      return noted(ledger, `the slow stream of ${id}`, function* (writer) {
        for (let i = 0; i < PIECES_MANY; i++) {
          yield* writer.write(pieceOf(id));
          yield* sleep(i % 5);
        }
      });
    },
    expected: pieces(PIECES_MANY),
  },
  {
    path: "/sized",
    answer(request, ledger) {
      const id = idOf(request);
      return noted(
        ledger,
        `the sized stream of ${id}`,
        function* (writer) {
          for (const letter of id) yield* writer.write(letter);
        },
        { length: id.length },
      );
    },
    expected: itsId,
  },
  {
    path: "/short",
    answer(request, ledger) {
      const id = idOf(request);
      return noted(ledger, `the short stream of ${id}`, (writer) => writer.write(id), { length: id.length + 1 });
    },
    expected: broken(({ id }) => id),
  },
  {
    path: "/breaks",
    answer(request, ledger) {
      const id = idOf(request);
      return noted(ledger, `the breaking stream of ${id}`, function* (writer) {
        yield* writer.write(pieceOf(id));
        yield* sleep(1);
        throw new ChaosError("the stream failed");
      });
    },
    expected: broken(({ id }) => pieceOf(id)),
  },
  {
    path: "/events",
    answer(request, ledger) {
      const [id, amount] = [idOf(request), amountOf(request)];
      const ended = ledger.open(`the events of ${id}`);
      // The body of an event stream is not run for HEAD, where nothing is open.
      if (request.method === "HEAD") ended();
      return http.sse(
        function* (events) {
          try {
            for (let i = 0; i < amount; i++) {
              yield* events.send({ data: id });
              yield* sleep(i % 4);
            }
          } finally {
            ended();
          }
        },
        { heartbeatMs: 1.5 },
      );
    },
    expected: whole(({ id, amount }) => `data: ${id}\n\n`.repeat(amount)),
  },
];

const FILES: readonly Kind[] = [
  { path: "/file", answer: (request) => http.file(request, pathOf("small", idOf(request))), expected: rangeOf },
  { path: "/no-file", answer: (request) => http.file(request, "/files/none"), expected: onlyStatus(404) },
  {
    path: "/bad-file",
    answer: (request) => http.file(request, pathOf("bad", idOf(request))),
    // HEAD needs not a byte of it.
    expected: ({ method }) => ({ status: method === "HEAD" ? 200 : 500, body: null }),
  },
  {
    path: "/large-file",
    bulky: true,
    answer: (request) => http.file(request, pathOf("large", idOf(request))),
    expected: rangeOf,
  },
  {
    path: "/bad-large-file",
    bulky: true,
    answer: (request) => http.file(request, pathOf("bad-large", idOf(request))),
    expected: (asked) => (hasRange(asked) ? { status: 500, body: null } : broken(() => "")(asked)),
  },
];

/** Whether the request has a Range field that counts. */
export function hasRange({ method, amount }: Asked): boolean {
  return method === "GET" && amount % 2 === 1;
}

export const RANGE_FIELD = `Range: bytes=0-${RANGE_BYTES - 1}`;

function rangeOf(asked: Asked): Expected {
  const content = fileContentOf(asked);
  return hasRange(asked) ? { status: 206, body: content.slice(0, RANGE_BYTES) } : { status: 200, body: content };
}

function fileContentOf({ id, kind }: Asked): string {
  const bytes = kind.path.endsWith("large-file") ? LARGE_FILE_BYTES : 0;
  return pieceOf(id).repeat(1 + Math.ceil(bytes / pieceOf(id).length));
}

/** Puts the file there that `asked` is about, if it is about one. */
export function putFile(files: SimFiles, asked: Asked): void {
  const name = /^\/((?:bad-)?(?:large-)?)file$/.exec(asked.kind.path)?.[1];
  if (name === undefined) return;
  const path = pathOf(name === "" ? "small" : name.slice(0, -1), asked.id);
  files.put(path, fileContentOf(asked));
  if (name.startsWith("bad")) files.fail(path, "read", "EIO");
}

export const KINDS: readonly Kind[] = [...PLAIN, ...READING, ...STREAMING, ...FILES, ...FETCH_KINDS];

/** All kinds behind a router, and once more below a mount. */
export const MOUNT = "/mounted";

/** The handler of one run, which notes in `ledger` what reaches it and what it opens. */
export function chaosHandler(ledger: Ledger): http.HttpHandler {
  const routes = KINDS.flatMap(({ path, method = "*", answer, options }) =>
    answer === null ? [] : [http.route(method, path, (request) => answer(request, ledger), options)],
  );
  const handler = http.router([...routes, http.mount(MOUNT, http.router(routes))]);
  return (request) => {
    ledger.reached.push(idOf(request));
    return handler(request);
  };
}
