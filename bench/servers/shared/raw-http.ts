// HTTP by bare callbacks, with the same strict parser and encoder. Hand-coalesced, the answers to all requests of a chunk are gathered in one
// buffer that goes to the kernel in one write; naive, each answer is a write of its own. The greeting does not depend on its request and is
// made once a second. Only what the jobs ask for is served, on connections that stay open: anything else gets an error and a close.

import { Framing, BODY_LENGTH, BODY_NONE, checkBodyLength } from "../../../src/http/wire/framing.ts";
import * as wire from "../../../src/http/wire/encoder.ts";
import { FieldSections } from "../../../src/http/wire/field-sections.ts";
import { HeadParser } from "../../../src/http/wire/head-parser.ts";
import { METHOD_GET, METHOD_POST } from "../../../src/http/wire/methods.ts";
import { COMPLETE } from "../../../src/http/wire/outcome.ts";
import { Rejection } from "../../../src/http/wire/rejection.ts";
import type { HeaderField } from "../../../src/http/wire/headers.ts";
import { sliceLatin1 } from "../../../src/http/wire/text.ts";
import { ReceiveBuffer } from "../../../src/net/receive-buffer.ts";
import {
  ADDED_FIELD,
  BODY_BYTES_MAX,
  BYTES_TYPE,
  GREETING,
  millFor,
  pageText,
  READ_FIELD,
  STREAM_PIECES,
} from "./answers.ts";
import { LIMITS } from "./async-http.ts";
import { CoarseClock } from "./coarse-clock.ts";
import { listenRaw, RawConnection } from "./raw-socket.ts";

const SLASH = 0x2f;
const PAGES = "/pages/";
/** Answers of all connections are gathered here: it is empty again at the end of every callback. */
const out = Buffer.allocUnsafe(128 * 1024);
/** Room that an answer is given: a field or a path that it repeats may take three bytes a character. A longer body is never copied. */
const ANSWER_BYTES_MAX = 64 * 1024;
const TEXT = "text/plain; charset=utf-8";
const ADDED: readonly HeaderField[] = Object.entries(ADDED_FIELD);
const NONE: readonly HeaderField[] = [];

/** No stream is being sent. */
const NO_STREAM = -1;

/** Listens; gives the port. `naive`: a write for each answer. */
export function listenRawHttp(port: number, naive: boolean): number {
  const shared = new Shared(naive);
  return listenRaw(port, (socket) => new RawHttpConnection(socket, shared));
}

/** What all connections of a listener have in common. */
class Shared {
  readonly naive: boolean;
  readonly sections: FieldSections = new FieldSections();
  readonly #clock: CoarseClock;
  greeting: Uint8Array;

  constructor(naive: boolean) {
    this.naive = naive;
    this.#clock = new CoarseClock(() => {
      this.greeting = this.#encodeGreeting();
    });
    this.greeting = this.#encodeGreeting();
  }

  get wall(): number {
    return this.#clock.wall;
  }

  #encodeGreeting(): Uint8Array {
    const bytes = Buffer.allocUnsafe(512);
    return bytes.subarray(0, wire.encodeText(bytes, 0, 200, TEXT, NONE, GREETING, wire.PERSIST, this.wall));
  }
}

class RawHttpConnection extends RawConnection {
  readonly #head: HeadParser;
  readonly #framing = new Framing();
  readonly #received = new ReceiveBuffer();
  readonly #shared: Shared;
  /** Bytes gathered in `out`. */
  #end = 0;
  /** A body is being collected: its pieces, and the bytes that have not come yet. */
  #body: Uint8Array[] = [];
  #bodyBytes = 0;
  #bodyMissing = 0;
  /** The next piece of the stream that is being sent. */
  #piece = NO_STREAM;

  constructor(socket: ConstructorParameters<typeof RawConnection>[0], shared: Shared) {
    super(socket);
    this.#shared = shared;
    this.#head = new HeadParser(LIMITS, shared.sections);
  }

  data(chunk: Uint8Array): void {
    if (this.isFinishing) return;
    this.#received.push(chunk);
    this.#goOn();
  }

  protected override writable(): void {
    this.#goOn();
  }

  /** Answers what is there, as long as the kernel takes it. */
  #goOn(): void {
    try {
      while (!this.isBlocked && (this.#piece === NO_STREAM ? this.#takeRequest() : this.#sendPieces()));
      this.#flush();
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      this.#end = wire.encodeError(out, this.#end, error.status, wire.CLOSE, true, Date.now());
      this.#flush();
      this.finish();
    }
  }

  /** Whether something of a request was there and was taken. @throws Rejection */
  #takeRequest(): boolean {
    if (this.#bodyMissing > 0) return this.#takeBody();
    if (!this.#takeHead()) return false;
    if (out.length - this.#end < ANSWER_BYTES_MAX) this.#flush();
    const head = this.#head;
    if (head.methodCode === METHOD_GET) this.#end = this.#encode(this.#end);
    this.#received.skip(head.length);
    head.reset();
    if (this.#shared.naive) this.#flush();
    return true;
  }

  /** Whether the whole head of a request is there that may be answered. @throws Rejection */
  #takeHead(): boolean {
    const head = this.#head;
    const { bytes, start, end } = this.#received;
    if (start === end || head.parse(bytes, start, end) !== COMPLETE) return false;
    const framing = this.#framing;
    framing.decide(head, bytes, start);
    if (!framing.keepAlive) throw new Rejection(400, "ERR_HTTP_FRAMING", "only connections that stay open are served");
    if (head.methodCode === METHOD_POST) this.#beginBody(bytes, start);
    else if (head.methodCode !== METHOD_GET)
      throw new Rejection(400, "ERR_HTTP_METHOD", "only GET and POST are served");
    else if (framing.body !== BODY_NONE) throw new Rejection(400, "ERR_HTTP_FRAMING", "a GET has no body here");
    return true;
  }

  #beginBody(bytes: Uint8Array, start: number): void {
    const { body, bodyLength, expectContinue } = this.#framing;
    if (this.#path(bytes, start) !== "/echo") throw unknownPath();
    if (body !== BODY_LENGTH || expectContinue)
      throw new Rejection(411, "ERR_HTTP_FRAMING", "only bodies of known length that come at once are served");
    checkBodyLength(bodyLength, BODY_BYTES_MAX);
    this.#bodyBytes = this.#bodyMissing = bodyLength;
  }

  /** Takes what is there of the body; answers when it is whole. */
  #takeBody(): boolean {
    const received = this.#received;
    if (received.size === 0) return false;
    const piece = received.take(this.#bodyMissing);
    this.#body.push(piece);
    this.#bodyMissing -= piece.length;
    if (this.#bodyMissing === 0) this.#sendBody();
    return true;
  }

  #sendBody(): void {
    const pieces = this.#body;
    const length = this.#bodyBytes;
    this.#body = [];
    if (out.length - this.#end < ANSWER_BYTES_MAX) this.#flush();
    this.#end = wire.encodeHead(out, this.#end, 200, BYTES_TYPE, NONE, length, wire.PERSIST, this.#shared.wall);
    for (const piece of pieces) {
      if (piece.length <= out.length - this.#end) {
        out.set(piece, this.#end);
        this.#end += piece.length;
      } else {
        this.#flush();
        this.write(piece, 0, piece.length, false);
      }
    }
    if (this.#shared.naive) this.#flush();
  }

  #path(bytes: Uint8Array, start: number): string {
    return sliceLatin1(bytes, start + this.#framing.pathStart, start + this.#framing.pathEnd);
  }

  /** Puts the answer to the head that is there at `at`; gives the offset behind it. @throws Rejection */
  #encode(at: number): number {
    const head = this.#head;
    const { wall, greeting } = this.#shared;
    const { bytes, start } = this.#received;
    const { pathStart, pathEnd } = this.#framing;
    if (pathEnd - pathStart === 1 && bytes[start + pathStart] === SLASH) {
      out.set(greeting, at);
      return at + greeting.length;
    }
    const path = this.#path(bytes, start);
    if (path === "/json") {
      const field = head.find(bytes, start, READ_FIELD);
      const agent = field === -1 ? "" : head.value(bytes, start, field);
      const body = JSON.stringify(millFor(agent));
      return roomy(wire.encodeText(out, at, 200, "application/json", ADDED, body, wire.PERSIST, wall));
    }
    if (path === "/stream") {
      this.#piece = 0;
      return wire.encodeHead(out, at, 200, BYTES_TYPE, NONE, wire.LENGTH_CHUNKED, wire.PERSIST, wall);
    }
    if (!path.startsWith(PAGES)) throw unknownPath();
    const query = path.indexOf("?");
    const name = path.slice(PAGES.length, query === -1 ? path.length : query);
    return roomy(wire.encodeText(out, at, 200, TEXT, NONE, pageText(name), wire.PERSIST, wall));
  }

  /** Gathers pieces of the stream until the buffer is full or the last one is there; gives false when the kernel holds back. */
  #sendPieces(): boolean {
    for (; this.#piece < STREAM_PIECES.length; this.#piece++) {
      const piece = STREAM_PIECES[this.#piece] as Buffer;
      if (out.length - this.#end < piece.length + wire.CHUNK_OVERHEAD_BYTES_MAX) {
        this.#flush();
        if (this.isBlocked) return false;
      }
      this.#end = wire.encodeChunkHead(out, this.#end, piece.length);
      out.set(piece, this.#end);
      this.#end = wire.encodeChunkEnd(out, this.#end + piece.length);
      if (this.#shared.naive) this.#flush();
    }
    if (out.length - this.#end < ANSWER_BYTES_MAX) this.#flush();
    this.#end = wire.encodeLastChunk(out, this.#end);
    this.#piece = NO_STREAM;
    return true;
  }

  #flush(): void {
    const end = this.#end;
    this.#end = 0;
    if (end > 0) this.write(out, 0, end, true);
  }
}

/** `end`, the offset behind an answer. @throws Rejection when it found no room: the request had more to repeat than any job's. */
function roomy(end: number): number {
  if (end === -1) throw new Rejection(431, "ERR_HTTP_HEAD_TOO_LARGE", "a field or a path is too long to be repeated");
  return end;
}

function unknownPath(): Rejection {
  return new Rejection(400, "ERR_HTTP_TARGET", "the path is none of the jobs'");
}
