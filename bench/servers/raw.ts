// The ceiling: bare `Bun.listen` callbacks. Echo writes in the callback. HTTP knows one route: it parses with the same strict parser, copies an
// answer made once a second for each request of the chunk into one buffer, and hands that to the kernel in one write. Everything
// that is not `GET /` on a keep-alive connection gets an error and a close.

import { Framing, BODY_NONE } from "../../src/http/wire/framing.ts";
import { encodeError, encodeText, CLOSE, PERSIST } from "../../src/http/wire/encoder.ts";
import { HeadParser } from "../../src/http/wire/head-parser.ts";
import { METHOD_GET } from "../../src/http/wire/methods.ts";
import { COMPLETE } from "../../src/http/wire/outcome.ts";
import { Rejection } from "../../src/http/wire/rejection.ts";
import { ReceiveBuffer } from "../../src/net/receive-buffer.ts";
import { LIMITS } from "./shared/async-http.ts";
import { CoarseClock } from "./shared/coarse-clock.ts";
import { announce, CONNECTIONS_MAX, serverFlags } from "./shared/flags.ts";
import { GREETING } from "./shared/handlers.ts";
import { listenRawEcho } from "./shared/raw-echo.ts";

type Socket = Bun.Socket<RawConnection>;

const SLASH = 0x2f;
/** Answers of all connections are gathered here: it is empty again at the end of every callback. */
const out = Buffer.allocUnsafe(64 * 1024);
let answer: Uint8Array = encodeAnswer(Date.now());

function encodeAnswer(wall: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(512);
  const end = encodeText(bytes, 0, 200, "text/plain; charset=utf-8", [], GREETING, PERSIST, wall);
  return bytes.subarray(0, end);
}

class RawConnection {
  readonly #head = new HeadParser(LIMITS);
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
      while (this.#takeRequest()) {
        if (end + answer.length > out.length) {
          this.#send(socket, end);
          end = 0;
        }
        out.set(answer, end);
        end += answer.length;
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

  #takeRequest(): boolean {
    const head = this.#head;
    const received = this.#received;
    const { bytes, start, end } = received;
    if (start === end || head.parse(bytes, start, end) !== COMPLETE) return false;
    const framing = this.#framing;
    framing.decide(head, bytes, start);
    const isRoot = framing.pathEnd - framing.pathStart === 1 && bytes[start + framing.pathStart] === SLASH;
    if (!isRoot || head.methodCode !== METHOD_GET) throw new Rejection(400, "ERR_HTTP_TARGET", "only GET / is served");
    if (framing.body !== BODY_NONE || !framing.keepAlive)
      throw new Rejection(400, "ERR_HTTP_FRAMING", "only keep-alive requests without a body are served");
    received.skip(head.length);
    head.reset();
    return true;
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
const clock = new CoarseClock(({ wall }) => {
  answer = encodeAnswer(wall);
});
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
answer = encodeAnswer(clock.wall);
announce(listener.port, listenRawEcho(flags.echoPort));
