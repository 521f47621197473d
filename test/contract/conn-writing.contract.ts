// Part of the conn contract: write, flush, writable.

import { expect } from "bun:test";
import fc from "fast-check";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { ConnectionLostError } from "../../src/net/errors.ts";
import { type ConnTest, jam, patterned, pour, readAll, thrownBy } from "./conn-world.ts";

export function writingContract(both: ConnTest): void {
  acceptContract(both);
  pressureContract(both);
  lossContract(both);
}

function acceptContract(both: ConnTest): void {
  both("write sends text as UTF-8, bytes as they are, and nothing for nothing", function* ({ client, server }) {
    yield* client.write("");
    yield* client.write(new Uint8Array(0));
    yield* client.write("Grüße ");
    yield* client.write(Buffer.from([0xff, 0x00]));
    yield* client.write("");
    yield* client.write("𝄞");
    yield* client.end();
    expect(
      (yield* readAll(server)).equals(Buffer.concat([Buffer.from("Grüße "), Buffer.from([0xff, 0]), Buffer.from("𝄞")])),
    ).toBe(true);
  });

  both("write sends what was accepted in order, small and large, text and bytes mixed", function* ({ client, server }) {
    const sizes = fc.sample(fc.oneof(fc.nat(40), fc.nat(3_000), fc.integer({ min: 5_000, max: 18_000 })), {
      numRuns: 30,
      seed: 11,
    });
    const pieces = sizes.map((size, i) => (i % 3 === 0 ? "é".repeat(size >> 1) : patterned(size, i)));
    yield* scope(function* (tasks) {
      tasks.spawn(function* () {
        for (const [i, piece] of pieces.entries()) {
          yield* client.write(piece);
          if (i % 7 === 6) yield* client.flush();
        }
        yield* client.end();
      });
      const expected = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
      expect((yield* readAll(server)).equals(expected)).toBe(true);
    });
  });

  both("write of a task that goes on to wait leaves without a flush", function* ({ client, server }) {
    yield* scope(function* (tasks) {
      tasks.spawn(function* () {
        yield* client.write("ping");
        expect(yield* client.readLine()).toBe("pong");
        yield* client.write("over\n");
      });
      expect(Buffer.from((yield* server.readExactly(4)) as Uint8Array).toString()).toBe("ping");
      yield* server.write("pong\n");
      expect(yield* server.readLine()).toBe("over");
    });
  });

  both("flush is over when the kernel has everything, at once when there is nothing", function* ({ client, server }) {
    yield* client.flush();
    yield* client.write("x".repeat(20_000));
    yield* client.write("y");
    yield* scope(function* (tasks) {
      const all = tasks.spawn(() => readAll(server));
      yield* client.flush();
      expect(client.outbox.pending).toBe(0);
      yield* client.flush();
      yield* client.end();
      expect(yield* all).toHaveLength(20_001);
    });
  });
}

function pressureContract(both: ConnTest): void {
  both(
    "write parks while the peer does not read, holds little meanwhile, and loses nothing",
    function* ({ world, client, server }) {
      const sent = patterned(world.bulkBytes);
      yield* scope(function* (tasks) {
        tasks.spawn(() => pour(client, sent, 40_000));
        yield* world.until(() => client.writer !== null, "a parked writer");
        expect(client.outbox.pending).toBeLessThanOrEqual(65_536 + 40_000);
        // The receiver holds its high-water mark and one chunk of at most 512 KiB.
        expect(server.received.size).toBeLessThanOrEqual(65_536 + 524_288);
        expect((yield* readAll(server)).equals(sent)).toBe(true);
      });
    },
  );

  both("writable parks while a write would, then is over", function* ({ world, client, server }) {
    yield* client.writable();
    yield* scope(function* (tasks) {
      yield* jam(world, client);
      const waiting = tasks.spawn(() => client.writable());
      yield* world.quiet();
      expect(waiting.ending).toBeNull();
      tasks.spawn(() => readAll(server));
      yield* waiting;
      expect(client.outbox.pending).toBeLessThan(65_536);
      yield* client.end();
    });
  });

  both("write that is cancelled is sent whole or not at all", function* ({ world, client, server }) {
    const block = patterned(30_000, 5);
    yield* scope(function* (tasks) {
      const jammed = yield* jam(world, client);
      for (let i = 0; i < 3; i++) expect(yield* moveOnAfter(1, client.write(block))).toBeUndefined();
      const all = tasks.spawn(() => readAll(server));
      yield* client.write("end");
      yield* client.end();
      const received = yield* all;
      expect(received).toHaveLength(jammed + 3);
      expect(received.subarray(-3).toString()).toBe("end");
    });
  });
}

function lossContract(both: ConnTest): void {
  both("write and flush throw ConnectionLostError once the peer is gone", function* ({ world, client, server }) {
    server.terminate();
    yield* world.until(() => client.closed, "the reset");
    for (const start of [() => client.write("x"), () => client.flush(), () => client.end()]) {
      expect(yield* thrownBy(start)).toBeInstanceOf(ConnectionLostError);
    }
    yield* client.writable();
  });

  both("write that is parked throws ConnectionLostError when the peer resets", function* ({ world, client, server }) {
    yield* scope(function* (tasks) {
      yield* jam(world, client);
      const writing = tasks.spawn(() => thrownBy(() => client.write("more")));
      yield* world.until(() => client.writer !== null, "a parked writer");
      server.terminate();
      const error = yield* writing;
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect((error as Error).message).toBe(`Cannot write to connection ${client.id}: the peer is gone`);
      expect(client.outbox.pending).toBe(0);
    });
  });

  both("flush that is parked throws ConnectionLostError when the peer resets", function* ({ world, client, server }) {
    yield* scope(function* (tasks) {
      yield* jam(world, client);
      const flushing = tasks.spawn(() => thrownBy(() => client.flush()));
      yield* world.until(() => client.writer !== null, "a parked flush");
      server.terminate();
      expect(yield* flushing).toBeInstanceOf(ConnectionLostError);
    });
  });
}
