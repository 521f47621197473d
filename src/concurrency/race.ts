// Which of several operations is done first? The others are given up: those parked side by side with the winner are unparked in the moment in
// which it is woken, so nothing is ever handed to a loser; children are cancelled, and joined before the race is over. One winner, whatever
// comes at the same moment: at the start the first in the order of the names, later the first to be woken or to end.

import type { Cancelled } from "../core/cancel-tree.ts";
import { ProtocolError } from "../core/errors.ts";
import { begin, type Body, finish, type Operation, PROBE, probed, suspend } from "../core/operation.ts";
import {
  type AnyStepper,
  type AnyTask,
  CANCELLED,
  FAILED,
  PARKED,
  running,
  Task,
  taskCancelledError,
  Wait,
} from "../core/task.ts";
import { Composite, drop, isClaimed, isLeafBody, type ValueOf } from "./composite.ts";
import { firstOf } from "./suppressed.ts";

/** What a race gives: the name of the winner with its value, for a `switch` over `name`. */
export type RaceResult<Parts> = {
  readonly [Name in keyof Parts & string]: { readonly name: Name; readonly value: ValueOf<Parts[Name]> };
}[keyof Parts & string];

/**
 * Runs the operations side by side until the first is done, and gives its name and value; an error that comes first is thrown. The others
 * have ended by then. A leaf (`conn.read()`, `sleep(5)`, a task to join) waits in the caller's own task: one that is done at once wins without
 * parking, before any child is started, and nothing is handed to one that loses. Anything with steps of its own, such as a generator or a
 * `timeout`, runs in a child task; what a losing child had received is its own `finally`'s business. Errors of losers are thrown
 * too, hung on that of the winner (see `suppressedErrors`) or in place of its value. Parks until the first is done and the losers have ended.
 * @throws ProtocolError when there is nothing to race, or a part is no operation or was run before
 *
 * @example
 * ```ts
 * import { Latch, race, run, sleep } from "millrace";
 *
 * const stopped = new Latch();
 * await run(function* () {
 *   const first = yield* race({ stop: stopped.wait(), tick: sleep(5) });
 *   console.log(first.name); // => "tick"
 *   stopped.open();
 *   const next = yield* race({ stop: stopped.wait(), tick: sleep(5) });
 *   console.log(next.name); // => "stop"
 * }).promise;
 * ```
 */
export function race<const Parts extends Readonly<Record<string, Body<unknown>>>>(
  parts: Parts,
): Operation<RaceResult<Parts>> {
  const names = Object.keys(parts);
  if (names.length === 0) throw new ProtocolError("Cannot race: there is nothing to race");
  return new Race(names, Object.values(parts)) as Operation<RaceResult<Parts>>;
}

const NONE = -1;
/** A cancel from outside came before there was a winner. */
const INTERRUPTED = -2;

class Race extends Composite<{ name: string; value: unknown }> {
  protected readonly attempt = "Cannot race";
  protected readonly waitsFor = "the first of";
  /** The task it is parked in. */
  #task: AnyTask | null = null;
  #parked = 0;
  #winner = NONE;
  /** What the winning leaf is resumed with, or the outcome of the winning child. */
  #token: unknown = undefined;
  #interruption: Cancelled | null = null;
  #errors: unknown[] | null = null;
  /** The winning leaf has to wait on, now alone. */
  #alone: AnyStepper | null = null;

  get isLeaf(): boolean {
    return this.bodies.every(isLeafBody);
  }

  next(token?: unknown): IteratorResult<Wait, { name: string; value: unknown }> {
    const task = running as AnyTask;
    if (token === PROBE) return probed(this);
    if (this.#alone !== null) return this.#resumeWinner(this.#alone, token);
    if (token === undefined) return begin(task, this) ?? this.#start(task);
    if (token === task) return this.#end();
    this.node?.pop();
    throw token;
  }

  #start(task: AnyTask): IteratorResult<Wait, { name: string; value: unknown }> {
    const { parts } = this;
    if (parts.length === 0) this.prepare();
    this.lend(parts.length);
    let at = 0;
    let hasChildren = false;
    try {
      for (; at < parts.length; at++) {
        let part = parts[at] as AnyStepper | AnyTask;
        if (part instanceof Task) {
          part = part[Symbol.iterator]();
          if (part instanceof Wait) this.replace(at, part);
        } else if (!(part instanceof Wait)) {
          hasChildren = true;
          continue;
        }
        const result = part.next();
        if (result.done === true) {
          const { value } = result;
          this.#dropAllBut(at);
          return finish({ name: this.#nameOf(at), value });
        }
        // Sent round the ring first. Nothing is parked, so all start over.
        if ((result.value as unknown) !== part) return result;
      }
    } catch (error) {
      this.#dropAllBut(at);
      throw error;
    }
    this.#task = task;
    if (hasChildren) this.#spawnChildren(task);
    return suspend(this);
  }

  #spawnChildren(task: AnyTask): void {
    for (let i = 0; i < this.parts.length; i++) if (!(this.parts[i] instanceof Wait)) this.spawnChild(i, task);
  }

  park(task: AnyTask): void {
    this.#task = task;
    // Decided, and parked again to join the losers.
    if (this.#winner !== NONE) return;
    const { parts } = this;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      if (!(part instanceof Wait)) continue;
      this.#parked = i + 1;
      part.park(task);
      // Woken in its own park, by a promise or a partner that was there.
      if (this.#winner !== NONE) return;
      if (task.state === PARKED) continue;
      // The leaf went on the ring by itself.
      this.#decide(task, i, task.token);
      task.token = task;
      return;
    }
  }

  unpark(task: AnyTask): boolean {
    if (this.#winner !== NONE) return false;
    this.#interruption = task.node.cause;
    this.#decide(task, INTERRUPTED, undefined);
    return this.live === 0;
  }

  override dropped(): void {
    this.#dropAllBut(NONE);
  }

  override wokenBy(task: AnyTask, by: Wait): void {
    if (this.claim(task, by) && task.state === PARKED && this.live === 0) task.kernel.requeue(task, task);
  }

  override claim(task: AnyTask, by: Wait): boolean {
    if (this.#winner !== NONE) return false;
    let at = this.indexOf(by);
    if (at === -1) at = this.parts.findIndex((part) => isClaimed(part, task, by));
    if (at === -1) return false;
    this.#decide(task, at, task);
    return true;
  }

  childEnded(child: AnyTask): void {
    const task = this.#task as AnyTask;
    if (this.#winner !== NONE) {
      if (child.state === FAILED) (this.#errors ??= []).push(child.outcome);
    } else if (child.state === CANCELLED && this.node?.cause !== null) {
      this.#interruption = this.node?.cause as Cancelled;
      this.#decide(task, INTERRUPTED, undefined);
    } else this.#decide(task, this.indexOf(child), child);
    if (this.live === 0) task.kernel.wake(task, this);
  }

  #decide(task: AnyTask, winner: number, token: unknown): void {
    this.#winner = winner;
    this.#token = token;
    const { parts } = this;
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i];
      if (i === winner || !(part instanceof Wait)) continue;
      if (i < this.#parked) part.unpark(task);
      else part.dropped();
    }
    if (this.live > 0) this.node?.cancelTree("another operation of the race was first");
  }

  #dropAllBut(winner: number): void {
    for (let i = 0; i < this.parts.length; i++) if (i !== winner) drop(this.parts[i] as AnyStepper);
  }

  /** The winner is known. */
  #end(): IteratorResult<Wait, { name: string; value: unknown }> {
    if (this.live > 0) return suspend(this);
    this.node?.pop();
    const winner = this.#winner;
    if (winner === INTERRUPTED) {
      if (this.#errors !== null) throw firstOf(this.#errors);
      this.throwInterruption(this.#interruption as Cancelled);
    }
    const part = this.parts[winner] as AnyStepper | AnyTask;
    if (!(part instanceof Task)) return this.#resumeWinner(part, this.#token);
    if (part.state === FAILED) throw this.#withErrors(part.outcome);
    if (part.state === CANCELLED) throw this.#withErrors(taskCancelledError(part));
    return this.#won(part.outcome);
  }

  #resumeWinner(leaf: AnyStepper, token: unknown): IteratorResult<Wait, { name: string; value: unknown }> {
    let result: IteratorResult<Wait, unknown>;
    try {
      result = leaf.next(token);
    } catch (error) {
      throw this.#withErrors(error);
    }
    if (result.done === true) return this.#won(result.value);
    this.#alone = leaf;
    return result;
  }

  #won(value: unknown): IteratorReturnResult<{ name: string; value: unknown }> {
    if (this.#errors !== null) throw firstOf(this.#errors);
    return finish({ name: this.#nameOf(this.#winner), value });
  }

  #withErrors(error: unknown): unknown {
    return this.#errors === null ? error : firstOf([error, ...this.#errors]);
  }

  #nameOf(i: number): string {
    return (this.names as readonly string[])[i] as string;
  }
}
