// Single use for operations that are made of a generator.

import { expect, test } from "bun:test";
import { Once } from "../../src/concurrency/delegate.ts";
import { ProtocolError } from "../../src/core/errors.ts";
import { sleep } from "../../src/core/sleep.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { rejection, thrown } from "../core/kit.ts";

test("Once makes its steps when it is run, and only once", async () => {
  let made = 0;
  const operation = new Once("a test", function* () {
    made++;
    yield* sleep(1);
    return "value";
  });
  expect([made, operation.fresh]).toEqual([0, true]);
  const sim = new Simulation();
  expect(await sim.run(operation)).toBe("value");
  expect([made, operation.fresh]).toEqual([1, false]);
  const error = await rejection(sim.run(operation));
  expect(error).toBeInstanceOf(ProtocolError);
  expect(error).toMatchObject({
    message: 'Cannot run the operation "a test": it was run before; operations are single-use',
  });
  expect(thrown(() => operation[Symbol.iterator]())).toBeInstanceOf(ProtocolError);
  expect(made).toBe(1);
});
