// What `all` and `race` have in common: several operations run by one task. Leaves are parked side by side in the caller's own task, behind one
// wait, so that whoever hands something over hands it to the caller or to nobody. Everything that has steps of its own (generators,
// scopes, deadlines) becomes a child task below a node of the composite, and no composite is left before its children have ended.
//
// Invariants. A part that is parked was started in the same step, or has been parked ever since. A part that was woken is resumed, whatever
// became of the others: it may hold a slot until then. A part is unparked once at most, and only while it is parked.

import type { Cancelled, CancelNode } from "../core/cancel-tree.ts";
import { ProtocolError } from "../core/errors.ts";
import { watch } from "../core/forgotten.ts";
import {
  type Body,
  FRESH,
  labelOf,
  Leaf,
  type Operation,
  operationOf,
  ranBefore,
  STARTED,
  usedAsValue,
} from "../core/operation.ts";
import {
  type AnyStepper,
  type AnyTask,
  budgetLeft,
  chargeMore,
  running,
  type Stepper,
  Task,
  Wait,
} from "../core/task.ts";
import { PushedNode } from "./cancel.ts";

/** What `Body<T>` gives. */
export type ValueOf<Part> = Part extends Operation<infer T> ? T : Part extends () => Operation<infer T> ? T : never;

/** A part as it stands: a leaf, the steps of a child that is not yet spawned, or a task: the child, or one to be joined. */
type Part = AnyStepper | AnyTask;

/** Parts that a message or a task list names. */
const NAMED_PARTS_MAX = 8;
/** Up to this many, a part is found by looking at each. */
const SCANNED_PARTS_MAX = 32;

/** Base of `all` and `race`. */
export abstract class Composite<out T> extends Wait implements Operation<T>, Stepper<T> {
  protected readonly names: readonly string[] | null;
  protected readonly bodies: readonly Body<unknown>[];
  protected readonly parts: Part[] = [];
  /** Children stand below it; there is none while all parts are leaves. */
  protected node: CompositeNode | null = null;
  #state: number = FRESH;
  #index: Map<unknown, number> | null = null;

  constructor(names: readonly string[] | null, bodies: readonly Body<unknown>[]) {
    super();
    this.names = names;
    this.bodies = bodies;
    if (watch === null) return;
    for (const body of bodies) watch.adopted(body);
    watch.made(this);
  }

  /** Starting it has no effect before it parks, and it parks by itself: it can be a leaf of another composite. */
  abstract get isLeaf(): boolean;
  /** What is done to the parts, for messages: `Cannot race`. */
  protected abstract readonly attempt: string;
  /** What of the parts is waited for, for task lists: `the first of`. */
  protected abstract readonly waitsFor: string;

  abstract next(token?: unknown): IteratorResult<Wait, T>;
  /** A child has ended. `node.live` no longer counts it. */
  abstract childEnded(child: AnyTask): void;

  /** A leaf was woken: true when it is one of this composite, which is itself a leaf of another, and has decided it. */
  claim(_task: AnyTask, _by: Wait): boolean {
    return false;
  }

  get fresh(): boolean {
    return this.#state === FRESH;
  }

  get reason(): string {
    if (this.parts.length === 0) return `${this.waitsFor} ${this.bodies.length} operations`;
    const shown = this.parts.slice(0, NAMED_PARTS_MAX).map((part, i) => this.#describe(part, i));
    const hidden = this.bodies.length - shown.length;
    if (hidden > 0) shown.push(`${hidden} more`);
    return `${this.waitsFor} ${shown.join(", ")}`;
  }

  [Symbol.iterator](): Stepper<T> {
    if (this.#state !== FRESH) throw ranBefore(this.reason);
    this.#state = STARTED;
    return this;
  }

  /** A composite yields nothing but itself, so no foreign value is its doing. */
  throw(error: unknown): never {
    throw error;
  }

  /** @throws ProtocolError: an operation has no value before it is run. */
  toJSON(): never {
    throw usedAsValue(this.waitsFor);
  }

  [Symbol.toPrimitive](): never {
    throw usedAsValue(this.waitsFor);
  }

  /** Takes the iterator of every part, before any is started. @throws ProtocolError when one is no operation, or stands there twice */
  protected prepare(): void {
    const { parts, attempt } = this;
    let children = 0;
    try {
      for (const body of this.bodies) {
        const part = partOf(operationOf(body, attempt));
        if (!(part instanceof Wait) && !(part instanceof Task)) children++;
        parts.push(part);
      }
      if (children > 1) this.#assertDistinct();
    } catch (error) {
      for (const part of parts) drop(part);
      throw error;
    }
  }

  /** Budget for `leaves` to start in this step, where what is left is less: a composite larger than the budget would never get through. */
  protected lend(leaves: number): void {
    const lacking = leaves - budgetLeft();
    if (lacking > 0) chargeMore(-lacking);
  }

  /** Spawns the child of part `i`. */
  protected spawnChild(i: number, task: AnyTask): void {
    if (this.node === null) {
      this.node = new CompositeNode(task, this);
      this.node.push();
    }
    this.node.live++;
    const label = labelOf(this.bodies[i] as Body<unknown>, this.names?.[i]);
    this.replace(i, task.kernel.spawn(this.node, this.parts[i] as AnyStepper, label));
  }

  /** The end of one that a cancel from outside has ended. Its task was not interrupted itself when there were children to join. */
  protected throwInterruption(cause: Cancelled): never {
    running?.kernel.delivering(running, cause);
    throw cause;
  }

  protected replace(i: number, part: Part): void {
    this.parts[i] = part;
    this.#index?.set(part, i);
  }

  /** The part that `part` is, or which is a composite with that leaf; -1 when there is none. */
  protected indexOf(part: Wait | AnyTask): number {
    if (this.parts.length <= SCANNED_PARTS_MAX) return this.parts.indexOf(part as Part);
    this.#index ??= new Map(this.parts.map((part, i) => [part, i]));
    return this.#index.get(part) ?? -1;
  }

  protected get live(): number {
    return this.node === null ? 0 : this.node.live;
  }

  #describe(part: Part, i: number): string {
    const name = this.names?.[i];
    if (part instanceof Task) return name === undefined ? `task ${part.id}` : `${name} (task ${part.id})`;
    const reason = part instanceof Wait ? part.reason : "an operation";
    return name === undefined ? reason : `${name} (${reason})`;
  }

  #assertDistinct(): void {
    const children = this.parts.filter((part) => !(part instanceof Wait) && !(part instanceof Task));
    if (new Set(children).size === children.length) return;
    throw new ProtocolError(`${this.attempt}: one operation stands there twice; operations are single-use`);
  }
}

/** Holds the children of a composite, which alone answers to what becomes of them. */
export class CompositeNode extends PushedNode {
  /** Children that have not ended. */
  live = 0;
  readonly #composite: Composite<unknown>;

  constructor(holder: AnyTask, composite: Composite<unknown>) {
    super(holder);
    this.#composite = composite;
  }

  override childExited(child: CancelNode): void {
    this.live--;
    this.#composite.childEnded(child as Task);
  }
}

function partOf(operation: Operation<unknown>): Part {
  // A task is asked for the leaf that joins it when it is started: the answer may be that it has ended.
  if (operation instanceof Task) return operation;
  if (operation instanceof Composite && !operation.isLeaf) return stepsOf(operation);
  return operation[Symbol.iterator]();
}

function* stepsOf<T>(operation: Operation<T>): Generator<Wait, T, unknown> {
  return yield* operation;
}

/** Whether `body` parks by itself and has no effect before. A function is not asked: it may make anything. */
export function isLeafBody(body: Body<unknown>): boolean {
  return body instanceof Leaf || body instanceof Task || (body instanceof Composite && body.isLeaf);
}

/** Whether `part` is a composite that `by` decides. */
export function isClaimed(part: Part, task: AnyTask, by: Wait): boolean {
  return part instanceof Composite && part.claim(task, by);
}

/** Gives up a part that is not parked. */
export function drop(part: Part): void {
  if (part instanceof Wait) part.dropped();
}
