// The latch: a small model, and what a composite or a callback makes of it.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { Latch } from "../../src/concurrency/latch.ts";
import { DeadlockError } from "../../src/core/errors.ts";
import { Simulation, simulate } from "../../src/sim/simulate.ts";
import { messageOf, rejection, turns } from "../core/kit.ts";
import { firstOf } from "./first-of.ts";
import { Lockstep, type ModelOperation } from "./lockstep.ts";

describe("Latch", () => {
  test("lets all go on in the order in which they came, and from then on everybody", () => {
    const sim = new Simulation();
    const latch = new Latch();
    const log: number[] = [];
    const wait = (id: number): void => {
      sim.start(function* () {
        yield* latch.wait();
        log.push(id);
      });
    };
    for (const id of [1, 2, 3]) wait(id);
    turns(sim);
    expect([latch.isOpen, latch.statistics(), log]).toEqual([false, { isOpen: false, waiting: 3 }, []]);
    latch.open();
    latch.open();
    wait(4);
    turns(sim);
    expect([latch.statistics(), log]).toEqual([{ isOpen: true, waiting: 0 }, [1, 2, 3, 4]]);
  });

  test("that is opened between the start and the park of a composite is not waited for", async () => {
    const [latch, other] = [new Latch(), new Latch()];
    const { index } = await simulate(() => firstOf([other.wait(), latch.wait()], { pause: () => latch.open() }), {
      development: false,
    });
    expect([index, other.statistics().waiting]).toEqual([1, 0]);
  });

  test("names itself in a deadlock", async () => {
    const waits = (latch: Latch): Promise<unknown> => rejection(new Simulation().run(() => latch.wait()));
    const error = await waits(new Latch({ name: "ready" }));
    expect(error).toBeInstanceOf(DeadlockError);
    expect(messageOf(error)).toContain('waits for latch "ready"');
    expect(messageOf(await waits(new Latch()))).toContain("waits for a latch");
  });

  test("does what its model does under random moves and cancels", () => {
    const move = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom("wait" as const, "race" as const) },
      { weight: 4, arbitrary: fc.nat() },
      { weight: 4, arbitrary: fc.constant("drain" as const) },
      { weight: 1, arbitrary: fc.constant("open" as const) },
    );
    fc.assert(
      fc.property(fc.array(move, { maxLength: 40, size: "max" }), (moves) => {
        const world = new Lockstep();
        const latch = new Latch();
        let waiting: ModelOperation[] = [];
        let isOpen = false;
        const start = (operation: ModelOperation, outcome: string): void => {
          operation.leave = () => {
            waiting = waiting.filter((other) => other !== operation);
          };
          if (isOpen) world.settle(operation, outcome);
          else waiting.push(operation);
        };
        for (const move of moves) {
          if (move === "wait")
            world.spawn(
              () => latch.wait(),
              (operation) => start(operation, "done"),
            );
          else if (move === "race")
            world.spawn(
              () => firstOf([latch.wait(), latch.wait()]),
              (operation) => start(operation, JSON.stringify({ index: 0 })),
            );
          else if (move === "drain") world.drain();
          else if (move === "open") {
            latch.open();
            isOpen = true;
            for (const operation of waiting)
              world.settle(
                operation,
                operation.id >= 0 && isRace(moves, operation.id) ? JSON.stringify({ index: 0 }) : "done",
              );
          } else if (world.operations.length > 0) world.cancel(move % world.operations.length);
        }
        world.close();
        expect(latch.statistics()).toEqual({ isOpen, waiting: 0 });
      }),
      { numRuns: 300 },
    );
  });
});

/** Whether the operation with that number is a composite. */
function isRace(moves: readonly unknown[], id: number): boolean {
  return moves.filter((move) => move === "wait" || move === "race")[id] === "race";
}
