// A FIFO of parked waits with O(1) removal from the middle: the building block of everything that several tasks can wait for. The
// waits themselves are the nodes, so that parking allocates nothing. Waking is not done here: whoever shifts a waiter wakes it.

/** What a wait must carry to stand in a {@link WaitQueue}. It can stand in one queue at a time. */
export interface Waiter {
  nextWaiter: Waiter | null;
  previousWaiter: Waiter | null;
}

/** FIFO queue of waiters, oldest first. */
export class WaitQueue<W extends Waiter> {
  #first: W | null = null;
  #last: W | null = null;
  #size = 0;

  /** Waiters that stand in the queue. */
  get size(): number {
    return this.#size;
  }

  /** The oldest waiter, which stays; `null` when there is none. */
  get first(): W | null {
    return this.#first;
  }

  /** All waiters, oldest first. */
  toArray(): W[] {
    const waiters: W[] = [];
    for (let waiter = this.#first; waiter !== null; waiter = waiter.nextWaiter as W | null) waiters.push(waiter);
    return waiters;
  }

  /** Puts `waiter` behind all others. */
  push(waiter: W): void {
    const last = this.#last;
    waiter.previousWaiter = last;
    waiter.nextWaiter = null;
    if (last === null) this.#first = waiter;
    else last.nextWaiter = waiter;
    this.#last = waiter;
    this.#size++;
  }

  /** Takes the oldest waiter, or gives `null`. */
  shift(): W | null {
    const first = this.#first;
    if (first === null) return null;
    const next = first.nextWaiter as W | null;
    this.#first = next;
    if (next === null) this.#last = null;
    else next.previousWaiter = null;
    first.nextWaiter = null;
    this.#size--;
    return first;
  }

  /** Takes out a waiter that stands in this queue, wherever it stands. */
  remove(waiter: W): void {
    const previous = waiter.previousWaiter as W | null;
    const next = waiter.nextWaiter as W | null;
    if (previous === null) this.#first = next;
    else previous.nextWaiter = next;
    if (next === null) this.#last = previous;
    else next.previousWaiter = previous;
    waiter.previousWaiter = waiter.nextWaiter = null;
    this.#size--;
  }
}
