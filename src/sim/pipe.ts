// One direction of a simulated connection: the sender's send buffer, the wire, and the receiver's buffer, as two kernels would hold them.
// It knows nothing of handlers; the sockets at its ends are told what changed.
//
// Invariants. Segments arrive in the order in which they were sent. Bytes on the wire and in the receive buffer together never exceed
// the receive buffer: a receiver that does not read fills the send buffer, then nothing more is accepted. FIN comes after the last
// byte. After a reset nothing arrives any more, but what has arrived stays readable, as on Linux.

import { RingBuffer } from "../core/ring-buffer.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { Network, Range } from "./network.ts";
import type { Prng } from "./prng.ts";

/** The part of the simulated host that a network needs. */
export interface Clock {
  readonly prng: Prng;
  now(): number;
  schedule(delayMs: number, fire: () => void): void;
}

/** A socket at an end of pipes, and what it hears of them. */
export interface PipeEnd {
  /** To the receiver: bytes, FIN or a reset came. */
  arrived(): void;
  /** To the receiver, which is closed: bytes came, and its kernel answers with a reset. */
  refused(): void;
  /** To the sender: the send buffer has room again. */
  acked(): void;
  /** The network resets the connection, for both ends. */
  reset(): void;
}

/** A segment under way. */
interface Segment {
  readonly kind: "bytes" | "fin" | "reset";
  readonly bytes: Uint8Array | null;
}

/** One direction of a connection. */
export class Pipe {
  /** The peer's FIN stands behind the last byte received. */
  finArrived = false;
  /** The peer, or the network, has reset the connection. */
  resetArrived = false;
  readonly #clock: Clock;
  readonly #network: Network;
  readonly #sender: PipeEnd;
  readonly #receiver: PipeEnd;
  readonly #sendBufferBytes: number;
  readonly #unsent: ByteQueue = new ByteQueue();
  readonly #received: ByteQueue = new ByteQueue();
  /** Sent and not yet arrived, oldest first. */
  readonly #wire: RingBuffer<Segment> = new RingBuffer(8);
  #wireBytes = 0;
  #sentCount = 0;
  #arrivedCount = 0;
  /** Segments from this number on, below the other, are lost. */
  #lostFrom = 0;
  #lostTo = 0;
  /** Arrivals that came due while stalled. */
  #held = 0;
  #lastArrival = 0;
  #finAsked = false;
  #finSent = false;
  /** Nothing more is sent: the sender was reset, or has reset. */
  #cut = false;
  #receiverClosed = false;
  #stalled = false;

  constructor(clock: Clock, network: Network, sender: PipeEnd, receiver: PipeEnd) {
    this.#clock = clock;
    this.#network = network;
    this.#sender = sender;
    this.#receiver = receiver;
    this.#sendBufferBytes = clock.prng.between(...network.sendBufferBytes);
  }

  // --- the sender's side -----------------------------------------------------------------------------------------------------

  /** Bytes that the send buffer still takes. */
  get room(): number {
    return this.#sendBufferBytes - this.#unsent.length - this.#wireBytes;
  }

  /** Room enough to say so. As on Linux a third must be free, or each acknowledgement would cause one small write. */
  get writable(): boolean {
    return this.room * 3 >= this.#sendBufferBytes;
  }

  /** Accepts `bytes`, for which there must be room. */
  send(bytes: Uint8Array): void {
    this.#unsent.push(bytes);
    this.#pump();
  }

  /** Sends FIN after what was accepted. */
  sendFin(): void {
    this.#finAsked = true;
    this.#pump();
  }

  /** Sends a reset: what was accepted and not sent is lost, and of what is under way a seeded part. */
  sendReset(): void {
    if (this.#cut) return;
    this.#cut = true;
    this.#unsent.clear();
    this.#lostFrom = this.#clock.prng.between(this.#arrivedCount, this.#sentCount);
    this.#lostTo = this.#sentCount;
    this.#put("reset", null);
  }

  /** The sender was reset: it sends nothing more, and nobody wants what is under way. */
  cutOff(): void {
    this.#cut = true;
    this.#unsent.clear();
    this.#lostFrom = this.#arrivedCount;
    this.#lostTo = this.#sentCount;
  }

  /** Puts on the wire what the receiver has room for. */
  #pump(): void {
    const { prng } = this.#clock;
    while (!this.#cut && this.#unsent.length > 0) {
      const window = this.#network.receiveBufferBytes - this.#received.length - this.#wireBytes;
      if (window <= 0) return;
      const bytes = this.#unsent.take(Math.min(window, drawSize(prng, this.#network.segmentBytes)));
      this.#wireBytes += bytes.length;
      this.#put("bytes", bytes);
    }
    if (this.#cut || !this.#finAsked || this.#finSent) return;
    this.#finSent = true;
    this.#put("fin", null);
  }

  #put(kind: Segment["kind"], bytes: Uint8Array | null): void {
    const clock = this.#clock;
    this.#wire.push({ kind, bytes });
    this.#sentCount++;
    this.#lastArrival = Math.max(this.#lastArrival, clock.now() + drawTime(clock.prng, this.#network.latencyMs));
    clock.schedule(this.#lastArrival - clock.now(), this.#due);
  }

  // --- the wire --------------------------------------------------------------------------------------------------------------

  /** Nothing arrives until `unstall`; nothing is lost. */
  stall(): void {
    this.#stalled = true;
  }

  unstall(): void {
    this.#stalled = false;
    for (; this.#held > 0 && !this.#stalled; this.#held--) this.#arrive();
  }

  readonly #due = (): void => {
    if (this.#stalled) this.#held++;
    else this.#arrive();
  };

  /** The oldest segment comes in. Which one is decided here and not when it was sent, so that rounded times cannot turn the order. */
  #arrive(): void {
    const segment = this.#wire.shift() as Segment;
    const number = this.#arrivedCount++;
    const { bytes } = segment;
    if (bytes !== null) this.#wireBytes -= bytes.length;
    if (number >= this.#lostFrom && number < this.#lostTo) return;
    if (segment.kind !== "reset" && this.#clock.prng.chance(this.#network.resetChance)) this.#sender.reset();
    else if (bytes !== null) this.#receive(bytes);
    else this.#signal(segment.kind);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#receiverClosed) {
      this.#receiver.refused();
      return;
    }
    this.#received.push(bytes);
    this.#receiver.arrived();
    this.#sender.acked();
  }

  #signal(kind: Segment["kind"]): void {
    if (kind === "reset") this.resetArrived = true;
    else this.finArrived = true;
    this.#receiver.arrived();
  }

  // --- the receiver's side ---------------------------------------------------------------------------------------------------

  /** Bytes that arrived and were not read. */
  get readable(): number {
    return this.#received.length;
  }

  /** There is something to read or to tell. */
  get eventful(): boolean {
    return this.#received.length > 0 || this.finArrived || this.resetArrived;
  }

  /** Reads a seeded number of bytes, at least one when there are any. */
  read(): Uint8Array {
    const chunk = this.#received.take(drawSize(this.#clock.prng, this.#network.segmentBytes));
    this.#pump();
    return chunk;
  }

  /** Nobody reads any more: bytes that still come are refused. */
  closeReceiver(): void {
    this.#receiverClosed = true;
    this.#received.clear();
  }

  /** The connection is reset here and now. */
  sever(): void {
    this.cutOff();
    this.resetArrived = true;
    this.#receiver.arrived();
  }
}

/** A size between the bounds, each order of magnitude as likely as another: cuts after one byte must not be rare. */
function drawSize(prng: Prng, [min, max]: Range): number {
  if (min === max) return min;
  return Math.min(max, Math.floor(min * Math.exp(prng.next() * Math.log((max + 1) / min))));
}

/** A time between the bounds. */
export function drawTime(prng: Prng, [min, max]: Range): number {
  return min + prng.next() * (max - min);
}
