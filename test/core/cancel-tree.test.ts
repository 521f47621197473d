// The tree itself: order of children, who is reached by a cancel, and what the cancel looks like.

import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  attach,
  Cancelled,
  type CancelNode,
  TreeNode,
  detach,
  isCancelled,
  type NodeHolder,
  spread,
  nextChild,
} from "../../src/core/cancel-tree.ts";

class TestNode extends TreeNode {
  interrupted: Cancelled[] = [];
  told = 0;
  stops = false;
  readonly holder: NodeHolder = { node: this, interrupt: (cause) => void this.interrupted.push(cause) };
  override admit(cause: Cancelled): boolean {
    return !this.stops && super.admit(cause);
  }
  override afterCancel(): void {
    this.told++;
  }
}

function childrenOf(node: CancelNode): CancelNode[] {
  const children: CancelNode[] = [];
  for (let child = node.firstChild; child !== null; child = nextChild(node, child)) children.push(child);
  return children;
}

test("attach and detach keep the children in the order of their coming", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(12), { maxLength: 60 }), (moves) => {
      const parent = new TestNode();
      const model: TestNode[] = [];
      for (const move of moves) {
        if (move < 7 || model.length === 0) {
          const child = new TestNode();
          attach(child, parent);
          model.push(child);
        } else {
          const [child] = model.splice(move % model.length, 1) as [TestNode];
          detach(child);
          detach(child);
          expect(child.parent).toBeNull();
          expect([child.nextSibling === child, child.previousSibling === child]).toEqual([true, true]);
        }
        expect(childrenOf(parent)).toEqual(model);
        expect(parent.firstChild?.previousSibling ?? null).toBe(model.at(-1) ?? null);
      }
    }),
  );
});

test("attach hands the cause of the parent on", () => {
  const parent = new TestNode();
  parent.cancelTree("why");
  const child = new TestNode();
  attach(child, parent);
  expect(child.cause).toBe(parent.cause);
  expect(child.interrupted).toEqual([]);
});

test("cancelTree reaches all below, parents before children, each once, and stops where a node does not admit it", () => {
  const [top, shield, shielded, deep, deeper] = [
    new TestNode(),
    new TestNode(),
    new TestNode(),
    new TestNode(),
    new TestNode(),
  ] as const;
  attach(shield, top);
  attach(shielded, shield);
  attach(deep, top);
  attach(deeper, deep);
  shield.stops = true;
  expect(top.cancelTree("why")).toBe(true);
  expect([top, shield, shielded, deep, deeper].map((node) => node.cause !== null)).toEqual([
    true,
    false,
    false,
    true,
    true,
  ]);
  expect(top.cancelTree("again")).toBe(false);
  expect(deep.cancelTree("again")).toBe(false);
  expect(top.cause?.reason).toBe("why");
  expect([top, deep, deeper].map((node) => [node.interrupted.length, node.told])).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ]);
  expect(shielded.interrupted).toEqual([]);
});

test("spread never overwrites a cause that stands", () => {
  const [top, middle, bottom] = [new TestNode(), new TestNode(), new TestNode()] as const;
  attach(middle, top);
  attach(bottom, middle);
  middle.cancelTree("inner");
  const outer = new Cancelled(top, "outer");
  spread(top, outer);
  expect([top.cause, middle.cause?.reason, bottom.cause?.reason]).toEqual([outer, "inner", "inner"]);
});

test("spread interrupts only the innermost node of each holder", () => {
  const [outer, inner] = [new TestNode(), new TestNode()] as const;
  attach(inner, outer);
  outer.holder.node = inner;
  outer.cancelTree("why");
  expect([outer.interrupted.length, inner.interrupted.length]).toEqual([0, 1]);
});

test("spread goes down 100,000 levels", () => {
  const top = new TestNode();
  let last = top;
  for (let i = 0; i < 100_000; i++) {
    const next = new TestNode();
    attach(next, last);
    last = next;
  }
  top.cancelTree("why");
  expect(last.cause).toBe(top.cause);
});

test("Cancelled is told by isCancelled and is no Error", () => {
  const cancelled = new Cancelled(new TestNode(), "why");
  expect(isCancelled(cancelled)).toBe(true);
  expect(cancelled instanceof Error).toBe(false);
  for (const other of [null, undefined, new Error("no"), { scope: 1, reason: 2 }])
    expect(isCancelled(other)).toBe(false);
});
