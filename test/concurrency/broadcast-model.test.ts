// Broadcasts in lockstep with a model under random moves: publishing, subscribing, receives of one view and of two side by side, tries, closes of
// either end, and cancels at every moment. Whatever the moves: each subscriber gets each item once and in order, or is told how many it lost.

import { expect, test } from "bun:test";
import fc from "fast-check";

import { type Broadcast, broadcast } from "../../src/concurrency/broadcast.ts";
import type { Subscription } from "../../src/concurrency/subscription.ts";
import { MillraceError } from "../../src/core/errors.ts";
import { firstOf } from "./first-of.ts";
import { Lockstep, type ModelOperation } from "./lockstep.ts";

interface Waiting {
  readonly operation: ModelOperation;
  readonly outcome: (text: string) => string;
}

/** A subscriber's view as a list and four flags. */
class ModelView {
  readonly buffer: number[] = [];
  waiting: Waiting[] = [];
  watching: ModelOperation[] = [];
  unreported = 0;
  lost = 0;
  state: "open" | "ended" | "dropped" | "closed" = "open";

  /** What a receive gives now: an error's code is thrown, the rest is a value. */
  take(): string | undefined {
    if (this.unreported > 0) {
      this.unreported = 0;
      return "ERR_LAGGED";
    }
    const item = this.buffer.shift();
    if (item !== undefined) return String(item);
    return this.state === "open" ? undefined : OVER[this.state];
  }
}

const OVER = { ended: "null", dropped: "ERR_SLOW_RECEIVER", closed: "ERR_CHANNEL_CLOSED" } as const;

class ModelBroadcast {
  readonly views: ModelView[] = [];
  closed = false;
  published = 0;
  lost = 0;
  dropped = 0;
  readonly capacity: number;
  readonly slow: "lag" | "drop";
  readonly settle: (operation: ModelOperation, outcome: string) => void;

  constructor(capacity: number, slow: "lag" | "drop", settle: (operation: ModelOperation, outcome: string) => void) {
    this.capacity = capacity;
    this.slow = slow;
    this.settle = settle;
  }

  get open(): ModelView[] {
    return this.views.filter(({ state }) => state === "open");
  }

  subscribe(): void {
    const view = new ModelView();
    if (this.closed) view.state = "ended";
    this.views.push(view);
  }

  publish(item: number): string {
    if (this.closed) return "ERR_CHANNEL_CLOSED";
    this.published++;
    for (const view of this.open) {
      const [first] = view.waiting;
      if (first !== undefined) this.settle(first.operation, first.outcome(String(item)));
      else if (view.buffer.length < this.capacity) view.buffer.push(item);
      else if (this.slow === "drop") {
        this.dropped++;
        this.end(view, "dropped");
      } else {
        view.buffer.shift();
        view.buffer.push(item);
        view.unreported++;
        view.lost++;
        this.lost++;
      }
    }
    return String(this.open.length);
  }

  end(view: ModelView, state: "ended" | "dropped" | "closed"): void {
    view.state = state;
    if (state !== "ended") view.buffer.length = view.unreported = 0;
    for (const { operation, outcome } of view.waiting) {
      if (operation.state !== "settled") this.settle(operation, outcome(OVER[state]));
    }
    for (const operation of view.watching) this.settle(operation, "done");
  }

  close(): void {
    this.closed = true;
    for (const view of this.open) this.end(view, "ended");
  }
}

interface Outside {
  readonly kind: "publish" | "subscribe" | "close" | "tryReceive" | "closeView";
  /** Which, for those that concern one. */
  readonly view: number;
}
type Move =
  | { readonly kind: "receive"; readonly view: number }
  | { readonly kind: "whenOver"; readonly view: number }
  | { readonly kind: "race"; readonly views: number[]; readonly pause: Outside[] }
  | { readonly kind: "cancel"; readonly which: number }
  | { readonly kind: "drain" }
  | Outside;

const outsideOf = (kind: Outside["kind"], weight: number): { weight: number; arbitrary: fc.Arbitrary<Outside> } => ({
  weight,
  arbitrary: fc.record({ kind: fc.constant(kind), view: fc.nat(3) }),
});
const outside: fc.Arbitrary<Outside> = fc.oneof(
  outsideOf("publish", 10),
  outsideOf("tryReceive", 6),
  outsideOf("subscribe", 3),
  outsideOf("closeView", 2),
  outsideOf("close", 1),
);
const moves: fc.Arbitrary<Move[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("receive" as const), view: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("whenOver" as const), view: fc.nat(3) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("race" as const),
        views: fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }),
        pause: fc.array(outside, { maxLength: 3 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("cancel" as const), which: fc.nat() }) },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("drain" as const) }) },
    outsideOf("publish", 6),
    { weight: 6, arbitrary: outside },
  ),
  { maxLength: 60, size: "max" },
);

/** Both worlds of one run. */
class Run {
  readonly #world = new Lockstep();
  readonly #real: Broadcast<number>;
  readonly #model: ModelBroadcast;
  readonly #views: Subscription<number>[] = [];
  #items = 0;

  constructor(capacity: number, slow: "lag" | "drop") {
    this.#real = broadcast<number>({ capacity, slow });
    this.#model = new ModelBroadcast(capacity, slow, (operation, outcome) => this.#world.settle(operation, outcome));
    this.#outside({ kind: "subscribe", view: 0 });
  }

  make(move: Move): void {
    const { operations } = this.#world;
    if (move.kind === "drain") this.drain();
    else if (move.kind === "receive") this.#receive([move.view], null);
    else if (move.kind === "race") this.#receive(move.views, move.pause);
    else if (move.kind === "whenOver") this.#whenOver(move.view);
    else if (move.kind !== "cancel") this.#outside(move);
    else if (operations.length > 0) this.#world.cancel(move.which % operations.length);
  }

  drain(): void {
    this.#world.drain();
    const model = this.#model;
    expect(this.#real.statistics()).toEqual({
      capacity: model.capacity,
      subscribers: model.open.length,
      waiting: model.open.filter(({ waiting }) => waiting.length > 0).length,
      published: model.published,
      lost: model.lost,
      dropped: model.dropped,
    });
    for (const [i, view] of model.views.entries())
      expect(this.#views[i]?.statistics()).toMatchObject({
        buffered: view.buffer.length,
        waiting: view.waiting.length,
        lost: view.lost,
      });
  }

  close(): void {
    this.drain();
    this.#world.close();
  }

  #receive(views: readonly number[], pause: readonly Outside[] | null): void {
    const moves = (pause ?? []).map((move) => ({ move, item: ++this.#items }));
    const seen: string[] = [];
    const receive = (view: number) => pick(this.#views, view).receive();
    const make = () => {
      if (pause === null) return receive(views[0] as number);
      return firstOf(views.map(receive), {
        pause: () => seen.push(...moves.map(({ move, item }) => this.#outsideReal(move, item))),
      });
    };
    this.#world.spawn(make, (operation) => {
      const models = views.map((view) => pick(this.#model.views, view));
      const outcome = (index: number, text: string): string => {
        if (pause === null || text.startsWith("ERR")) return text;
        return JSON.stringify({ index, value: JSON.parse(text) as unknown });
      };
      operation.leave = () => {
        for (const view of this.#model.views)
          view.waiting = view.waiting.filter((waiting) => waiting.operation !== operation);
      };
      for (const [index, view] of models.entries()) {
        const taken = view.take();
        if (taken !== undefined) return this.#world.settle(operation, outcome(index, taken));
      }
      expect(seen).toEqual(moves.map(({ move, item }) => this.#outsideModel(move, item)));
      operation.state = "waiting";
      for (const [index, view] of models.entries()) {
        const taken = view.take();
        if (taken !== undefined) return this.#world.settle(operation, outcome(index, taken));
        view.waiting.push({ operation, outcome: (text) => outcome(index, text) });
      }
    });
  }

  #whenOver(at: number): void {
    this.#world.spawn(
      () => pick(this.#views, at).whenOver(),
      (operation) => {
        const view = pick(this.#model.views, at);
        operation.leave = () => {
          view.watching = view.watching.filter((other) => other !== operation);
        };
        if (view.state !== "open") this.#world.settle(operation, "done");
        else view.watching.push(operation);
      },
    );
  }

  #outside(move: Outside): void {
    const item = ++this.#items;
    expect(this.#outsideReal(move, item)).toBe(this.#outsideModel(move, item));
  }

  #outsideReal(move: Outside, item: number): string {
    try {
      if (move.kind === "publish") return String(this.#real.publish(item));
      if (move.kind === "tryReceive") return String(pick(this.#views, move.view).tryReceive());
      if (move.kind === "subscribe") this.#views.push(this.#real.subscribe());
      else if (move.kind === "close") this.#real.close();
      else pick(this.#views, move.view).close();
      return "";
    } catch (error) {
      if (error instanceof MillraceError) return error.code;
      throw error;
    }
  }

  #outsideModel(move: Outside, item: number): string {
    const model = this.#model;
    if (move.kind === "publish") return model.publish(item);
    if (move.kind === "tryReceive") return String(pick(model.views, move.view).take());
    if (move.kind === "subscribe") model.subscribe();
    else if (move.kind === "close") model.close();
    else if (pick(model.views, move.view).state !== "closed") model.end(pick(model.views, move.view), "closed");
    return "";
  }
}

function pick<T>(list: readonly T[], index: number): T {
  return list[index % list.length] as T;
}

test.each(["lag", "drop"] as const)("broadcast does what its model does when slow receivers %s", (slow) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), moves, (capacity, moves) => {
      const run = new Run(capacity, slow);
      for (const move of moves) run.make(move);
      run.close();
    }),
    { numRuns: 700 },
  );
});
