// The line protocol by bare callbacks. Hand-coalesced, the answers to all lines of a chunk leave in one write; naive, each in its own. Lines are
// read one by one, as the other arms with our buffers read them. In bulk, all whole lines of a chunk are made into text at once and
// taken apart there: no reader that hands out one line at a time can do that, so it is an arm of its own.

import { ReceiveBuffer } from "../../../src/net/receive-buffer.ts";
import { answerTo, LINE_BYTES_MAX } from "./answers.ts";
import { lineEnd, lineText } from "./lines.ts";
import { listenRaw, RawConnection } from "./raw-socket.ts";

/** How answers leave. */
export type LineManner = "coalesced" | "naive" | "bulk";

const LF = 10;
/** Answers of all connections are gathered here: it is empty again at the end of every callback. */
const out = Buffer.allocUnsafe(64 * 1024);

/** Listens; gives the port. */
export function listenRawLines(port: number, manner: LineManner): number {
  return listenRaw(port, (socket) => (manner === "bulk" ? new BulkLines(socket) : new Lines(socket, manner)));
}

class Lines extends RawConnection {
  readonly #received = new ReceiveBuffer();
  readonly #naive: boolean;
  #searched = 0;
  #end = 0;

  constructor(socket: ConstructorParameters<typeof RawConnection>[0], manner: LineManner) {
    super(socket);
    this.#naive = manner === "naive";
  }

  data(chunk: Uint8Array): void {
    if (this.isFinishing) return;
    const received = this.#received;
    received.push(chunk);
    const { bytes, end } = received;
    let { start } = received;
    let at = lineEnd(bytes, start + this.#searched, end);
    while (at !== -1) {
      this.#answer(`${answerTo(lineText(bytes, start, at))}\n`);
      start = at + 1;
      at = lineEnd(bytes, start, end);
    }
    received.skip(start - received.start);
    this.#searched = received.size;
    this.#flush();
    if (received.size > LINE_BYTES_MAX) this.finish();
  }

  #answer(text: string): void {
    const most = text.length * 3;
    if (most > out.length - this.#end) this.#flush();
    if (most > out.length) {
      const bytes = Buffer.from(text, "utf8");
      this.write(bytes, 0, bytes.length, false);
      return;
    }
    this.#end += out.utf8Write(text, this.#end, most);
    if (this.#naive) this.#flush();
  }

  #flush(): void {
    const end = this.#end;
    this.#end = 0;
    if (end > 0) this.write(out, 0, end, true);
  }
}

class BulkLines extends RawConnection {
  #rest: Uint8Array = NOTHING;

  data(chunk: Uint8Array): void {
    if (this.isFinishing) return;
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = bytes.lastIndexOf(LF) + 1;
    this.#rest = end === bytes.length ? NOTHING : bytes.subarray(end);
    if (end > 0) this.#answerAll(lineText(bytes, 0, end));
    if (this.#rest.length > LINE_BYTES_MAX) this.finish();
  }

  /** Answers the lines in `text`, which ends with one. */
  #answerAll(text: string): void {
    let answers = "";
    let start = 0;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", start)) {
      const isCrlf = at > start && text.charCodeAt(at - 1) === 13;
      answers += `${answerTo(text.slice(start, isCrlf ? at - 1 : at))}\n`;
      start = at + 1;
    }
    const most = answers.length * 3;
    if (most <= out.length) this.write(out, 0, out.utf8Write(answers, 0, most), true);
    else {
      const bytes = Buffer.from(answers, "utf8");
      this.write(bytes, 0, bytes.length, false);
    }
  }
}

const NOTHING = new Uint8Array(0);
