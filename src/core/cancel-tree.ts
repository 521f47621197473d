// The cancel tree. Each task is a node; `scope`, `timeout` and `shield` push a further node inside the task that runs them and pop it on
// the way out. A task always works under its innermost node, and that node's `cause` answers the one question every leaf asks on
// its start: "may I go on?"
//
// Invariants: a node with a cause has only descendants with a cause, except below a shield. A cause is set once and never taken back
// (cancellation is level-triggered, as in trio). A node is linked to its parent from push to pop, a task's own node from spawn to exit.

/** Thrown by every leaf of a cancelled scope. Not an `Error`: a `catch` for errors tells it apart with {@link isCancelled} and rethrows it. */
export class Cancelled {
  /** The node that was cancelled; only this one catches the throw. */
  readonly scope: CancelNode;
  /** What the caller of `cancel` gave. */
  readonly reason: unknown;
  /** @internal No shield holds it up any more: see `cancelWithoutGrace` in concurrency/shield.ts. */
  graceless: boolean = false;

  constructor(scope: CancelNode, reason: unknown) {
    this.scope = scope;
    this.reason = reason;
  }

  toString(): string {
    return "Cancelled: the scope that this operation ran in was cancelled; rethrow it";
  }
}

/**
 * Tells whether a caught value is a cancellation on its way out. Rethrow it after cleaning up.
 *
 * @example
 * ```ts
 * import { isCancelled, moveOnAfter, run, sleepForever, type Steps } from "millrace";
 *
 * function* session(): Steps<void> {
 *   try {
 *     yield* sleepForever();
 *   } catch (error) {
 *     console.log(isCancelled(error), error instanceof Error); // => true, false
 *     throw error; // it belongs to whoever has cancelled
 *   }
 * }
 *
 * await run(() => moveOnAfter(5, session)).promise;
 * ```
 */
export function isCancelled(value: unknown): value is Cancelled {
  return value instanceof Cancelled;
}

/** The task in which a node lives, as far as the cancel tree knows it. */
export interface NodeHolder {
  /** The holder's innermost node. */
  node: CancelNode;
  /** Ends the present wait, if it can be abandoned, by throwing `cause` from it. Otherwise the next leaf throws. */
  interrupt(cause: Cancelled): void;
}

/**
 * A node of the cancel tree: a task, or a scope, deadline or shield inside one. Children stand in a circular list through their own links, oldest
 * first, so that spawn and exit are O(1) with a million siblings.
 *
 * An interface and not a base class for the sake of tasks: JavaScriptCore sizes an object by its base constructor, and a task that inherited its
 * links kept most fields in a second allocation (23 against 12 ns to make, 208 against 160 bytes).
 */
export interface CancelNode {
  /** The oldest child. The youngest is its `previousSibling`. */
  firstChild: CancelNode | null;
  nextSibling: CancelNode;
  previousSibling: CancelNode;
  parent: CancelNode | null;
  /** Why work under this node must stop; `null` while it may go on. */
  cause: Cancelled | null;
  /** The task this node belongs to (a task: itself). */
  readonly holder: NodeHolder;
  /** A cancel comes down from the parent. Gives true when it takes hold here and goes on to the children. */
  admit(cause: Cancelled): boolean;
  /** The cancel has reached every node it could: the moment to tell foreign code about it. */
  afterCancel(cause: Cancelled): void;
  /** A task whose parent this node is has ended. */
  childExited(child: CancelNode): void;
}

/** A node that is no task. */
export abstract class TreeNode implements CancelNode {
  firstChild: CancelNode | null = null;
  nextSibling: CancelNode = this;
  previousSibling: CancelNode = this;
  parent: CancelNode | null = null;
  cause: Cancelled | null = null;

  abstract readonly holder: NodeHolder;

  admit(cause: Cancelled): boolean {
    return take(this, cause);
  }

  afterCancel(_cause: Cancelled): void {}

  childExited(_child: CancelNode): void {}

  /** Cancels everything under this node. Gives false when it was cancelled already. */
  cancelTree(reason: unknown): boolean {
    return cancelBelow(this, reason);
  }
}

/** Sets the cause of a node that has none yet: what admitting means, shields apart. */
export function take(node: CancelNode, cause: Cancelled): boolean {
  if (node.cause !== null) return false;
  node.cause = cause;
  return true;
}

/** Cancels everything under `top`. Gives false when it was cancelled already. */
export function cancelBelow(top: CancelNode, reason: unknown): boolean {
  if (top.cause !== null) return false;
  spread(top, new Cancelled(top, reason));
  return true;
}

/** Links `child` as the youngest below `parent`; the child inherits the parent's cause. */
export function attach(child: CancelNode, parent: CancelNode): void {
  child.parent = parent;
  child.cause = parent.cause;
  const first = parent.firstChild;
  if (first === null) {
    parent.firstChild = child;
    return;
  }
  const last = first.previousSibling;
  child.previousSibling = last;
  child.nextSibling = first;
  last.nextSibling = child;
  first.previousSibling = child;
}

/** Unlinks `child` from its parent. */
export function detach(child: CancelNode): void {
  const { parent, nextSibling, previousSibling } = child;
  if (parent === null) return;
  if (nextSibling === child) parent.firstChild = null;
  else {
    if (parent.firstChild === child) parent.firstChild = nextSibling;
    previousSibling.nextSibling = nextSibling;
    nextSibling.previousSibling = previousSibling;
    child.nextSibling = child.previousSibling = child;
  }
  child.parent = null;
}

/** The child behind `child`, or `null` behind the youngest. */
export function nextChild(parent: CancelNode, child: CancelNode): CancelNode | null {
  return child.nextSibling === parent.firstChild ? null : child.nextSibling;
}

/**
 * Carries `cause` from `top` down to every node that admits it, parents before children, and interrupts each task whose innermost
 * node is reached. Iterative: scopes may be nested five thousand deep.
 */
export function spread(top: CancelNode, cause: Cancelled): void {
  const reached: CancelNode[] = [];
  if (top.admit(cause)) reached.push(top);
  for (let i = 0; i < reached.length; i++) {
    const node = reached[i] as CancelNode;
    for (let child = node.firstChild; child !== null;) {
      // Taken first: admitting runs a server's drain hook, and what that does to the tree must not lead the walk astray.
      const next = nextChild(node, child);
      if (child.admit(cause)) reached.push(child);
      child = next;
    }
  }
  // Interrupting comes last: it only puts tasks on the ring, but the tree must be consistent before anyone looks at it.
  for (const node of reached) {
    if (node.holder.node === node) node.holder.interrupt(cause);
  }
  for (const node of reached) node.afterCancel(cause);
}
