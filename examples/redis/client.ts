// One client: a task that reads commands and answers them in order. All commands that have come are carried out before the first answer leaves, so a
// pipeline costs one write; a client that does not take its answers parks its task, and nothing more is read from it.
//
// Messages of channels come from other clients' tasks. They go straight into this one's outbox, up to a bound; above it the client is dropped,
// however many it listens to. While an answer is being written they are held back, by the same bound, until it is whole.

import { type Conn, ConnectionClosedError, moveOnAfter, type Steps } from "millrace";
import type { Subscriber } from "./channels.ts";
import { execute } from "./commands.ts";
import type { Keyspace } from "./keyspace.ts";
import { ProtocolFault } from "./protocol-fault.ts";
import { RespReader } from "./resp-reader.ts";
import { RespWriter } from "./resp-writer.ts";
import type { Store } from "./store.ts";

/** Bytes of answers that are gathered before they are written. */
const ANSWER_BYTES = 48 * 1024;

/** What is known of a client, and its task. */
export class Client implements Subscriber {
  readonly id: number;
  readonly keyspace: Keyspace;
  readonly conn: Conn;
  readonly reader: RespReader = new RespReader();
  readonly writer: RespWriter = new RespWriter();
  /** The channels it listens to. */
  readonly subscriptions: Set<string> = new Set();
  /** The database that it has selected. */
  store: Store;
  /** What it calls itself. */
  name = "";
  /** It gets no more answers. */
  isLeaving = false;
  /** A command is being answered: nothing may come between the bytes of the answer. */
  #isAnswering = false;
  /** Messages for the time after it. */
  #held: Uint8Array[] | null = null;
  #heldBytes = 0;

  constructor(keyspace: Keyspace, conn: Conn) {
    this.id = ++keyspace.clients;
    this.keyspace = keyspace;
    this.conn = conn;
    this.store = keyspace.stores[0] as Store;
  }

  get protocol(): 2 | 3 {
    return this.writer.protocol;
  }

  /** Only what concerns its subscriptions may be asked for: in RESP2 an answer could not be told from a message. */
  get isRestricted(): boolean {
    return this.subscriptions.size > 0 && this.writer.protocol === 2;
  }

  /** Whether it waits for a command, and is owed nothing. */
  get isIdle(): boolean {
    return !this.#isAnswering;
  }

  /** Answers until it leaves. */
  *serve(): Steps<void> {
    this.keyspace.connected++;
    try {
      while (!this.isLeaving) {
        const chunk = yield* this.#read();
        // It has left, or was silent for too long.
        if (chunk === null || chunk === undefined) return;
        this.#isAnswering = true;
        yield* this.#answer(chunk);
        this.#isAnswering = false;
      }
    } catch (error) {
      // It was dropped, or the server has closed.
      if (!(error instanceof ConnectionClosedError)) throw error;
    } finally {
      this.keyspace.connected--;
      this.unsubscribeAll();
    }
  }

  /** Writes what is gathered. Parks while the client is behind. */
  *send(): Steps<void> {
    for (const piece of this.writer.take()) yield* this.conn.write(piece);
  }

  /** As {@link send}, when there is much of it: for answers that are longer than a buffer. */
  *sendMuch(): Steps<void> {
    if (this.writer.size >= ANSWER_BYTES) yield* this.send();
  }

  deliver(message: Uint8Array): void {
    const { subscriberBytesMax } = this.keyspace;
    if (!this.#isAnswering) {
      if (!this.conn.tryWrite(message, { pendingBytesMax: subscriberBytesMax })) this.#drop();
    } else if (this.#heldBytes < subscriberBytesMax) {
      this.#held ??= [];
      this.#held.push(message);
      this.#heldBytes += message.length;
    } else this.#drop();
  }

  unsubscribeAll(): void {
    for (const channel of this.subscriptions) this.keyspace.channels.unsubscribe(channel, this);
    this.subscriptions.clear();
  }

  *#read(): Steps<Uint8Array | null | undefined> {
    const { idleMs } = this.keyspace;
    if (idleMs === Number.POSITIVE_INFINITY || this.subscriptions.size > 0) return yield* this.conn.read();
    return yield* moveOnAfter(idleMs, this.conn.read());
  }

  *#answer(chunk: Uint8Array): Steps<void> {
    const { writer } = this;
    try {
      yield* this.#executeAll(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolFault)) throw error;
      // What came before the fault has its answers.
      writer.error(`ERR ${error.message}`);
      this.isLeaving = true;
    }
    // While it was behind more may have been held.
    while (writer.size > 0) {
      yield* this.send();
      if (this.#held !== null) this.#release();
    }
  }

  *#executeAll(chunk: Uint8Array): Steps<void> {
    const { reader, writer } = this;
    reader.push(chunk);
    while (!this.isLeaving && reader.next()) {
      const steps = execute(this);
      if (steps !== undefined) yield* steps;
      if (writer.size >= ANSWER_BYTES) yield* this.send();
      if (this.#held !== null) this.#release();
    }
  }

  #release(): void {
    for (const message of this.#held ?? []) this.writer.raw(message);
    this.#held = null;
    this.#heldBytes = 0;
  }

  #drop(): void {
    if (this.isLeaving || this.conn.closed) return;
    this.isLeaving = true;
    this.keyspace.dropped++;
    this.unsubscribeAll();
    this.conn.terminate();
  }
}
