// Timers of one scheduler on a hierarchical timing wheel: arming and cancelling are O(1) whatever the number armed (Varghese and Lauck,
// "Hashed and Hierarchical Timing Wheels", SOSP 1987). A timer's level is given by the highest bit in which its tick differs from
// the wheel's present tick, so all timers of a level are due before any of the next level, and timers of one tick fire in the
// order in which they were armed (of those further away than 2^31 ms when armed, the order is not kept).
//
// Ticks are milliseconds modulo 2^32. Deadlines further away than 2^31 ms are parked at that distance and look again when they get there.
// Cancelling only unlinks: the bit of an emptied slot is cleared when the wheel next looks at it.

import { assert } from "./assert.ts";

const SLOT_BITS = 5;
const SLOTS = 1 << SLOT_BITS;
const LEVELS = 7;
const FAR_TICKS = 0x7fff_ffff;

/** Level of a timer by the number of leading zeros of (its tick XOR the present tick). */
const LEVEL_BY_ZEROS = new Uint8Array(33).map((_, zeros) => Math.floor(Math.max(0, 31 - zeros) / SLOT_BITS));

/** Whoever is told when a timer fires. It may only wake tasks and arm timers. */
export interface TimerOwner {
  expired(timer: Timer): void;
}

/** One deadline. Reusable: arm, cancel or fire, arm again. */
export class Timer {
  /** @internal */ next: Timer | null = null;
  /** @internal */ previous: Timer | null = null;
  /** Host milliseconds at which it fires. */
  deadline = 0;
  readonly owner: TimerOwner | null;

  constructor(owner: TimerOwner | null) {
    this.owner = owner;
  }

  get armed(): boolean {
    return this.next !== null;
  }
}

/** The timing wheel. `arms` and `cancels` count its operations, so that tests can hold exact numbers. */
export class Timers {
  /** A lower bound of the nearest deadline; `Infinity` when nothing was armed since the last look and nothing was left. */
  earliest: number = Number.POSITIVE_INFINITY;
  arms = 0;
  cancels = 0;
  /** Timers armed now. */
  armed = 0;
  /** The tick up to which everything has fired, as a whole number of host milliseconds. */
  #elapsed: number;
  readonly #slots: Timer[] = Array.from({ length: LEVELS * SLOTS }, ring);
  readonly #occupied = new Int32Array(LEVELS);

  constructor(now: number) {
    this.#elapsed = Math.floor(now);
  }

  /** Arms `timer` for `deadline`, in host milliseconds; it fires at the first look at or after it. @throws AssertionError if it is armed. */
  arm(timer: Timer, deadline: number): void {
    assert(timer.next === null, "a timer is armed once");
    this.arms++;
    this.armed++;
    timer.deadline = deadline;
    if (deadline < this.earliest) this.earliest = deadline;
    this.#insert(timer);
  }

  /** Disarms `timer`; no effect on one that is not armed. */
  cancel(timer: Timer): void {
    if (timer.next === null) return;
    this.cancels++;
    unlink(timer);
    if (--this.armed === 0) this.earliest = Number.POSITIVE_INFINITY;
  }

  /** Fires all that is due at `now`, in the order of ticks and, within one, of arming. Sets `earliest` anew. */
  expire(now: number): void {
    const present = Math.floor(now);
    let due = this.#nextTick();
    while (due <= present) {
      this.#elapsed = due;
      this.#fireSlotsAt(due);
      due = this.#nextTick();
    }
    if (present > this.#elapsed) this.#elapsed = present;
    this.earliest = this.#nextTick();
  }

  /** The tick at which the wheel must look next: exact for a near timer, a lower bound for a far one; `Infinity` with none armed. */
  #nextTick(): number {
    for (let level = 0; level < LEVELS; level++) {
      for (let bits = this.#occupied[level] as number; bits !== 0; bits = this.#occupied[level] as number) {
        const slot = this.#firstSlot(level, bits);
        const head = this.#slots[level * SLOTS + slot] as Timer;
        if (head.next === head) this.#occupied[level] = bits & ~(1 << slot);
        else return this.#tickOf(level, slot);
      }
    }
    return Number.POSITIVE_INFINITY;
  }

  /** The occupied slot that comes first. Only the top level wraps: below it every timer lies ahead in the present turn of its wheel. */
  #firstSlot(level: number, bits: number): number {
    const present = level === LEVELS - 1 ? (this.#elapsed >>> (level * SLOT_BITS)) & (SLOTS - 1) : 0;
    const ahead = bits & (-1 << present);
    return 31 - Math.clz32((ahead === 0 ? bits : ahead) & -(ahead === 0 ? bits : ahead));
  }

  #tickOf(level: number, slot: number): number {
    const shift = level * SLOT_BITS;
    const turn = level === LEVELS - 1 ? 0 : ((this.#elapsed >>> (shift + SLOT_BITS)) << (shift + SLOT_BITS)) >>> 0;
    const tick = (turn | (slot << shift)) >>> 0;
    const distance = (tick - (this.#elapsed >>> 0)) | 0;
    return this.#elapsed + Math.max(0, distance);
  }

  /** Empties every slot that begins at tick `due`, from the top level down, so that cascading keeps the order of arming. */
  #fireSlotsAt(due: number): void {
    for (let level = LEVELS - 1; level >= 0; level--) {
      const slot = (due >>> (level * SLOT_BITS)) & (SLOTS - 1);
      if (((this.#occupied[level] as number) & (1 << slot)) === 0) continue;
      this.#occupied[level] = (this.#occupied[level] as number) & ~(1 << slot);
      const batch = takeAll(this.#slots[level * SLOTS + slot] as Timer);
      for (let timer = batch.next as Timer; timer !== batch; timer = batch.next as Timer) {
        unlink(timer);
        // Only the lowest level fires, when all is sorted into it: what `expired` arms then comes behind what was armed before.
        if (level > 0 || timer.deadline > due) this.#insert(timer);
        else {
          this.armed--;
          (timer.owner as TimerOwner).expired(timer);
        }
      }
    }
  }

  #insert(timer: Timer): void {
    // A deadline is rounded up to a tick: a timer may fire late, never early.
    const tick = Math.min(Math.max(Math.ceil(timer.deadline), this.#elapsed), this.#elapsed + FAR_TICKS);
    const level = LEVEL_BY_ZEROS[Math.clz32(tick ^ this.#elapsed)] as number;
    const slot = (tick >>> (level * SLOT_BITS)) & (SLOTS - 1);
    this.#occupied[level] = (this.#occupied[level] as number) | (1 << slot);
    link(timer, this.#slots[level * SLOTS + slot] as Timer);
  }
}

/** An empty circular list: a timer that is its own neighbour. */
function ring(): Timer {
  const head = new Timer(null);
  head.next = head.previous = head;
  return head;
}

function link(timer: Timer, head: Timer): void {
  const last = head.previous as Timer;
  timer.previous = last;
  timer.next = head;
  last.next = timer;
  head.previous = timer;
}

function unlink(timer: Timer): void {
  const { next, previous } = timer;
  (previous as Timer).next = next;
  (next as Timer).previous = previous;
  timer.next = timer.previous = null;
}

/** Moves a whole list to a head of its own: timers armed meanwhile for the same slot wait for their own turn. */
function takeAll(head: Timer): Timer {
  const batch = new Timer(null);
  batch.next = head.next;
  batch.previous = head.previous;
  (head.next as Timer).previous = batch;
  (head.previous as Timer).next = batch;
  head.next = head.previous = head;
  return batch;
}
