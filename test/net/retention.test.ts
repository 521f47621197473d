// What an idle connection keeps alive: no byte of what it carried. On Bun, with the real garbage collector.

import { describe, expect, test } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { run } from "../../src/index.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connected, jam, BunConnWorld } from "../contract/conn-world.ts";

const ADDRESS = { hostname: "127.0.0.1", port: 0 };
const COUNT = 20;

/** Lets the engine collect, and gives how many of `refs` are still there. */
function* alive(refs: WeakRef<object>[]): Steps<number> {
  for (let round = 0; round < 10; round++) {
    // A turn of the loop in between: a WeakRef that was read stays alive until then.
    yield* sleep(1);
    Bun.gc(true);
    if (refs.every((ref) => ref.deref() === undefined)) return 0;
  }
  return refs.filter((ref) => ref.deref() !== undefined).length;
}

/** One message to and fro; gives weak references to its arrays and lets go of them. */
function* exchange(client: Conn, server: Conn): Steps<WeakRef<object>[]> {
  const sent = Buffer.alloc(20_000, 7);
  yield* client.write(sent);
  let got: Uint8Array | null = null;
  for (let left = sent.length; left > 0; left -= got?.length ?? 0) got = yield* server.read();
  return [new WeakRef(sent), new WeakRef(got as Uint8Array)];
}

/** Reads, keeping weak references only, until the connection breaks. */
function* remember(conn: Conn, refs: WeakRef<object>[]): Steps<void> {
  try {
    for (;;) refs.push(new WeakRef((yield* conn.read()) as Uint8Array));
  } catch {
    conn.close();
  }
}

describe("an idle conn", () => {
  test("an idle conn keeps neither what it wrote last nor what it read last", async () => {
    await run(function* () {
      const pairs: { client: Conn; server: Conn }[] = [];
      const refs: WeakRef<object>[] = [];
      for (let i = 0; i < COUNT; i++) pairs.push(yield* connected(ADDRESS));
      for (const { client, server } of pairs) refs.push(...(yield* exchange(client, server)));
      // The collector is conservative: what stood on the stack last may stay.
      expect(yield* alive(refs)).toBeLessThanOrEqual(2);
      for (const { client, server } of pairs) for (const conn of [client, server]) conn.terminate();
    }).promise;
  });

  test("an idle conn whose reader is parked keeps nothing either", async () => {
    await run(function* () {
      const refs: WeakRef<object>[] = [];
      yield* scope(function* (tasks) {
        const clients: Conn[] = [];
        for (let i = 0; i < COUNT; i++) {
          const { client, server } = yield* connected(ADDRESS);
          clients.push(client);
          tasks.spawn(() => remember(server, refs));
          yield* client.write(Buffer.alloc(5_000));
        }
        while (refs.length < COUNT) yield* sleep(1);
        expect(yield* alive(refs)).toBeLessThanOrEqual(2);
        for (const client of clients) client.terminate();
      });
    }).promise;
  });

  test("a cancelled write lets go of its bytes", async () => {
    await using world = new BunConnWorld();
    await world.run(function* () {
      function* cut(client: Conn): Steps<WeakRef<object>> {
        const bytes = Buffer.alloc(30_000);
        expect(yield* moveOnAfter(1, client.write(bytes))).toBeUndefined();
        return new WeakRef(bytes);
      }
      const pairs: { client: Conn; server: Conn }[] = [];
      const refs: WeakRef<object>[] = [];
      for (let i = 0; i < 5; i++) {
        const pair = yield* connected(ADDRESS);
        pairs.push(pair);
        yield* jam(world, pair.client);
        refs.push(yield* cut(pair.client));
      }
      expect(yield* alive(refs)).toBeLessThanOrEqual(1);
      for (const { client, server } of pairs) for (const conn of [client, server]) conn.terminate();
    });
  });
});
