// Channels in lockstep with a model under random moves: sends, receives and composites of both, tries from outside, clones, closes, and cancels at
// every moment. Whatever the moves: nothing is lost, nothing doubled, nobody is forgotten, everybody is served in turn.

import { expect, test } from "bun:test";
import fc from "fast-check";

import { channel, type Receiver, type Sender } from "../../src/concurrency/channel.ts";
import { MillraceError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/operation.ts";
import { firstOf } from "./first-of.ts";
import { Lockstep, type ModelOperation } from "./lockstep.ts";

interface ModelHandle {
  closed: boolean;
}

interface Waiting {
  readonly operation: ModelOperation;
  readonly handle: ModelHandle;
  /** What the operation gives when this part of it fires. */
  readonly outcome: (item: number | null) => string;
}

/** A channel as a list of rules. */
class ModelChannel {
  readonly buffer: number[] = [];
  senders: (Waiting & { item: number })[] = [];
  receivers: Waiting[] = [];
  readonly sendHandles: ModelHandle[] = [{ closed: false }];
  readonly receiveHandles: ModelHandle[] = [{ closed: false }];
  undelivered = 0;

  readonly capacity: number;
  readonly settle: (operation: ModelOperation, outcome: string) => void;

  constructor(capacity: number, settle: (operation: ModelOperation, outcome: string) => void) {
    this.capacity = capacity;
    this.settle = settle;
  }

  get openSenders(): number {
    return this.sendHandles.filter(({ closed }) => !closed).length;
  }
  get openReceivers(): number {
    return this.receiveHandles.filter(({ closed }) => !closed).length;
  }

  /** Applies the first rule that applies until none does. */
  apply(): void {
    while (this.#rule());
  }

  #rule(): boolean {
    const [sender, receiver] = [this.senders[0], this.receivers[0]];
    const orphan = [...this.senders, ...this.receivers].find(({ handle }) => handle.closed);
    if (orphan !== undefined) this.settle(orphan.operation, CLOSED);
    else if (sender !== undefined && this.openReceivers === 0) this.settle(sender.operation, CLOSED);
    else if (receiver !== undefined && this.buffer.length > 0)
      this.settle(receiver.operation, receiver.outcome(this.buffer.shift() as number));
    else if (sender !== undefined && this.buffer.length < this.capacity) {
      this.buffer.push(sender.item);
      this.settle(sender.operation, sender.outcome(null));
    } else if (sender !== undefined && receiver !== undefined) return this.#meet();
    else if (receiver !== undefined && this.openSenders === 0) this.settle(receiver.operation, receiver.outcome(null));
    else return false;
    return true;
  }

  #meet(): boolean {
    for (const sender of this.senders)
      for (const receiver of this.receivers) {
        if (sender.operation === receiver.operation) continue;
        this.settle(sender.operation, sender.outcome(null));
        this.settle(receiver.operation, receiver.outcome(sender.item));
        return true;
      }
    return false;
  }
}

const CLOSED = "ERR_CHANNEL_CLOSED";

interface Part {
  readonly kind: "send" | "receive";
  readonly channel: number;
  readonly handle: number;
}

type Move =
  | Part
  | { readonly kind: "race"; readonly parts: Part[]; readonly pause: Outside[] }
  | { readonly kind: "cancel"; readonly which: number }
  | { readonly kind: "drain" }
  | Outside;

interface Outside {
  readonly kind: "trySend" | "tryReceive" | "cloneSender" | "cloneReceiver" | "closeSender" | "closeReceiver";
  readonly channel: number;
  readonly handle: number;
}

const place = { channel: fc.nat(1), handle: fc.nat(2) };
const part = fc.record({ kind: fc.constantFrom("send" as const, "receive" as const), ...place });
const mild = fc.record({
  kind: fc.constantFrom("trySend" as const, "tryReceive" as const, "cloneSender" as const, "cloneReceiver" as const),
  ...place,
});
const closing = fc.record({ kind: fc.constantFrom("closeSender" as const, "closeReceiver" as const), ...place });
const outside = fc.oneof({ weight: 4, arbitrary: mild }, { weight: 1, arbitrary: closing });
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: part },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("race" as const),
        parts: fc.array(part, { minLength: 1, maxLength: 3 }),
        pause: fc.array(outside, { maxLength: 2 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("drain" as const) }) },
    { weight: 5, arbitrary: mild },
    { weight: 1, arbitrary: closing },
  ),
  { maxLength: 60, size: "max" },
);

/** Both worlds of one run. */
class Run {
  readonly #world = new Lockstep();
  readonly #models: ModelChannel[];
  readonly #senders: Sender<number>[][] = [];
  readonly #receivers: Receiver<number>[][] = [];
  #items = 0;

  constructor(capacities: readonly number[]) {
    this.#models = capacities.map(
      (capacity) => new ModelChannel(capacity, (operation, outcome) => this.#world.settle(operation, outcome)),
    );
    for (const capacity of capacities) {
      const [sender, receiver] = channel<number>(capacity);
      this.#senders.push([sender]);
      this.#receivers.push([receiver]);
    }
  }

  make(move: Move): void {
    switch (move.kind) {
      case "drain":
        this.drain();
        break;
      case "cancel":
        if (this.#world.operations.length > 0) this.#world.cancel(move.which % this.#world.operations.length);
        break;
      case "send":
      case "receive":
        this.#spawnOne(move);
        break;
      case "race":
        this.#spawnRace(move.parts, move.pause);
        break;
      default:
        this.#outside(move);
    }
  }

  drain(): void {
    this.#world.drain();
    for (const [index, model] of this.#models.entries())
      expect(this.#senders[index]?.[0]?.statistics()).toMatchObject({
        buffered: model.buffer.length,
        waitingSenders: model.senders.length,
        waitingReceivers: model.receivers.length,
        openSenders: model.openSenders,
        openReceivers: model.openReceivers,
        undelivered: model.undelivered,
      });
  }

  close(): void {
    this.drain();
    this.#world.close();
  }

  #spawnOne(part: Part): void {
    const item = ++this.#items;
    this.#world.spawn(
      () => this.#operation(part, item),
      (operation) => this.#wait(this.#entry(operation, part, item, (value) => textOfPart(part, value))),
    );
  }

  #spawnRace(parts: readonly Part[], pause: readonly Outside[]): void {
    const items = parts.map(() => ++this.#items);
    const moves = pause.map((move) => ({ move, item: ++this.#items }));
    const seen: string[] = [];
    const make = (): Operation<unknown> =>
      firstOf(
        parts.map((part, index) => this.#operation(part, items[index] as number)),
        { pause: () => seen.push(...moves.map(({ move, item }) => this.#outsideReal(move, item))) },
      );
    this.#world.spawn(make, (operation) => {
      const entries = parts.map((part, index) => {
        const outcome = (value: number | null): string =>
          JSON.stringify(part.kind === "send" ? { index } : { index, value });
        return this.#entry(operation, part, items[index] as number, outcome);
      });
      for (const entry of entries) {
        this.#wait(entry);
        if (operation.state === "settled") return;
        operation.leave();
      }
      expect(seen).toEqual(moves.map(({ move, item }) => this.#outsideModel(move, item)));
      // From here on it is parked: what settles it wakes it.
      operation.state = "waiting";
      for (const entry of entries) {
        this.#wait(entry);
        if ((operation.state as string) === "settled") return;
      }
    });
  }

  #operation({ kind, channel, handle }: Part, item: number): Operation<unknown> {
    if (kind === "send") return pick(this.#senders[channel], handle).send(item);
    return pick(this.#receivers[channel], handle).receive();
  }

  #entry(
    operation: ModelOperation,
    { kind, channel, handle }: Omit<Part, "kind"> & { kind: string },
    item: number,
    outcome: (item: number | null) => string,
  ): Entry {
    const model = this.#models[channel] as ModelChannel;
    operation.leave = () => {
      for (const each of this.#models) {
        each.senders = each.senders.filter((entry) => entry.operation !== operation);
        each.receivers = each.receivers.filter((entry) => entry.operation !== operation);
      }
    };
    const sends = kind === "send";
    return {
      model,
      sends,
      operation,
      handle: pick(sends ? model.sendHandles : model.receiveHandles, handle),
      outcome,
      item,
    };
  }

  #wait(entry: Entry): void {
    const { model, sends } = entry;
    if (sends) model.senders.push(entry);
    else model.receivers.push(entry);
    model.apply();
  }

  #outside(move: Outside): void {
    const item = ++this.#items;
    expect(this.#outsideReal(move, item)).toBe(this.#outsideModel(move, item));
  }

  #outsideReal({ kind, channel, handle }: Outside, item: number): string {
    const senders = this.#senders[channel] as Sender<number>[];
    const receivers = this.#receivers[channel] as Receiver<number>[];
    const [sender, receiver] = [pick(senders, handle), pick(receivers, handle)];
    try {
      if (kind === "trySend") return String(sender.trySend(item));
      if (kind === "tryReceive") return String(receiver.tryReceive());
      if (kind === "cloneSender") senders.push(sender.clone());
      else if (kind === "cloneReceiver") receivers.push(receiver.clone());
      else if (kind === "closeSender") sender.close();
      else return receiver.close().join();
      return "";
    } catch (error) {
      if (error instanceof MillraceError) return error.code;
      throw error;
    }
  }

  #outsideModel(move: Outside, item: number): string {
    const { kind, channel, handle } = move;
    const model = this.#models[channel] as ModelChannel;
    if (kind === "trySend" || kind === "tryReceive") return this.#tryModel(move, item);
    const handles = kind.endsWith("Sender") ? model.sendHandles : model.receiveHandles;
    const chosen = pick(handles, handle);
    if (kind.startsWith("close")) return closeModel(model, chosen);
    if (chosen.closed) return CLOSED;
    handles.push({ closed: false });
    return "";
  }

  /** A try is an operation that does not wait. */
  #tryModel({ kind, channel, handle }: Outside, item: number): string {
    const operation: ModelOperation = {
      id: -1,
      state: "starting",
      cancelled: false,
      outcome: "",
      leave: () => {},
      ended: () => {},
    };
    const part = { kind: kind === "trySend" ? "send" : "receive", channel, handle };
    this.#wait(this.#entry(operation, part, item, (value) => (kind === "trySend" ? "true" : String(value))));
    if ((operation.state as string) === "settled") return operation.outcome;
    operation.leave();
    return kind === "trySend" ? "false" : "undefined";
  }
}

interface Entry extends Waiting {
  readonly model: ModelChannel;
  readonly sends: boolean;
  readonly item: number;
}

function closeModel(model: ModelChannel, handle: ModelHandle): string {
  if (handle.closed) return "";
  handle.closed = true;
  model.apply();
  if (model.openReceivers > 0 || !model.receiveHandles.includes(handle)) return "";
  const left = model.buffer.splice(0);
  model.undelivered += left.length;
  return left.join();
}

function textOfPart({ kind }: Part, received: number | null): string {
  return kind === "send" ? "done" : String(received);
}

function pick<T>(list: readonly T[] | undefined, index: number): T {
  return (list as readonly T[])[index % (list as readonly T[]).length] as T;
}

test("channel does what its model does under random moves and cancels", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 2, maxLength: 2 }), moves, (capacities, moves) => {
      const run = new Run(capacities);
      for (const move of moves) run.make(move);
      run.close();
    }),
    { numRuns: 1_000 },
  );
});
