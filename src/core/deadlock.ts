// The report of a deadlock: the tree of tasks, each with what it waits for and the line where it waits.

import { TREE_LINES_MAX } from "../config.ts";
import { type CancelNode, nextChild } from "./cancel-tree.ts";
import { DeadlockError } from "./errors.ts";
import { describeTask, PARKED, RUNNING, Task } from "./task.ts";
import { whereIsTask } from "./where.ts";

/** The error for a root of which every task is parked while nothing can wake one. */
export function deadlock(root: Task): DeadlockError {
  return new DeadlockError(
    `Cannot go on with ${describeTask(root)}: every task is parked and nothing can wake one\n${printTaskTree(root)}`,
  );
}

/** The tasks below and including `root`, one a line, indented by depth; cut after a bound. */
export function printTaskTree(root: Task): string {
  const lines: string[] = [];
  const stack: { node: CancelNode; depth: number }[] = [{ node: root, depth: 0 }];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const { node, depth } = entry;
    if (lines.length === TREE_LINES_MAX) return `${lines.join("\n")}\n...`;
    if (node instanceof Task) lines.push("  ".repeat(depth) + describeLine(node));
    const inner = node instanceof Task ? depth + 1 : depth;
    for (const child of childrenOf(node).reverse()) stack.push({ node: child, depth: inner });
  }
  return lines.join("\n");
}

function describeLine(task: Task): string {
  if (task.state !== PARKED) return `${describeTask(task)}: ${task.state === RUNNING ? "running" : "ready"}`;
  const [line] = whereIsTask(task);
  return `${describeTask(task)}: waits for ${task.wait?.reason ?? "nothing"}${line === undefined ? "" : ` at ${line}`}`;
}

function childrenOf(node: CancelNode): CancelNode[] {
  const children: CancelNode[] = [];
  for (let child = node.firstChild; child !== null; child = nextChild(node, child)) children.push(child);
  return children;
}
