// Writing a reply body while it is sent. Each write is accepted whole or parks while the client is behind, as any write to a conn.

import { OUTBOX_HIGH_WATER_BYTES } from "../config.ts";
import type { Operation } from "../core/operation.ts";
import type { ConnState } from "../net/conn-state.ts";
import { FlushLeaf, WriteLeaf } from "../net/writing.ts";
import { BodyLengthError, RequestOverError } from "./errors.ts";
import { CHUNK_OVERHEAD_BYTES_MAX, encodeChunkEnd, encodeChunkHead } from "./wire/encoder.ts";

/** How the end of a streamed body is marked. */
export type BodyCoding = "length" | "chunked" | "until-close" | "none";

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
  readonly coding: BodyCoding;
  readonly #conn: ConnState;
  /** Bytes still to come of a body of known length. */
  #remaining: number;
  /** Sends the head, where that was left to the first write. */
  #sendHead: (() => void) | null;
  #over = false;

  constructor(conn: ConnState, coding: BodyCoding, length: number, sendHead: (() => void) | null) {
    this.coding = coding;
    this.#conn = conn;
    this.#remaining = length;
    this.#sendHead = sendHead;
  }

  write(data: Uint8Array | string): Operation<void> {
    return new PartLeaf(this.#conn, this, typeof data === "string" ? Buffer.from(data, "utf8") : data);
  }

  flush(): Operation<void> {
    this.#begin();
    return new FlushLeaf(this.#conn);
  }

  /** Bytes that were announced and not written. */
  get missing(): number {
    return this.coding === "length" ? this.#remaining : 0;
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
    if (this.coding !== "length") return;
    const excess = bytes - this.#remaining;
    if (excess > 0) throw new BodyLengthError(`Cannot write the body: it is ${excess} bytes longer than announced`);
    this.#remaining -= bytes;
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
    const data = this.data as Uint8Array;
    const { conn } = this;
    const { coding } = this.#writer;
    conn.assertWritable();
    this.#writer.admit(data.length);
    // An empty chunk would end the body.
    if (data.length === 0 || coding === "none") return;
    if (coding !== "chunked") {
      super.perform();
      return;
    }
    const { outbox } = conn;
    outbox.room(CHUNK_OVERHEAD_BYTES_MAX);
    outbox.advance(encodeChunkHead(outbox.bytes, outbox.end, data.length));
    super.perform();
    outbox.room(CHUNK_OVERHEAD_BYTES_MAX);
    outbox.advance(encodeChunkEnd(outbox.bytes, outbox.end));
    conn.accepted();
  }
}

/** @internal Whether a writer would have to wait now. */
export function outboxFull(conn: ConnState): boolean {
  return conn.outbox.pending >= OUTBOX_HIGH_WATER_BYTES;
}
