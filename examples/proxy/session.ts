// One session of the proxy: a client, the server behind, and bytes both ways, unchanged. A task carries what the client says, one carries what the server
// says, a third one looks at the clock.
//
// Invariants. What one side does not take is not read from the other: in each direction lie some pieces of 64 KiB at most, whatever is carried. A side
// that has ended gets what the other still has to say, and the other learns of the end behind the last byte. A side that is cut off is cut off by a reset:
// a FIN would make a whole of a part. Only a session that is silent is closed by FINs, both ways open and nothing under way.

import {
  all,
  type Conn,
  connect,
  ConnectError,
  type ConnectOptions,
  ConnectionLostError,
  isCancelled,
  Latch,
  now,
  race,
  type Scope,
  scope,
  sleep,
  type Steps,
  timeout,
  TimeoutError,
} from "millrace";

/** Deadlines of a session, in ms; `Infinity` for none. */
export interface SessionLimits {
  /** Until the server behind is connected. */
  readonly connectMs: number;
  /** Without a byte either way. */
  readonly idleMs: number;
  /** The same once one side has ended. */
  readonly halfClosedMs: number;
  /** In which a side must take a piece that waits for it: a hundred kilobytes at most. */
  readonly stallMs: number;
  /** From beginning to end, whatever happens. */
  readonly totalMs: number;
  /** Without a byte either way and nothing under way, while the proxy waits for its end. */
  readonly drainIdleMs: number;
}

export const SESSION_LIMITS: SessionLimits = {
  connectMs: 5_000,
  idleMs: 10 * 60_000,
  halfClosedMs: 60_000,
  stallMs: 60_000,
  totalMs: Number.POSITIVE_INFINITY,
  drainIdleMs: 1_000,
};

/** What became of a session. */
export interface SessionReport {
  /** The client's address. */
  readonly from: string;
  /** Bytes that it said, and that it was told. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly ms: number;
  /** How it ended, in words. */
  readonly ending: string;
  /** Somebody should know of it: the server behind is to blame, or a deadline has passed. */
  readonly isFault: boolean;
}

/** Bytes that are read at once. */
const PIECE_BYTES = 64 * 1024;

/** Why a session ended before both sides had. */
class Cut extends Error {
  readonly isFault: boolean;
  /** By FINs. */
  readonly isGentle: boolean;

  constructor(ending: string, { isFault = true, isGentle = false } = {}) {
    super(ending);
    this.isFault = isFault;
    this.isGentle = isGentle;
  }
}

interface Side {
  readonly name: "client" | "server";
  readonly conn: Conn;
  /** Bytes that came from it. */
  bytes: number;
  /** It is behind: a piece waits for it. */
  isBehind: boolean;
}

function sideOf(name: Side["name"], conn: Conn): Side {
  return { name, conn, bytes: 0, isBehind: false };
}

/** One client and what is done for it. */
export class Session {
  readonly #client: Side;
  readonly #from: string;
  readonly #to: ConnectOptions;
  readonly #limits: SessionLimits;
  readonly #begunAt: number = now();
  #server: Side | null = null;
  /** When bytes came or went last. */
  #activeAt: number = now();
  /** One direction is over. */
  #isHalfClosed = false;
  #isDraining = false;
  /** Opens when another deadline holds than before. */
  #changed = new Latch();
  /** What a cancel from outside leaves it at. */
  #cut: Cut | null = new Cut("the proxy did not wait any longer");

  constructor(client: Conn, to: ConnectOptions, limits: SessionLimits) {
    this.#client = sideOf("client", client);
    const { remoteAddress, remotePort } = client;
    this.#from = `${remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
    this.#to = to;
    this.#limits = limits;
  }

  /** Carries until both sides have ended, or one is cut off. Parks for the whole time. */
  *run(): Steps<void> {
    try {
      const server = yield* connect({ ...this.#to, timeoutMs: this.#limits.connectMs });
      this.#server = sideOf("server", server);
      this.#activeAt = now();
      yield* scope((tasks) => this.#carryBoth(tasks));
      this.#cut = null;
    } catch (error) {
      if (isCancelled(error)) throw error;
      if (error instanceof ConnectError) this.#cut = new Cut(error.message);
      else if (error instanceof Cut) this.#cut = error;
      else {
        this.#cut = new Cut("the proxy failed");
        throw error;
      }
    } finally {
      this.#close();
    }
  }

  /** From now on the session is closed as soon as it is silent. */
  drain(): void {
    this.#isDraining = true;
    this.#reconsider();
  }

  /** What became of it. Good once it is over. */
  report(): SessionReport {
    return {
      from: this.#from,
      bytesUp: this.#client.bytes,
      bytesDown: this.#server?.bytes ?? 0,
      ms: Math.round(now() - this.#begunAt),
      ending: this.#cut?.message ?? "both sides ended",
      isFault: this.#cut?.isFault ?? false,
    };
  }

  // --- carrying --------------------------------------------------------------------------------------------------------------

  *#carryBoth(tasks: Scope): Steps<void> {
    const client = this.#client;
    const server = this.#server as Side;
    tasks.spawn(() => this.#watch(client, server), "the clock of a session");
    const lost = yield* all([() => this.#carry(client, server), () => this.#carry(server, client)]);
    const cut = lost.find((one) => one !== null);
    if (cut !== undefined) throw cut;
    tasks.cancel("both sides ended");
  }

  /** Gives why `to` takes no more: what it has said before may still be on the way back. `null` when all went well. @throws Cut */
  *#carry(from: Side, to: Side): Steps<Cut | null> {
    const { stallMs } = this.#limits;
    let touched = from;
    try {
      for (let bytes: Uint8Array | null; (bytes = yield* from.conn.read(PIECE_BYTES)) !== null;) {
        from.bytes += bytes.length;
        this.#activeAt = now();
        touched = to;
        to.isBehind = true;
        yield* timeout(stallMs, to.conn.write(bytes));
        to.isBehind = false;
        touched = from;
        this.#activeAt = now();
        if (this.#isDraining) this.#reconsider();
      }
      this.#halfClose();
      touched = to;
      yield* timeout(stallMs, to.conn.end());
      return null;
    } catch (error) {
      if (error instanceof TimeoutError) throw new Cut(`the ${touched.name} took nothing for ${stallMs} ms`);
      if (!(error instanceof ConnectionLostError)) throw error;
      const cut = new Cut(`the ${touched.name} is gone`, { isFault: touched.name === "server" });
      if (touched === from) {
        yield* this.#deliver(to);
        throw cut;
      }
      this.#halfClose();
      return cut;
    }
  }

  /** Waits until the kernel has what `side` was told: the reset that follows may not overtake it in here. */
  *#deliver({ conn }: Side): Steps<void> {
    try {
      yield* timeout(this.#limits.stallMs, conn.flush());
    } catch (error) {
      if (!(error instanceof TimeoutError || error instanceof ConnectionLostError)) throw error;
    }
  }

  // --- the clock -------------------------------------------------------------------------------------------------------------

  /** Ends the session when one of its deadlines has passed. It is woken once a deadline, and not with each byte. */
  *#watch(client: Side, server: Side): Steps<never> {
    const { idleMs, halfClosedMs, drainIdleMs, totalMs } = this.#limits;
    for (;;) {
      // Nothing is under way, as far as can be seen from here.
      const isQuiet = !(this.#isHalfClosed || client.isBehind || server.isBehind);
      let silentMs = this.#isHalfClosed ? halfClosedMs : idleMs;
      if (this.#isDraining && isQuiet) silentMs = Math.min(silentMs, drainIdleMs);
      const leftMs = Math.min(this.#activeAt + silentMs, this.#begunAt + totalMs) - now();
      if (leftMs > 0) {
        yield* race({ late: sleep(leftMs), changed: this.#changed.wait() });
        continue;
      }
      if (this.#begunAt + totalMs <= now()) throw new Cut(`it has lasted ${totalMs} ms`);
      if (this.#isHalfClosed) throw new Cut(`one side had ended, the other was silent for ${silentMs} ms`);
      if (this.#isDraining && isQuiet) throw new Cut("the proxy closes", { isFault: false, isGentle: true });
      // A side that takes nothing has its own deadline; should this one be shorter, it is cut off all the same.
      throw new Cut(`both sides were silent for ${silentMs} ms`, { isFault: !isQuiet, isGentle: isQuiet });
    }
  }

  #halfClose(): void {
    this.#isHalfClosed = true;
    this.#activeAt = now();
    this.#reconsider();
  }

  #reconsider(): void {
    const waiting = this.#changed;
    this.#changed = new Latch(); // a latch opens once
    waiting.open();
  }

  #close(): void {
    for (const side of [this.#client, this.#server]) {
      if (this.#cut === null || this.#cut.isGentle) side?.conn.close();
      else side?.conn.terminate();
    }
  }
}
