// Forms: the body of a request as `multipart/form-data` (RFC 7578), by the library, or as `application/x-www-form-urlencoded`.
//
// A multipart body is parsed while it comes: what was parsed is dropped, what nobody asks for yet stays with the client. A part is given when it
// is whole. The body limit holds here as for every body; the limits on parts bound what a body within it can be made of. Names are
// read here: the library would trim them, take each backslash for an escape, and write to the console about a charset that it does not know.
//
// What the client did wrong is a `Rejection`, with a status to answer with: uncaught, it is answered so and the connection closes. A handler that
// catches it may answer as it likes, and the connection goes on.

import {
  MaxFileSizeExceededError,
  MaxHeaderSizeExceededError,
  MaxPartsExceededError,
  MultipartParseError,
  MultipartParser,
  type MultipartPart,
} from "@remix-run/multipart-parser";
import { FORM_FILE_BYTES_MAX, FORM_HEADER_BYTES_MAX, FORM_PARTS_MAX, FORM_PIECE_BYTES } from "../config.ts";
import { Once } from "../concurrency/delegate.ts";
import type { Operation } from "../core/operation.ts";
import type { Wait } from "../core/task.ts";
import { percentDecoded } from "./percent.ts";
import { Pieces } from "./pieces.ts";
import { Rejection } from "./wire/rejection.ts";

/** Bounds on a form, each a whole number of 1 or more. Going over one is a Rejection with 413. */
export interface FormLimits {
  /** Fields and files together. Default 1,000. */
  readonly partsMax?: number;
  /** Bytes of the head of a part, and of what may stand before the first. Default 8 KiB. */
  readonly headerBytesMax?: number;
  /** Bytes of one field or file. Default 16 MiB. */
  readonly fileBytesMax?: number;
}

/** One field or file of a multipart form. */
export interface FormPart {
  /** Name of the field. */
  readonly name: string;
  /** Name that the client gave the file, `null` for a plain field. It may hold anything: it is no path to write to. */
  readonly fileName: string | null;
  /** Type that the client says the content has; `text/plain` where it says none. */
  readonly type: string;
  /** The content, as it came. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The content as UTF-8; what is no UTF-8 becomes U+FFFD. */
  text(): string;
}

/** The parts of a multipart form, one after the other. */
export interface FormParts {
  /** The next part, `null` behind the last. Parks until all of it has come. @throws Rejection for a body that is none, or above a limit */
  next(): Operation<FormPart | null>;
}

/** What is needed of a request. */
export interface FormSource {
  readonly contentType: string;
  read(): Operation<Uint8Array | null>;
  text(): Operation<string>;
}

const MULTIPART = "multipart/form-data";
const URLENCODED = "application/x-www-form-urlencoded";

/** The whole form. @throws Rejection: 415 for a body of another type, 400 for one that is no form, 413 for one above a limit. */
export function* readForm(source: FormSource, limits: FormLimits): Generator<Wait, FormData, unknown> {
  const form = new FormData();
  if (typeOf(source) === URLENCODED) {
    const text = yield* source.text();
    // One question mark at the front would be taken for that of a query, and dropped.
    for (const [name, value] of new URLSearchParams(`?${withinLimit(text, limits)}`)) form.append(name, value);
    return form;
  }
  const parts = new PartReader(source, limits);
  for (let part: FormPart | null; (part = yield* parts.read()) !== null;) {
    const { name, fileName, type, bytes } = part;
    if (fileName === null) form.append(name, part.text());
    else form.append(name, new File([bytes], fileName, { type }), fileName);
  }
  return form;
}

/** The parts of a multipart form as they come. @throws Rejection: 415 for a body of another type, 400 when its boundary is missing. */
export function readParts(source: FormSource, limits: FormLimits): FormParts {
  const reader = new PartReader(source, limits);
  return { next: () => new Once("the next part of a form", () => reader.read()) };
}

const LINE_END = Buffer.from("\r\n");

class PartReader {
  readonly #source: FormSource;
  readonly #parser: MultipartParser;
  /** The first boundary, with the end of the line before it: bodies are read as if they had one there. */
  readonly #opening: string;
  readonly #preambleBytesMax: number;
  #isOpen = false;
  /** Parts that were parsed out of the last bytes. */
  #parsed: Iterator<MultipartPart, void> | null = null;
  /** Bytes of the body that the parser has not got: they are kept over a cancelled read. */
  #pieces = new Pieces();
  #size = 0;
  #isOver = false;
  /** What was wrong. The parser is of no use behind it. */
  #fault: Rejection | null = null;

  constructor(source: FormSource, limits: FormLimits) {
    this.#source = source;
    const boundary = boundaryOf(source);
    const { headerBytesMax = FORM_HEADER_BYTES_MAX } = limits;
    this.#opening = `\r\n--${boundary}`;
    this.#preambleBytesMax = headerBytesMax;
    this.#pieces.add(LINE_END);
    this.#parser = new MultipartParser(boundary, {
      maxHeaderSize: headerBytesMax,
      maxFileSize: limits.fileBytesMax ?? FORM_FILE_BYTES_MAX,
      maxParts: limits.partsMax ?? FORM_PARTS_MAX,
      // The body limit holds the total.
      maxTotalSize: Number.POSITIVE_INFINITY,
    });
  }

  *read(): Generator<Wait, FormPart | null, unknown> {
    for (;;) {
      const wasParsing = this.#parsed !== null;
      const part = this.#nextParsed();
      if (part !== null) return part;
      if (wasParsing) continue;
      if (this.#isOver) return null;
      const bytes = yield* this.#nextBytes();
      if (bytes.length > 0) this.#parsed = this.#isOpen ? this.#parser.write(bytes) : this.#open(bytes);
    }
  }

  /** Passes over what stands before the first boundary: RFC 2046 section 5.1.1 asks for it, and some clients send an empty line there. */
  *#open(bytes: Uint8Array): Generator<MultipartPart, void> {
    const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(this.#opening);
    const preambleBytes = at === -1 ? bytes.length - this.#opening.length : at;
    if (preambleBytes > this.#preambleBytesMax) throw faulty("a multipart body does not begin with its boundary");
    this.#isOpen = at !== -1;
    // All of it is looked at again with more.
    if (at === -1) this.#pieces.add(bytes);
    else yield* this.#parser.write(bytes.subarray(at + LINE_END.length));
  }

  /** Bytes of the body, a few kilobytes at least until it ends. */
  *#nextBytes(): Generator<Wait, Uint8Array, unknown> {
    while (this.#size < FORM_PIECE_BYTES && !this.#isOver) {
      const piece = yield* this.#source.read();
      this.#isOver = piece === null;
      if (piece === null) break;
      this.#size += piece.length;
      this.#pieces.add(piece);
    }
    const bytes = this.#pieces.join();
    this.#pieces = new Pieces();
    this.#size = 0;
    return bytes;
  }

  #nextParsed(): FormPart | null {
    try {
      if (this.#fault !== null) throw this.#fault;
      const next = this.#parsed?.next();
      if (next?.done === false) return formPart(next.value);
      if (next === undefined && this.#isOver && !this.#isWhole())
        throw faulty("a multipart body ended before its last boundary");
    } catch (error) {
      // Behind the last boundary may stand anything (RFC 2046 section 5.1.1), and the library would have none of it in a piece of its own.
      if (!(error instanceof MultipartParseError && this.#isWhole())) {
        this.#fault = rejectionOf(error);
        throw this.#fault;
      }
    }
    this.#parsed = null;
    return null;
  }

  #isWhole(): boolean {
    try {
      this.#parser.finish();
      return true;
    } catch {
      return false;
    }
  }
}

function formPart(part: MultipartPart): FormPart {
  const parameters = parametersOf(part.headers["content-disposition"] ?? "");
  const name = parameters.get("name");
  if (name === undefined) throw faulty("a part of a form has no name");
  const type = part.headers["content-type"] ?? "";
  const { bytes } = part;
  return {
    name: unescaped(name),
    fileName: fileNameOf(parameters),
    type: type === "" ? "text/plain" : type,
    bytes: bytes as Uint8Array<ArrayBuffer>,
    text: () => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
  };
}

/** Name, and value in quotes or without. */
const PARAMETER = /;\s*([^=;"\s]+)\s*=\s*(?:"((?:[^"\\]|\\["\\]|\\(?!["\\]))*)"|([^;]+))/g;

/**
 * Parameters by name; of two with one name the first counts. Browsers send spaces and backslashes in quotes as they are, and clients that escape do
 * it before a quote and a backslash only.
 */
function parametersOf(disposition: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  for (const [, sent = "", quoted, plain = ""] of disposition.matchAll(PARAMETER)) {
    const name = sent.toLowerCase();
    const value = quoted === undefined ? plain.trim() : quoted.replace(/\\(["\\])/g, "$1");
    if (!parameters.has(name)) parameters.set(name, value);
  }
  return parameters;
}

/** `filename*` is not for forms (RFC 7578 section 4.2), but .NET sends it, beside a `filename` that is encoded as in mail when it must be. */
function fileNameOf(parameters: ReadonlyMap<string, string>): string | null {
  const plain = parameters.get("filename");
  const extended = parameters.get("filename*");
  if (extended === undefined) return plain === undefined ? null : unescaped(plain);
  const name = extendedValue(extended) ?? plain;
  if (name === undefined) throw faulty("the name of a file in a form is in no coding that is read here");
  return name;
}

/** A value as RFC 8187 has it, `null` when it is in another charset than UTF-8 or badly encoded. */
function extendedValue(text: string): string | null {
  const encoded = /^utf-8'[^']*'(.*)$/i.exec(text)?.[1];
  return encoded === undefined ? null : percentDecoded(encoded);
}

/** Browsers write three characters of a name as if it were a URL, and only those three (HTML Standard, section 4.10.22.8). */
function unescaped(name: string): string {
  return name.replace(/%(?:0A|0D|22)/gi, (escape) => String.fromCharCode(Number.parseInt(escape.slice(1), 16)));
}

// --- the head of the request ---------------------------------------------------------------------------------------------------

function typeOf({ contentType }: FormSource): string {
  const [type = ""] = contentType.split(";");
  return type.trim().toLowerCase();
}

/** @throws Rejection: 415 unless the body is a multipart form, 400 unless it has a boundary of the characters and length that RFC 2046 allows. */
function boundaryOf(source: FormSource): string {
  if (typeOf(source) !== MULTIPART)
    throw new Rejection(
      415,
      "ERR_HTTP_CONTENT_TYPE",
      "its Content-Type is neither multipart/form-data nor application/x-www-form-urlencoded",
    );
  const match = /;\s*boundary=(?:"([^"]*)"|([^;\s]*))/i.exec(source.contentType);
  const boundary = match?.[1] ?? match?.[2] ?? "";
  if (!/^[\w'()+,\-./:=? ]{0,69}[\w'()+,\-./:=?]$/.test(boundary))
    throw faulty("the boundary of a form is missing or wrong");
  return boundary;
}

// --- faults --------------------------------------------------------------------------------------------------------------------

/** A list of a million empty fields fits into a small body, and takes a hundred times its memory. */
function withinLimit(text: string, { partsMax = FORM_PARTS_MAX }: FormLimits): string {
  let fields = 1;
  for (let at = text.indexOf("&"); at !== -1; at = text.indexOf("&", at + 1))
    if (++fields > partsMax) throw tooLarge("a form has too many fields");
  return text;
}

/** What the library throws, as the client's fault: errors of its own, and a TypeError for a head that is no UTF-8. @throws any other error */
function rejectionOf(error: unknown): Rejection {
  if (error instanceof Rejection) return error;
  if (!(error instanceof MultipartParseError || error instanceof TypeError)) throw error;
  if (error instanceof MaxPartsExceededError) return tooLarge("a form has too many parts");
  if (error instanceof MaxFileSizeExceededError) return tooLarge("a part of a form is too long");
  if (error instanceof MaxHeaderSizeExceededError) return tooLarge("the head of a part of a form is too long");
  return faulty("a multipart body is not well-formed");
}

function faulty(reason: string): Rejection {
  return new Rejection(400, "ERR_HTTP_FORM", reason);
}

function tooLarge(reason: string): Rejection {
  return new Rejection(413, "ERR_HTTP_FORM_TOO_LARGE", reason);
}
