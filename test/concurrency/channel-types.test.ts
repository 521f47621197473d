// What must not compile, and what must be inferred, of channels and locks; as test/core/operation-types.test.ts.

import { expect, test } from "bun:test";

import { broadcast } from "../../src/concurrency/broadcast.ts";
import { channel, type Receiver, type Sender } from "../../src/concurrency/channel.ts";
import type { Permit } from "../../src/concurrency/permits.ts";
import { Semaphore } from "../../src/concurrency/semaphore.ts";
import type { Steps } from "../../src/core/operation.ts";
import { Simulation } from "../../src/sim/simulate.ts";
import { same } from "../same-type.ts";

interface Animal {
  readonly name: string;
}
interface Dog extends Animal {
  readonly barks: true;
}
declare const dogs: Receiver<Dog>;
declare const animals: Sender<Animal>;

export function starless(sim: Simulation): void {
  const [sender, receiver] = channel<number>(1);
  // @ts-expect-error a send without its star does not compile
  sim.start(function* () {
    yield sender.send(1);
  });
  // @ts-expect-error nor a receive
  sim.start(function* () {
    yield receiver.receive();
  });
  // @ts-expect-error nor an acquire
  sim.start(function* () {
    yield new Semaphore(1).acquire();
  });
}

export function* inferred(): Steps<void> {
  const [sender, receiver] = channel<number>(1);
  const received = yield* receiver.receive();
  same<typeof received, number | null>(true);
  const tried = receiver.tryReceive();
  same<typeof tried, number | null | undefined>(true);
  // @ts-expect-error an item of another type is not sent
  yield* sender.send("1");
  // @ts-expect-error null is the end of the stream
  channel<string | null>(1);
  // @ts-expect-error undefined says that there was nothing in time
  broadcast<string | undefined>({ capacity: 1, slow: "lag" });
  // @ts-expect-error what happens to slow receivers has to be said
  broadcast<string>({ capacity: 1 });
  const item = yield* broadcast<string>({ capacity: 1, slow: "drop" }).subscribe().receive();
  same<typeof item, string | null>(true);
  const permit = yield* new Semaphore(1).acquire();
  same<typeof permit, Permit>(true);
}

export function varied(): [Receiver<Animal>, Sender<Dog>] {
  // @ts-expect-error who sends any animal needs a channel for any animal
  const wrong: Sender<Animal> = channel<Dog>(1)[0];
  expect(wrong).toBeDefined();
  return [dogs, animals];
}

test("channel types are checked by the compiler", () => {
  expect([starless, inferred, varied].every((each) => typeof each === "function")).toBe(true);
});
