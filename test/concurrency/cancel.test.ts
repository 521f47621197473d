// Nodes inside a task: pushed, slipped in below others, popped.

import { expect, test } from "bun:test";
import { PushedNode, runningTask } from "../../src/concurrency/cancel.ts";
import { AssertionError } from "../../src/core/assert.ts";
import { Cancelled } from "../../src/core/cancel-tree.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import { sleepForever } from "../../src/core/sleep.ts";
import type { Task } from "../../src/core/task.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { messageOf, ready, thrown } from "../core/kit.ts";

function heldBy(task: Task): (PushedNode | Task)[] {
  const nodes: (PushedNode | Task)[] = [];
  for (let node: unknown = task.node; node !== null; node = (node as PushedNode).parent) nodes.push(node as PushedNode);
  return nodes;
}

test("PushedNode is the innermost while it is pushed, and inherits the cause above", () => {
  const task = new Simulation().start(() => sleepForever());
  const [a, b] = [new PushedNode(task), new PushedNode(task)];
  a.push();
  b.push();
  expect(heldBy(task)).toEqual([b, a, task]);
  expect(messageOf(thrown(() => a.pop()))).toContain("nodes are popped in the reverse order of their push");
  task.cancelTree("why");
  expect([a.cause, b.cause]).toEqual([task.cause, task.cause]);
  b.pop();
  a.pop();
  expect([task.node, task.firstChild]).toEqual([task, null]);
  const late = new PushedNode(task);
  late.push();
  expect(late.cause).toBe(task.cause);
  expect([late.owns(task.cause), late.owns(new Cancelled(late, "forged"))]).toEqual([false, false]);
});

test("PushedNode slips in below a node under whatever was pushed since, which keeps its own cause", () => {
  for (const pushed of [0, 1, 3]) {
    const task = new Simulation().start(() => sleepForever());
    const outer = new PushedNode(task);
    outer.push();
    const inner = Array.from({ length: pushed }, () => new PushedNode(task));
    for (const node of inner) node.push();
    inner[0]?.cancelTree("its own");
    const slipped = new PushedNode(task);
    slipped.pushBelow(outer);
    expect(heldBy(task)).toEqual([...inner.toReversed(), slipped, outer, task]);
    expect([slipped.cause, inner[0]?.cause?.reason]).toEqual([null, pushed === 0 ? undefined : "its own"]);
    slipped.cancelTree("from below");
    expect(inner[0]?.cause?.reason).toBe(pushed === 0 ? undefined : "its own");
    expect(slipped.owns(slipped.cause)).toBe(true);
    for (const node of inner.toReversed()) node.pop();
    slipped.pop();
    expect(heldBy(task)).toEqual([outer, task]);
  }
});

test("PushedNode refuses to slip in below a node of another branch", () => {
  const sim = new Simulation();
  const [task, other] = [sim.start(() => sleepForever()), sim.start(() => sleepForever())];
  new PushedNode(task).push();
  expect(thrown(() => new PushedNode(task).pushBelow(other))).toBeInstanceOf(AssertionError);
});

test("runningTask is the task whose step is running, and throws outside of steps", async () => {
  const sim = new Simulation();
  const task: Task<boolean> = sim.start(function* () {
    yield* ready(1);
    return runningTask("look") === task;
  });
  await sim.settle();
  expect(task.outcome).toBe(true);
  const error = thrown(() => runningTask("open a scope"));
  expect(error).toBeInstanceOf(ProtocolError);
  expect(messageOf(error)).toBe("Cannot open a scope: no task is running; start one with run() or main()");
});
