// Writing a reply body while it is sent. Each write is accepted whole or parks while the client is behind, as any write to a conn.

import { OUTBOX_HIGH_WATER_BYTES } from "../config.ts";
import type { Operation } from "../core/operation.ts";
import type { ConnState } from "../net/conn-state.ts";
import { FlushLeaf, WriteLeaf } from "../net/writing.ts";
import { AnnouncedLength } from "./body-length.ts";
import { RequestOverError } from "./errors.ts";
import { CHUNK_OVERHEAD_BYTES_MAX, encodeChunkEnd, encodeChunkHead } from "./wire/encoder.ts";

/** What a streamed reply writes to. */
export interface BodyWriter {
  /**
   * Accepts `data` (text as UTF-8) as the next part of the body; parks first while more than the high-water mark waits for the client.
   * @throws BodyLengthError when it is more than the reply announced, RequestOverError after the end of the reply; otherwise as `conn.write`.
   */
  write(data: Uint8Array | string): Operation<void>;
  /** Parks until the kernel has taken all that was written. */
  flush(): Operation<void>;
}

/** The writer of a body to its conn, in the coding of its head. */
export class ConnBodyWriter implements BodyWriter {
  /** In chunks; else as it is. */
  readonly isChunked: boolean;
  readonly #conn: ConnState;
  readonly #length: AnnouncedLength;
  /** Sends the head, where that was left to the first write. */
  #sendHead: (() => void) | null;
  #over = false;

  /** `length` is what the reply announced, -1 for nothing. */
  constructor(conn: ConnState, isChunked: boolean, length: number, sendHead: (() => void) | null) {
    this.isChunked = isChunked;
    this.#conn = conn;
    this.#length = new AnnouncedLength(length);
    this.#sendHead = sendHead;
  }

  write(data: Uint8Array | string): Operation<void> {
    return new PartLeaf(this.#conn, this, typeof data === "string" ? Buffer.from(data, "utf8") : data);
  }

  flush(): Operation<void> {
    this.#begin();
    return new FlushLeaf(this.#conn);
  }

  /** The body is whole. @throws BodyLengthError when it is shorter than announced */
  end(): void {
    this.#length.end();
  }

  /** The reply is over: a write that comes later would land in the next one. */
  close(): void {
    this.#over = true;
    this.#sendHead = null;
  }

  /** `bytes` are about to be accepted. Here and not in `write`, whose operation may be cancelled before it is done. */
  admit(bytes: number): void {
    if (this.#over) throw new RequestOverError("Cannot write the body of the reply: the reply is over");
    this.#begin();
    this.#length.admit(bytes);
  }

  #begin(): void {
    const send = this.#sendHead;
    this.#sendHead = null;
    send?.();
  }
}

/** A part of a body, as a chunk where chunks are due. */
class PartLeaf extends WriteLeaf {
  readonly #writer: ConnBodyWriter;

  constructor(conn: ConnState, writer: ConnBodyWriter, data: Uint8Array) {
    super(conn, data);
    this.#writer = writer;
  }

  protected override perform(): void {
    const data = this.takeData() as Uint8Array;
    const { conn } = this;
    conn.assertWritable();
    this.#writer.admit(data.length);
    // An empty chunk would end the body.
    if (data.length === 0) return;
    const { outbox } = conn;
    if (!this.#writer.isChunked) {
      outbox.push(data);
      conn.accepted();
      return;
    }
    outbox.room(CHUNK_OVERHEAD_BYTES_MAX);
    outbox.advance(encodeChunkHead(outbox.bytes, outbox.end, data.length));
    outbox.push(data);
    outbox.room(CHUNK_OVERHEAD_BYTES_MAX);
    outbox.advance(encodeChunkEnd(outbox.bytes, outbox.end));
    conn.accepted();
  }
}

/** @internal Whether a writer would have to wait now. */
export function outboxFull(conn: ConnState): boolean {
  return conn.outbox.pending >= OUTBOX_HIGH_WATER_BYTES;
}
