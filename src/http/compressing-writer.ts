// The body of a reply on its way through a compressor. To the handler it is a body writer like the other: a write is accepted whole or not at
// all, whenever it is cancelled, and parks while the compressor or the client is behind.
//
// The compressor works beside the handler: a write hands its data over and returns, and the next write, flush or end sends what came of it. So
// there is one call of the compressor at a time, and in memory no more than the data of one call and what comes of it. What it has given
// out and nobody has sent yet is kept here and not in an operation: a cancelled one leaves no gap in the stream.

import { COMPRESS_GATHER_BYTES, COMPRESS_SLICE_BYTES } from "../config.ts";
import { Once } from "../concurrency/delegate.ts";
import { until } from "../concurrency/until.ts";
import type { Compressor, CompressorStep } from "../core/compression.ts";
import type { Operation } from "../core/operation.ts";
import type { Wait } from "../core/task.ts";
import { AnnouncedLength } from "./body-length.ts";
import type { BodyWriter } from "./body-writer.ts";
import { RequestOverError } from "./errors.ts";
import type { StreamBody } from "./reply.ts";

const NOTHING = new Uint8Array(0);

/** `body` compressed with what `open` makes. `length` is what a stream has announced, -1 for nothing. The compressor is opened when the body is sent. */
export function compressedBody(body: StreamBody | Uint8Array, length: number, open: () => Compressor): StreamBody {
  const stream: StreamBody = typeof body === "function" ? body : (writer) => writeAll(writer, body);
  const abandon = (): void => stream.abandon?.();
  const run: StreamBody = (writer) => compress(stream, new CompressingWriter(writer, openedFor(abandon, open), length));
  return Object.assign(run, { abandon });
}

/** A compressor that cannot be opened leaves a body that nobody wants. */
function openedFor(abandon: () => void, open: () => Compressor): Compressor {
  try {
    return open();
  } catch (error) {
    abandon();
    throw error;
  }
}

function* compress(body: StreamBody, writer: CompressingWriter): Generator<Wait, void, unknown> {
  try {
    yield* body(writer);
    yield* writer.end();
  } finally {
    writer.close();
  }
}

function* writeAll(writer: BodyWriter, data: Uint8Array): Generator<Wait, void, unknown> {
  for (let at = 0; at < data.length; at += COMPRESS_SLICE_BYTES)
    yield* writer.write(data.subarray(at, at + COMPRESS_SLICE_BYTES));
}

class CompressingWriter implements BodyWriter {
  readonly #writer: BodyWriter;
  readonly #compressor: Compressor;
  /** That of the body before it is compressed. */
  readonly #length: AnnouncedLength;
  /** Small pieces on their way to the compressor, up to `#gathered`. */
  #gather: Uint8Array = NOTHING;
  #gathered = 0;
  /** The call of the compressor that is under way; it never rejects. */
  #pending: Promise<void> | null = null;
  /** What the compressor has given out and nobody has sent. */
  #ready: Uint8Array[] = [];
  #failure: { error: unknown } | null = null;
  #over = false;

  constructor(writer: BodyWriter, compressor: Compressor, length: number) {
    this.#writer = writer;
    this.#compressor = compressor;
    this.#length = new AnnouncedLength(length);
  }

  write(data: Uint8Array | string): Operation<void> {
    return new Once("write a compressed body", () =>
      this.#write(typeof data === "string" ? Buffer.from(data, "utf8") : data),
    );
  }

  flush(): Operation<void> {
    return new Once("flush a compressed body", () => this.#flush());
  }

  /** The body is whole. @throws BodyLengthError when it is shorter than announced. */
  *end(): Generator<Wait, void, unknown> {
    this.#over = true;
    this.#length.end();
    yield* this.#send();
    this.#push(this.#takeGathered(), "end");
    yield* this.#send();
  }

  /** Lets go of the compressor, wherever the body stands. */
  close(): void {
    this.#over = true;
    this.#compressor.close();
  }

  *#write(data: Uint8Array): Generator<Wait, void, unknown> {
    yield* this.#send();
    this.#admit(data.length);
    if (data.length + this.#gathered < COMPRESS_GATHER_BYTES) {
      this.#keep(data);
      return;
    }
    const { length } = data;
    if (this.#gathered === 0) this.#push(data, "gather");
    else if (length >= COMPRESS_GATHER_BYTES) this.#push(this.#joined(data), "gather");
    else {
      this.#push(this.#takeGathered(), "gather");
      this.#keep(data);
    }
  }

  *#flush(): Generator<Wait, void, unknown> {
    yield* this.#send();
    this.#push(this.#takeGathered(), "flush");
    yield* this.#send();
    yield* this.#writer.flush();
  }

  #admit(bytes: number): void {
    if (this.#over) throw new RequestOverError("Cannot write the body of the reply: the reply is over");
    this.#length.admit(bytes);
  }

  // --- in ----------------------------------------------------------------------------------------------------------------------

  #keep(data: Uint8Array): void {
    if (this.#gathered === 0) this.#gather = new Uint8Array(COMPRESS_GATHER_BYTES);
    this.#gather.set(data, this.#gathered);
    this.#gathered += data.length;
  }

  /** Not to be written to again: the compressor reads it on its thread. */
  #takeGathered(): Uint8Array {
    const taken = this.#gather.subarray(0, this.#gathered);
    this.#gather = NOTHING;
    this.#gathered = 0;
    return taken;
  }

  #joined(data: Uint8Array): Uint8Array {
    const joined = new Uint8Array(this.#gathered + data.length);
    joined.set(this.#takeGathered());
    joined.set(data, joined.length - data.length);
    return joined;
  }

  #push(data: Uint8Array, step: CompressorStep): void {
    this.#pending = this.#take(this.#compressor.push(data, step));
  }

  async #take(output: Promise<readonly Uint8Array[]>): Promise<void> {
    try {
      for (const piece of await output) this.#ready.push(piece);
    } catch (error) {
      this.#failure = { error };
    }
    this.#pending = null;
  }

  // --- out ---------------------------------------------------------------------------------------------------------------------

  /** Waits for the compressor and sends what it gave: piece by piece, so that the client's pace is ours. */
  *#send(): Generator<Wait, void, unknown> {
    // Whoever sends here may have waited while another task of the handler began the next call.
    while (this.#pending !== null || this.#ready.length > 0) {
      if (this.#pending !== null) yield* until(this.#pending);
      // A piece goes off the list when it has been accepted, and not before.
      for (let piece = this.#ready[0]; piece !== undefined; piece = this.#ready[0]) {
        yield* this.#writer.write(piece);
        this.#ready.shift();
      }
    }
    if (this.#failure !== null) throw this.#failure.error;
  }
}
