// How Bun's event loop goes round: what runs between two sockets of a round, what after it, and that nothing starves. The
// ring drained at the end of a callback, with setImmediate for what is left over and for the flush of other conns, rests on it.

import { describe, expect, test } from "bun:test";

import type { Socket } from "bun";

import { EventLog, LOOPBACK, Pair } from "./support.ts";

const EPOLL_EVENTS_MAX = 1024;

describe("the event loop", () => {
  // Why the batch hook is setImmediate and neither a microtask nor nextTick: those run between two sockets of one round.
  test("queueMicrotask and nextTick run after each socket callback, setImmediate after the round, then timers", async () => {
    const order: string[] = [];
    await using crowd = await Crowd.open(3, (chunk) => {
      order.push(`data ${chunk}`);
      queueMicrotask(() => order.push(`microtask ${chunk}`));
      process.nextTick(() => order.push(`tick ${chunk}`));
      setImmediate(() => order.push(`immediate ${chunk}`));
      setTimeout(() => crowd.log.record(`timer ${order.push(`timer ${chunk}`)}`), 0);
    });
    crowd.writeAll();
    await crowd.log.until(() => order.length === 15);
    const kinds = order.map((entry) => entry.split(" ")[0]);
    const each = ["data", "tick", "microtask"];
    const all = (kind: string): string[] => [kind, kind, kind];
    expect(kinds).toEqual([...each, ...each, ...each, ...all("immediate"), ...all("timer")]);
  });

  // The ring's leftovers and the flush of other conns wait for one setImmediate: it must see every socket of the round.
  // One epoll call gives 1,024 events, but Bun asks again before it runs an immediate.
  test("setImmediate runs after all ready sockets of the round, also when they are more than one epoll call gives", async () => {
    const count = EPOLL_EVENTS_MAX + 76;
    const served: number[] = [];
    let data = 0;
    await using crowd = await Crowd.open(count, () => {
      if (data++ > 0) return;
      setImmediate(() => {
        served.push(data);
        crowd.log.record("immediate");
      });
    });
    crowd.writeAll();
    await crowd.log.seen("immediate");
    expect(served).toEqual([count]);
  });

  // A ring that is never empty goes round by setImmediate: input and timers must still come through.
  test("setImmediate in an endless chain starves neither sockets nor timers", async () => {
    await using pair = await Pair.open();
    let spinning = true;
    const spin = (): void => void (spinning && setImmediate(spin));
    spin();
    setTimeout(() => pair.log.record("timer"), 1);
    pair.client.write("x");
    await pair.log.seen("server.data");
    await pair.log.seen("timer");
    spinning = false;
  });

  // sleep(0) is therefore a trip through the ring and no timer.
  test("setTimeout(0) is a timer of 1 ms: it fires after an older one of 1 ms", async () => {
    const log = new EventLog();
    setTimeout(() => log.record("one"), 1);
    setTimeout(() => log.record("zero"), 0);
    await log.until(() => log.entries.length === 2);
    expect(log.entries).toEqual(["one", "zero"]);
  });
});

/** Many clients of one listener that collects what they write. */
class Crowd implements AsyncDisposable {
  readonly log: EventLog = new EventLog();
  readonly #clients: Socket[] = [];
  readonly #listener: Bun.TCPSocketListener<undefined>;
  #open = 0;

  private constructor(onData: (chunk: Buffer) => void) {
    const count = (change: number): void => {
      this.#open += change;
      this.log.record(`open ${this.#open}`);
    };
    this.#listener = Bun.listen({
      hostname: LOOPBACK,
      port: 0,
      socket: { open: () => count(1), close: () => count(-1), data: (_socket, chunk) => onData(chunk) },
    });
  }

  static async open(size: number, onData: (chunk: Buffer) => void): Promise<Crowd> {
    const crowd = new Crowd(onData);
    const { port } = crowd.#listener;
    for (let made = 0; made < size; made++) {
      crowd.#clients.push(await Bun.connect({ hostname: LOOPBACK, port, socket: { data: () => undefined } }));
    }
    await crowd.log.until(() => crowd.#open === size);
    return crowd;
  }

  writeAll(): void {
    for (const [index, client] of this.#clients.entries()) client.write(String(index));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.terminate();
    await this.log.until(() => this.#open === 0);
    this.#listener.stop(true);
  }
}
