// Exact counts of objects: what an operation makes, and what an idle connection keeps. They hold whatever the machine, on the Bun that is pinned.
//
// Where each object comes from: the engine makes one iterator result for each `yield` of a task, so whatever suspends costs one. The rest is ours.
// A number that falls is good news and is to be written down here; one that rises needs a reason.

import { expect, test } from "bun:test";
import { join } from "node:path";

import type { Allocations } from "./program.ts";

const { stdout, stderr, success } = Bun.spawnSync([process.execPath, join(import.meta.dir, "program.ts")], {
  env: { ...process.env, NODE_ENV: "production" },
});
if (!success) throw new Error(`Cannot count objects: ${stderr.toString()}`);
const { made, kept } = JSON.parse(stdout.toString()) as Allocations;

test.each([
  ["an echoed message", "echo", { Object: 1 }],
  ["GET with a plain function as handler: the request, the reply, the suspension", "get", { Object: 3 }],
  ["16 pipelined GETs: 16 requests, 16 replies, one suspension", "get16", { Object: 33 }],
  ["arming and cancelling a timer", "timer", {}],
  ["a suspension in a checkpoint", "checkpoint", { Object: 1 }],
  ["a deadline around an operation that suspends", "timeout", { Object: 4 }],
  [
    "a task with one suspension: itself, two suspensions, and what a generator is to the engine",
    "spawn",
    { Object: 3, Generator: 1, Function: 1, JSLexicalEnvironment: 1 },
  ],
])("millrace makes so many objects for %s", (_what, name, objects) => {
  expect(made[name]).toEqual(objects);
});

test("millrace makes no object for one of 16 lines that came together, and four strings with the answer", () => {
  // Of the strings one is the line and two are the handler's: the part of the line that it cuts off and what it answers. The fourth is that behind
  // the answers before it; one more is all lines, before they were cut, if the engine keeps it.
  const { string, ...objects } = made["lines16"] as Record<string, number>;
  expect(objects).toEqual({ Object: 1 });
  expect(string).toBeWithin(4 * 16, 4 * 16 + 2);
});

test("millrace makes no promise for anything that a connection does", () => {
  expect(Object.keys(made)).toHaveLength(9);
  for (const objects of Object.values(made)) expect(objects).not.toHaveProperty("Promise");
});

test("millrace makes at most 44 objects for a POST whose handler is a generator that reads the body as text", () => {
  const objects = Object.values(made["post"] ?? {}).reduce((sum, count) => sum + count, 0);
  expect(objects).toBeWithin(1, 45);
});

// Bytes move by three hundredths from run to run: tables of all connections grow by doubling. The bounds are 4 % above the most that was seen.
test.each([
  [
    "echo",
    "the conn, its buffers, its two leaves, the task with its generator",
    { Object: 6, Generator: 1, Function: 1, JSLexicalEnvironment: 2 },
    1_095,
  ],
  [
    "http",
    "the same, and parser, answer, clocks and cancel node",
    { Object: 15, Generator: 1, Function: 1, JSLexicalEnvironment: 1, Int32Array: 1 },
    2_580,
  ],
])("an idle %s connection keeps %s", (name, _what, objects, bytesMax) => {
  expect(kept[name]?.kept).toEqual(objects);
  expect(kept[name]?.bytes).toBeWithin(500, bytesMax);
});

test("an HTTP connection at rest keeps one small object beside its socket", () => {
  expect(kept["http at rest"]?.kept).toEqual({ Object: 1 });
  expect(kept["http at rest"]?.bytes).toBeWithin(64, 300);
});

test("connections that are closed leave nothing", () => {
  expect(Object.values(kept).map(({ left }) => left)).toEqual([{}, {}, {}]);
});
