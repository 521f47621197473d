// Nodes that operations push into the running task's branch of the cancel tree and pop on the way out.

import { assert } from "../core/assert.ts";
import { attach, type Cancelled, type CancelNode, detach, TreeNode } from "../core/cancel-tree.ts";
import { ProtocolError } from "../core/errors.ts";
import { running, type Task } from "../core/task.ts";

/** A node inside a task. While it is pushed, it is the innermost one or an ancestor of that. */
export class PushedNode extends TreeNode {
  readonly holder: Task;

  constructor(holder: Task) {
    super();
    this.holder = holder;
  }

  /** Makes this the task's innermost node; it inherits the cause above it. */
  push(): void {
    attach(this, this.holder.node);
    this.holder.node = this;
  }

  /**
   * Slips this node in right below `outer`, under whatever the running operation has pushed since: a deadline is only made when its
   * operation did not complete at once.
   */
  pushBelow(outer: CancelNode): void {
    const { holder } = this;
    if (holder.node === outer) {
      this.push();
      return;
    }
    let topmost = holder.node;
    while (topmost.parent !== null && topmost.parent !== outer) topmost = topmost.parent;
    assert(topmost.parent === outer, "nodes pushed by an operation hang below the node it started under");
    const { cause } = topmost;
    detach(topmost);
    attach(this, outer);
    attach(topmost, this);
    topmost.cause = cause;
  }

  /** Makes the node above innermost again. */
  pop(): void {
    const { holder } = this;
    assert(holder.node === this, "nodes are popped in the reverse order of their push");
    holder.node = this.parent as CancelNode;
    detach(this);
  }

  /** True when `thrown` is the cancel of this very node: then it stops here. */
  owns(thrown: unknown): thrown is Cancelled {
    return this.cause !== null && thrown === this.cause && this.cause.scope === this;
  }
}

/** The task whose step is running. @throws ProtocolError outside of tasks. */
export function runningTask(attempt: string): Task {
  if (running === null)
    throw new ProtocolError(`Cannot ${attempt}: no task is running; start one with run() or main()`);
  return running;
}
