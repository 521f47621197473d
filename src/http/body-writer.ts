// Writing a reply body while it is sent. Each write is accepted whole or parks while the client is behind, as any write to a conn.

import { OUTBOX_HIGH_WATER_BYTES } from "../config.ts";
import type { Operation } from "../core/operation.ts";
import type { ConnState } from "../net/conn-state.ts";
import { FlushLeaf, WriteLeaf } from "../net/writing.ts";
import { BodyLengthError } from "./errors.ts";
import { CHUNK_OVERHEAD_BYTES_MAX, encodeChunkEnd, encodeChunkHead } from "./wire/encoder.ts";

/** How the end of a streamed body is marked. */
export type BodyCoding = "length" | "chunked" | "until-close" | "none";

/** What a streamed reply writes to. */
export class BodyWriter {
  readonly #conn: ConnState;
  readonly #coding: BodyCoding;
  /** Bytes still to come of a body of known length. */
  #remaining: number;

  /** @internal */
  constructor(conn: ConnState, coding: BodyCoding, length: number) {
    this.#conn = conn;
    this.#coding = coding;
    this.#remaining = length;
  }

  /**
   * Accepts `data` (text as UTF-8) as the next part of the body; parks first while more than the high-water mark waits for the client.
   * @throws BodyLengthError when it is more than the reply announced; otherwise as `conn.write`.
   */
  write(data: Uint8Array | string): Operation<void> {
    const bytes = typeof data === "string" ? Buffer.from(data, "utf8") : data;
    if (this.#coding === "length") {
      this.#remaining -= bytes.length;
      if (this.#remaining < 0)
        throw new BodyLengthError(`Cannot write the body: it is ${-this.#remaining} bytes longer than announced`);
    }
    if (this.#coding === "none") return new WriteLeaf(this.#conn, "");
    return this.#coding === "chunked" ? new ChunkLeaf(this.#conn, bytes) : new WriteLeaf(this.#conn, bytes);
  }

  /** Parks until the kernel has taken all that was written. */
  flush(): Operation<void> {
    return new FlushLeaf(this.#conn);
  }

  /** Bytes that were announced and not written. */
  get missing(): number {
    return this.#coding === "length" ? this.#remaining : 0;
  }
}

class ChunkLeaf extends WriteLeaf {
  protected override perform(): void {
    const data = this.data as Uint8Array;
    const { conn } = this;
    // An empty chunk would end the body.
    if (data.length === 0) return;
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
