// The keys and their values: one database. Values are bytes and are never changed in place, so an answer may point to one that has been replaced since.
//
// A key with a time to live is gone from that moment on: whoever asks for it later finds nothing, and removes it. What nobody asks for is removed by
// `sweep`, which looks at a bounded number of such keys and goes on there the next time. With a bound on the number of keys a new one takes
// the place of one that was not used for long: a hand goes round over all keys, and takes the first one that was not used since it last came by
// (Corbato's clock).

import { copyOf } from "./bytes.ts";

/** When a key without a time to live expires. */
export const NEVER: number = Number.POSITIVE_INFINITY;
/** Keys in use that the hand passes by; then it takes the next one, used or not. */
const CHANCES_MAX = 16;

interface Entry {
  value: Uint8Array;
  expiresAtMs: number;
  /** Read or written again since the hand came by. */
  isUsed: boolean;
}

/** One database. */
export class Store {
  /** Keys that had to go for others. */
  evicted = 0;
  /** Keys that were removed because their time had come. */
  expired = 0;
  readonly #now: () => number;
  readonly #keysMax: number;
  readonly #entries = new Map<string, Entry>();
  /** The keys with a time to live, and how far `sweep` has come. */
  readonly #mortal = new Map<string, Entry>();
  #sweeping: Iterator<[string, Entry]> | null = null;
  /** How far the hand has come. */
  #hand: Iterator<[string, Entry]> | null = null;

  /** `now` tells the ms. @throws RangeError when `keysMax`, a number of keys or infinity, is below 1 */
  constructor(now: () => number, keysMax: number) {
    if (!(keysMax >= 1)) throw new RangeError(`Cannot make a store of at most ${keysMax} keys: expected 1 or more`);
    this.#now = now;
    this.#keysMax = keysMax;
  }

  /** Keys, those included whose time has come and whom nobody has asked for. */
  get size(): number {
    return this.#entries.size;
  }

  /** Keys with a time to live. */
  get mortals(): number {
    return this.#mortal.size;
  }

  get(key: string): Uint8Array | null {
    const entry = this.#find(key);
    return entry === null ? null : entry.value;
  }

  has(key: string): boolean {
    return this.#find(key) !== null;
  }

  /** When `key` expires: `NEVER`, or ms of the clock; `null` when there is no such key. */
  expiryOf(key: string): number | null {
    return this.#find(key)?.expiresAtMs ?? null;
  }

  /** Sets `key` to the bytes of `source` from `start` to `end`, which are copied. */
  setTo(key: string, source: Uint8Array, start: number, end: number, expiresAtMs: number = NEVER): void {
    this.set(key, copyOf(source, start, end), expiresAtMs);
  }

  /** Sets `key` to `value`, which must not be changed any more. */
  set(key: string, value: Uint8Array, expiresAtMs: number = NEVER): void {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      if (this.#entries.size >= this.#keysMax) this.#evict();
      entry = { value, expiresAtMs: NEVER, isUsed: false };
      this.#entries.set(key, entry);
    } else {
      entry.value = value;
      entry.isUsed = true;
    }
    if (entry.expiresAtMs !== expiresAtMs) this.#setExpiry(key, entry, expiresAtMs);
  }

  /** Gives `key` a time to live. False when there is no such key. */
  expireAt(key: string, expiresAtMs: number): boolean {
    const entry = this.#find(key);
    if (entry === null) return false;
    if (expiresAtMs <= this.#now()) this.#remove(key);
    else this.#setExpiry(key, entry, expiresAtMs);
    return true;
  }

  /** False when there was no such key. */
  delete(key: string): boolean {
    if (this.#find(key) === null) return false;
    this.#remove(key);
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#mortal.clear();
    this.#sweeping = this.#hand = null;
  }

  /** Looks at so many keys with a time to live, at most, and gives the number of those it has removed. */
  sweep(keysMax: number): number {
    const now = this.#now();
    let removed = 0;
    for (let looked = 0; looked < keysMax; looked++) {
      // An iterator of a map sees what comes and goes behind its place.
      this.#sweeping ??= this.#mortal.entries();
      const next = this.#sweeping.next();
      if (next.done === true) {
        this.#sweeping = null;
        break;
      }
      const [key, { expiresAtMs }] = next.value;
      if (expiresAtMs > now) continue;
      this.#expire(key);
      removed++;
    }
    return removed;
  }

  #find(key: string): Entry | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    // Nobody reads the clock for a key that lives for ever.
    if (entry.expiresAtMs !== NEVER && entry.expiresAtMs <= this.#now()) {
      this.#expire(key);
      return null;
    }
    entry.isUsed = true;
    return entry;
  }

  #setExpiry(key: string, entry: Entry, expiresAtMs: number): void {
    entry.expiresAtMs = expiresAtMs;
    if (expiresAtMs === NEVER) this.#mortal.delete(key);
    else this.#mortal.set(key, entry);
  }

  #expire(key: string): void {
    this.#remove(key);
    this.expired++;
  }

  #remove(key: string): void {
    this.#entries.delete(key);
    this.#mortal.delete(key);
  }

  /** Removes a key that was not used since the hand passed it last. */
  #evict(): void {
    for (let chances = CHANCES_MAX; ;) {
      // The iterator is kept: one that began anew would pass by all that were removed before it, 20 us with 100,000 keys.
      this.#hand ??= this.#entries.entries();
      const next = this.#hand.next();
      if (next.done === true) {
        this.#hand = null;
        continue;
      }
      const [key, entry] = next.value;
      if (entry.isUsed && chances-- > 0) {
        entry.isUsed = false;
        continue;
      }
      this.#remove(key);
      this.evicted++;
      return;
    }
  }
}
