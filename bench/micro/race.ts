// Two operations, and the first of them. `race-leaves`: two players that wake each other by turns, each at a race of its gate and one that stays
// closed, against Promise.race of two promises made for it. `race-generators`: two child tasks that give way once, one more often, the loser
// cancelled and joined, against Promise.race of two async functions, where the loser runs on. One operation is one race.

import { checkpoint } from "../../src/concurrency/checkpoint.ts";
import { race } from "../../src/concurrency/race.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { createDriver, runToEnd } from "./shared/driver.ts";
import { type MicroBench, operationsOf, type Side, type Size } from "./shared/bench.ts";
import { GateLeaf, PromiseGate } from "./shared/gate.ts";

const READY = Promise.resolve();

interface Player<Gate> {
  readonly line: Gate;
  readonly stop: Gate;
}

function oursLeaves(size: Size): Side {
  const operations = operationsOf(size);
  const driver = createDriver();
  const a: Player<GateLeaf> = { line: new GateLeaf(), stop: new GateLeaf() };
  const b: Player<GateLeaf> = { line: new GateLeaf(), stop: new GateLeaf() };
  let lines = 0;
  function* wait(own: Player<GateLeaf>): Steps<void> {
    own.line.handOut();
    own.stop.handOut();
    const first = yield* race({ line: own.line as Operation<void>, stop: own.stop as Operation<void> });
    if (first.name === "line") lines++;
  }
  function* player(own: Player<GateLeaf>, other: Player<GateLeaf>): Steps<void> {
    for (let i = operations >> 1; i > 0; i--) {
      yield* wait(own);
      other.line.wake();
    }
  }
  function* opener(own: Player<GateLeaf>, other: Player<GateLeaf>): Steps<number> {
    for (let i = operations >> 1; i > 0; i--) {
      other.line.wake();
      yield* wait(own);
    }
    return lines;
  }
  const body = (): unknown => {
    driver.scheduler.spawn(null, player(a, b), "player");
    return runToEnd(driver, () => opener(b, a));
  };
  return { operations, body };
}

function twinLeaves(size: Size): Side {
  const operations = operationsOf(size);
  const a: Player<PromiseGate> = { line: new PromiseGate(), stop: new PromiseGate() };
  const b: Player<PromiseGate> = { line: new PromiseGate(), stop: new PromiseGate() };
  const asLine = (): "line" => "line";
  const asStop = (): "stop" => "stop";
  let lines = 0;
  const wait = async (own: Player<PromiseGate>): Promise<void> => {
    if ((await Promise.race([own.line.wait().then(asLine), own.stop.wait().then(asStop)])) === "line") lines++;
  };
  const player = async (own: Player<PromiseGate>, other: Player<PromiseGate>): Promise<void> => {
    for (let i = operations >> 1; i > 0; i--) {
      await wait(own);
      other.line.wake();
    }
  };
  const opener = async (own: Player<PromiseGate>, other: Player<PromiseGate>): Promise<number> => {
    for (let i = operations >> 1; i > 0; i--) {
      other.line.wake();
      await wait(own);
    }
    return lines;
  };
  const body = (): Promise<number> => {
    void player(a, b);
    return opener(b, a);
  };
  return { operations, body };
}

function oursGenerators(size: Size): Side {
  const operations = operationsOf(size);
  const driver = createDriver();
  function* hare(): Steps<number> {
    yield* checkpoint();
    return 1;
  }
  function* tortoise(): Steps<number> {
    for (let i = 0; i < 10; i++) yield* checkpoint();
    return 2;
  }
  function* body(): Steps<number> {
    let sum = 0;
    for (let i = 0; i < operations; i++) sum += (yield* race({ hare, tortoise })).value;
    return sum;
  }
  return { operations, body: () => runToEnd(driver, body) };
}

function twinGenerators(size: Size): Side {
  const operations = operationsOf(size);
  const hare = async (): Promise<number> => {
    await READY;
    return 1;
  };
  const tortoise = async (): Promise<number> => {
    for (let i = 0; i < 10; i++) await READY;
    return 2;
  };
  const body = async (): Promise<number> => {
    let sum = 0;
    for (let i = 0; i < operations; i++) sum += await Promise.race([hare(), tortoise()]);
    return sum;
  };
  return { operations, body };
}

export const raceLeaves: MicroBench = {
  name: "race-leaves",
  about: "a race of two leaves, one woken by another task; Promise.race of two promises, each with its name",
  targetNs: 400,
  make: { ours: oursLeaves, twin: twinLeaves },
};

export const raceGenerators: MicroBench = {
  name: "race-generators",
  about: "a race of two generators, the loser cancelled and joined; Promise.race of two async functions",
  targetNs: 3_000,
  make: { ours: oursGenerators, twin: twinGenerators },
};
