// The ceiling: bare `Bun.listen` callbacks. Echo writes in the callback. HTTP parses with the same strict parser, gathers the answers to all
// requests of a chunk in one buffer, and hands that to the kernel in one write. An answer that does not depend on its request is made
// once a second. Everything that is not a GET of a known path on a keep-alive connection gets an error and a close.

import { Framing, BODY_NONE } from "../../src/http/wire/framing.ts";
import { encodeError, encodeText, CLOSE, PERSIST } from "../../src/http/wire/encoder.ts";
import { FieldSections } from "../../src/http/wire/field-sections.ts";
import { HeadParser } from "../../src/http/wire/head-parser.ts";
import { METHOD_GET } from "../../src/http/wire/methods.ts";
import { COMPLETE } from "../../src/http/wire/outcome.ts";
import { Rejection } from "../../src/http/wire/rejection.ts";
import type { HeaderField } from "../../src/http/wire/headers.ts";
import { sliceLatin1 } from "../../src/http/wire/text.ts";
import { ReceiveBuffer } from "../../src/net/receive-buffer.ts";
import { ADDED_FIELD, GREETING, LISTING, READ_FIELD } from "./shared/answers.ts";
import { LIMITS } from "./shared/async-http.ts";
import { CoarseClock } from "./shared/coarse-clock.ts";
import { announce, CONNECTIONS_MAX, serverFlags } from "./shared/flags.ts";
import { listenRawEcho } from "./shared/raw-echo.ts";

type Socket = Bun.Socket<RawConnection>;

const SLASH = 0x2f;
/** Answers of all connections are gathered here: it is empty again at the end of every callback. */
const out = Buffer.allocUnsafe(64 * 1024);
/** Room that an answer is given: the longest one is that to a long READ_FIELD. */
const ANSWER_BYTES_MAX = 4 * 1024;
const TEXT = "text/plain; charset=utf-8";
const ADDED: readonly HeaderField[] = Object.entries(ADDED_FIELD);
const NONE: readonly HeaderField[] = [];
let greeting: Uint8Array;
let greetingAndField: Uint8Array;

function encodeGreetings(wall: number): void {
  greeting = encodeGreeting(NONE, wall);
  greetingAndField = encodeGreeting(ADDED, wall);
}

function encodeGreeting(fields: readonly HeaderField[], wall: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(512);
  return bytes.subarray(0, encodeText(bytes, 0, 200, TEXT, fields, GREETING, PERSIST, wall));
}

function put(answer: Uint8Array, at: number): number {
  out.set(answer, at);
  return at + answer.length;
}

const sections = new FieldSections();

class RawConnection {
  readonly #head = new HeadParser(LIMITS, sections);
  readonly #framing = new Framing();
  readonly #received = new ReceiveBuffer();
  /** What the kernel refused. */
  #rest: Uint8Array | null = null;
  #closing = false;

  data(socket: Socket, chunk: Uint8Array): void {
    if (this.#closing) return;
    this.#received.push(chunk);
    let end = 0;
    try {
      while (this.#takeHead()) {
        if (end + ANSWER_BYTES_MAX > out.length) {
          this.#send(socket, end);
          end = 0;
        }
        end = this.#answer(end);
      }
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      end = encodeError(out, end, error.status, CLOSE, true, Date.now());
      this.#closing = true;
    }
    if (end > 0) this.#send(socket, end);
    if (this.#closing && this.#rest === null) socket.shutdown();
  }

  drain(socket: Socket): void {
    const rest = this.#rest;
    if (rest === null) return;
    this.#rest = null;
    socket.resume();
    const taken = socket.write(rest);
    if (taken >= 0 && taken < rest.length) this.#keep(socket, rest.subarray(taken));
    else if (this.#closing) socket.shutdown();
  }

  /** Whether the whole head of a request is there that may be answered. @throws Rejection */
  #takeHead(): boolean {
    const head = this.#head;
    const { bytes, start, end } = this.#received;
    if (start === end || head.parse(bytes, start, end) !== COMPLETE) return false;
    const framing = this.#framing;
    framing.decide(head, bytes, start);
    if (head.methodCode !== METHOD_GET) throw new Rejection(400, "ERR_HTTP_METHOD", "only GET is served");
    if (framing.body !== BODY_NONE || !framing.keepAlive)
      throw new Rejection(400, "ERR_HTTP_FRAMING", "only keep-alive requests without a body are served");
    return true;
  }

  /** Puts the answer to the head that is there at `at`, and lets go of the head. @throws Rejection */
  #answer(at: number): number {
    const end = this.#encode(at);
    if (end === -1) throw new Rejection(431, "ERR_HTTP_HEAD_TOO_LARGE", "a field is too long to be echoed");
    this.#received.skip(this.#head.length);
    this.#head.reset();
    return end;
  }

  #encode(at: number): number {
    const head = this.#head;
    const { bytes, start } = this.#received;
    const pathAt = start + this.#framing.pathStart;
    const pathEnd = start + this.#framing.pathEnd;
    if (pathEnd - pathAt === 1 && bytes[pathAt] === SLASH) return put(greeting, at);
    switch (sliceLatin1(bytes, pathAt, pathEnd)) {
      case "/add-header":
        return put(greetingAndField, at);
      case "/read-header": {
        const field = head.find(bytes, start, READ_FIELD);
        const value = field === -1 ? "" : head.value(bytes, start, field);
        return encodeText(out, at, 200, TEXT, NONE, value, PERSIST, clock.wall);
      }
      case "/json":
        return encodeText(out, at, 200, "application/json", NONE, JSON.stringify(LISTING), PERSIST, clock.wall);
      default:
        throw new Rejection(400, "ERR_HTTP_TARGET", "the path is none of the jobs'");
    }
  }

  #send(socket: Socket, length: number): void {
    const taken = this.#rest === null ? socket.write(out, 0, length) : 0;
    if (taken < length && taken >= 0) this.#keep(socket, out.subarray(taken, length));
  }

  #keep(socket: Socket, bytes: Uint8Array): void {
    this.#rest = this.#rest === null ? bytes.slice() : Buffer.concat([this.#rest, bytes]);
    socket.pause();
  }
}

const flags = serverFlags();
const clock = new CoarseClock(({ wall }) => encodeGreetings(wall));
encodeGreetings(clock.wall);
let open = 0;
const listener = Bun.listen<RawConnection>({
  hostname: "127.0.0.1",
  port: flags.port,
  allowHalfOpen: true,
  socket: {
    open(socket) {
      socket.data = new RawConnection();
      if (++open > CONNECTIONS_MAX) socket.terminate();
    },
    data: (socket, chunk) => socket.data.data(socket, chunk),
    drain: (socket) => socket.data.drain(socket),
    end: (socket) => void socket.end(),
    close() {
      open--;
    },
    error(_socket, error) {
      throw error;
    },
  },
});
announce(listener.port, listenRawEcho(flags.echoPort));
