// From an open file to a reply: conditions, ranges, head, body. The file is closed here on every way but one: a body longer than one block takes it
// along, and closes it when it has been sent, was cut off, or is not wanted.
//
// A file that shrinks while it is sent cuts the connection: the length has been announced, and nothing else may be put in its place.

import { FILE_BLOCK_BYTES } from "../../config.ts";
import type { OpenFile } from "../../core/files.ts";
import type { Operation } from "../../core/operation.ts";
import type { Wait } from "../../core/task.ts";
import type { BodyWriter } from "../body-writer.ts";
import { BodyLengthError } from "../errors.ts";
import { bytes, fieldsOf, Reply, type ReplyInit, stream, type StreamBody, text } from "../reply.ts";
import type { HttpRequest } from "../request.ts";
import type { HeaderField } from "../wire/headers.ts";
import { METHOD_GET, METHOD_HEAD } from "../wire/methods.ts";
import { namesAcceptEncoding } from "../vary.ts";
import { contentRange, drawBoundary, lengthOf, multipart, type Piece, pieceLength } from "./multipart.ts";
import { fileHost, readFile } from "./opening.ts";
import { rangeHolds, verdictOf } from "./preconditions.ts";
import { type ByteRange, rangesOf } from "./ranges.ts";
import { type Validators, validatorsOf } from "./validators.ts";

/** What is said about a file beside its bytes. */
export interface Representation {
  readonly path: string;
  readonly type: string;
  /** Content coding of the bytes; empty for none. */
  readonly coding: string;
  readonly withTag: boolean;
  /** Fields that 200, 206 and 304 have alike, such as Cache-Control and Vary. */
  readonly fields: readonly HeaderField[];
  /** Fields of the program; they replace ours of the same name. */
  readonly headers: ReplyInit["headers"] | undefined;
}

/** What will be sent: a body put together of pieces. */
interface Content {
  readonly status: number;
  readonly type: string;
  readonly pieces: readonly Piece[];
  readonly length: number;
  readonly fields: readonly HeaderField[];
}

/** The reply to `request` with `file`, which belongs to this operation from now on. Parks while it is read. @throws FileError, BodyLengthError */
export function* sendFile(
  request: HttpRequest<object>,
  file: OpenFile,
  what: Representation,
): Generator<Wait, Reply, unknown> {
  let taken = false;
  try {
    const content = answerTo(request, file, what);
    if (content instanceof Reply) return content;
    const { length, pieces, status, type } = content;
    const init = { status, type, length, headers: content.fields };
    if (request.methodCode === METHOD_HEAD) return stream(nothing, init);
    // One block would be held for a slow client in any case. Read now, it leaves in one write with the head.
    if (length <= FILE_BLOCK_BYTES) return bytes(yield* whole(file, what.path, pieces, length), init);
    taken = true;
    return stream(bodyOf(file, what.path, pieces), init);
  } finally {
    if (!taken) file.close();
  }
}

/** What conditions and ranges make of the file: a reply without its content, or the content. Conditions count for GET and HEAD only. */
function answerTo(request: HttpRequest<object>, file: OpenFile, what: Representation): Reply | Content {
  const { headers, methodCode } = request;
  const { size } = file;
  const host = fileHost();
  const now = host.wallClock();
  const validators = validatorsOf(file, what.coding, now, what.withTag);
  if (methodCode === METHOD_GET || methodCode === METHOD_HEAD) {
    const verdict = verdictOf(headers, validators, now);
    if (verdict === "failed") return refusal("Precondition Failed\n", 412, [], what);
    if (verdict === "not-modified") return notModified(validators, what);
  }
  const asked = methodCode === METHOD_GET ? headers.get("range") : null;
  // Nothing can be asked of a file without bytes that the whole of it does not answer: there is no Content-Range for it.
  let ranges = asked !== null && size > 0 && rangeHolds(headers, validators, now) ? rangesOf(asked, size) : null;
  if (ranges?.length === 0)
    return refusal("Range Not Satisfiable\n", 416, [["Content-Range", `bytes */${size}`], ACCEPT_RANGES], what);
  // A coding is said of the whole body, and one of several parts is in none: clients would decode its boundaries.
  if (what.coding !== "" && ranges !== null && ranges.length > 1) ranges = null;
  const fields = [...validatorFields(validators), ACCEPT_RANGES, ...what.fields];
  if (what.coding !== "") fields.push(["Content-Encoding", what.coding]);
  return contentOf(ranges, size, what, fields, () => drawBoundary(() => host.random()));
}

function contentOf(
  ranges: readonly ByteRange[] | null,
  size: number,
  what: Representation,
  fields: HeaderField[],
  boundary: () => string,
): Content {
  const { type, headers } = what;
  if (ranges !== null && ranges.length > 1) {
    // A type that the program put among its headers is that of the parts, and would hide the one of the whole.
    const said = fieldsOf(headers);
    const own = said.filter((field) => !isType(field));
    const partType = said.find(isType)?.[1] ?? type;
    return { status: 206, fields: merged(fields, own), ...multipart(ranges, size, partType, boundary()) };
  }
  const range = ranges?.[0];
  if (range !== undefined) fields.push(["Content-Range", contentRange(range, size)]);
  const pieces = [range ?? { from: 0, to: size }];
  const status = range === undefined ? 200 : 206;
  return { status, type, pieces, length: lengthOf(pieces), fields: merged(fields, fieldsOf(headers)) };
}

// --- heads -------------------------------------------------------------------------------------------------------------------

const ACCEPT_RANGES: HeaderField = ["Accept-Ranges", "bytes"];

function validatorFields({ etag, lastModified }: Validators): HeaderField[] {
  const fields: HeaderField[] = [];
  if (etag !== null) fields.push(["ETag", etag]);
  if (lastModified !== null) fields.push(["Last-Modified", lastModified]);
  return fields;
}

/** The client has it: what guides its cache, and nothing about a content that is not sent (RFC 9110 section 15.4.5). */
function notModified(validators: Validators, what: Representation): Reply {
  const own = fieldsOf(what.headers).filter(([name]) => !/^content-(?:encoding|language|type|range)$/i.test(name));
  const fields = [...validatorFields(validators), ...what.fields];
  return new Reply("", null, { status: 304, headers: merged(fields, own) });
}

function refusal(body: string, status: number, fields: readonly HeaderField[], what: Representation): Reply {
  const own = fieldsOf(what.headers).filter(([name]) => !/^content-/i.test(name));
  return text(body, { status, headers: merged(fields, own) });
}

function isType([name]: HeaderField): boolean {
  return name.toLowerCase() === "content-type";
}

/**
 * `ours`, less what the program says itself, and the program's own. Only Vary adds up, unless the program's has all of ours: leaving ours out would
 * mix codings up in caches.
 */
function merged(ours: readonly HeaderField[], own: readonly HeaderField[]): readonly HeaderField[] {
  if (own.length === 0) return ours;
  const said = new Set(own.map(([name]) => name.toLowerCase()));
  if (!own.some(variesByCoding)) said.delete("vary");
  return [...ours.filter(([name]) => !said.has(name.toLowerCase())), ...own];
}

function variesByCoding([name, value]: HeaderField): boolean {
  return name.toLowerCase() === "vary" && namesAcceptEncoding(value);
}

// --- bodies ------------------------------------------------------------------------------------------------------------------

/** The body of an answer to HEAD: it is never asked for. */
function* nothing(): Generator<Wait, void, unknown> {}

function* whole(
  file: OpenFile,
  path: string,
  pieces: readonly Piece[],
  length: number,
): Generator<Wait, Uint8Array, unknown> {
  const body = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    const room = body.subarray(at, at + pieceLength(piece));
    if (piece instanceof Uint8Array) room.set(piece);
    else yield* fill(file, path, room, piece.from);
    at += room.length;
  }
  return body;
}

function bodyOf(file: OpenFile, path: string, pieces: readonly Piece[]): StreamBody {
  const body = function* (writer: BodyWriter): Generator<Wait, void, unknown> {
    try {
      for (const piece of pieces) {
        if (piece instanceof Uint8Array) yield* writer.write(piece);
        else yield* sendRange(writer, file, path, piece);
      }
    } finally {
      file.close();
    }
  };
  return Object.assign(body, { abandon: () => file.close() });
}

/** Block by block. The next is read when the kernel has taken the last: however slow the client, no more than one is held in memory for it. */
function* sendRange(
  writer: BodyWriter,
  file: OpenFile,
  path: string,
  { from, to }: ByteRange,
): Generator<Wait, void, unknown> {
  for (let at = from; at < to;) {
    if (at > from) yield* writer.flush();
    // A new one each time: what was written belongs to the writer.
    const block = Buffer.allocUnsafe(Math.min(FILE_BLOCK_BYTES, to - at));
    yield* fill(file, path, block, at);
    yield* writer.write(block);
    at += block.length;
  }
}

function* fill(file: OpenFile, path: string, into: Uint8Array, from: number): Operation<void> {
  const missing = into.length - (yield* readFile(file, into, from));
  if (missing > 0)
    throw new BodyLengthError(
      `Cannot send ${JSON.stringify(path)}: it has shrunk, and ${missing} bytes at offset ${from + into.length - missing} are missing`,
    );
}
