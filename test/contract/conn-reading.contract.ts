// Part of the conn contract: read, readExactly, readable.

import { expect } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { ConnectionLostError, UnexpectedEndError } from "../../src/net/errors.ts";
import { type ConnTest, patterned, pour, readAll, textOf, thrownBy } from "./conn-world.ts";

export function readingContract(both: ConnTest): void {
  readContract(both);
  readExactlyContract(both);
  readableContract(both);
}

function readContract(both: ConnTest): void {
  both("read gives every byte in order, in arrays that stay as they are", function* ({ client, server }) {
    const sent = patterned(60_000);
    yield* scope(function* (tasks) {
      tasks.spawn(() => pour(client, sent, 777));
      const chunks: { bytes: Uint8Array; copy: Buffer }[] = [];
      for (let bytes: Uint8Array | null; (bytes = yield* server.read(5_000)) !== null;) {
        expect(bytes.length).toBeWithin(1, 5_001);
        chunks.push({ bytes, copy: Buffer.from(bytes) });
      }
      expect(Buffer.concat(chunks.map(({ copy }) => copy)).equals(sent)).toBe(true);
      for (const { bytes, copy } of chunks) expect(copy.equals(bytes)).toBe(true);
    });
  });

  both("read gives all that is there, and with max no more than that", function* ({ world, client, server }) {
    yield* client.write("abcdefgh");
    yield* world.until(() => server.received.size === 8, "eight bytes");
    expect(textOf(yield* server.read(3))).toBe("abc");
    expect(textOf(yield* server.read(1))).toBe("d");
    expect(textOf(yield* server.read())).toBe("efgh");
  });

  both("read gives null at the peer's FIN, again and again", function* ({ client, server }) {
    yield* client.write("last");
    yield* client.end();
    expect((yield* readAll(server)).toString()).toBe("last");
    for (let i = 0; i < 3; i++) expect(yield* server.read()).toBeNull();
    expect(yield* server.read(1)).toBeNull();
  });

  both(
    "read gives what had arrived before a reset, then throws ConnectionLostError",
    function* ({ world, client, server }) {
      yield* client.write("precious");
      yield* world.until(() => server.received.size === 8, "eight bytes");
      client.terminate();
      yield* world.until(() => server.closed, "the reset");
      expect(textOf(yield* server.read(4))).toBe("prec");
      expect(textOf(yield* server.readExactly(4))).toBe("ious");
      for (let i = 0; i < 2; i++) expect(yield* thrownBy(() => server.read())).toBeInstanceOf(ConnectionLostError);
      expect(yield* thrownBy(() => server.readLine())).toBeInstanceOf(ConnectionLostError);
      expect(yield* thrownBy(() => server.readExactly(1))).toBeInstanceOf(ConnectionLostError);
    },
  );

  both("read that is parked throws ConnectionLostError at a reset", function* ({ world, client, server }) {
    yield* scope(function* (tasks) {
      const reading = tasks.spawn(() => thrownBy(() => server.read()));
      yield* world.until(() => server.reader !== null, "a parked reader");
      client.terminate();
      const error = yield* reading;
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error).toMatchObject({
        code: "ERR_CONNECTION_LOST",
        message: `Cannot read from connection ${server.id}: the peer reset it`,
      });
    });
  });

  both("read does not take a reset for an end after our own FIN", function* ({ world, client, server }) {
    yield* client.write("question");
    yield* client.end();
    expect((yield* readAll(server)).toString()).toBe("question");
    yield* server.write("half an ans");
    yield* server.flush();
    yield* world.until(() => client.received.size === 11, "the half");
    server.terminate();
    yield* world.until(() => client.closed, "the reset");
    expect(textOf(yield* client.read())).toBe("half an ans");
    expect(yield* thrownBy(() => client.read())).toBeInstanceOf(ConnectionLostError);
  });

  both("read that a deadline ends loses nothing", function* ({ client, server }) {
    for (let i = 0; i < 3; i++) expect(yield* moveOnAfter(0.5, server.read())).toBeUndefined();
    yield* client.write("still");
    yield* client.end();
    expect((yield* readAll(server)).toString()).toBe("still");
  });

  both("read refuses a max that is no positive whole number", function* ({ client, server }) {
    yield* client.write("abc");
    for (const max of [0, -1, 1.5, Number.NaN]) expect(() => void server.read(max)).toThrow(RangeError);
    expect(textOf(yield* server.readExactly(3))).toBe("abc");
  });
}

function readExactlyContract(both: ConnTest): void {
  both("readExactly gives as many bytes as asked for, however they come", function* ({ client, server }) {
    const sent = patterned(30_000);
    yield* scope(function* (tasks) {
      tasks.spawn(() => pour(client, sent, 100));
      const sizes = [1, 2, 0, 4_097, 900, 25_000];
      const parts: Uint8Array[] = [];
      for (const size of sizes) {
        const bytes = yield* server.readExactly(size);
        expect(bytes?.length).toBe(size);
        parts.push(bytes as Uint8Array);
      }
      expect(sizes.reduce((sum, size) => sum + size)).toBe(30_000);
      expect(Buffer.concat(parts).equals(sent)).toBe(true);
      expect(yield* server.readExactly(10)).toBeNull();
    });
  });

  both("readExactly of more than the receive buffer's high-water mark gets it", function* ({ client, server }) {
    const sent = patterned(150_000);
    yield* scope(function* (tasks) {
      tasks.spawn(() => pour(client, sent));
      expect(Buffer.from((yield* server.readExactly(149_999)) as Uint8Array).equals(sent.subarray(0, -1))).toBe(true);
      expect(yield* server.readExactly(1)).toHaveLength(1);
    });
  });

  both("readExactly throws UnexpectedEndError in the middle, and the bytes stay", function* ({ client, server }) {
    yield* client.write("abc");
    yield* client.end();
    const error = yield* thrownBy(() => server.readExactly(4));
    expect(error).toBeInstanceOf(UnexpectedEndError);
    expect(error).toMatchObject({
      code: "ERR_UNEXPECTED_END",
      message: `Cannot read 4 bytes from connection ${server.id}: its input ended after 3`,
    });
    expect(textOf(yield* server.readExactly(3))).toBe("abc");
    expect(yield* server.readExactly(4)).toBeNull();
  });

  both("readExactly refuses a count that is no whole number", function* ({ client, server }) {
    yield* client.write("abc");
    for (const count of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => void server.readExactly(count)).toThrow(RangeError);
    expect(textOf(yield* server.readExactly(3))).toBe("abc");
  });
}

function readableContract(both: ConnTest): void {
  both("readable parks until bytes are there, and takes none", function* ({ world, client, server }) {
    yield* scope(function* (tasks) {
      const waiting = tasks.spawn(() => server.readable());
      yield* world.until(() => server.reader !== null, "a parked reader");
      expect(waiting.ending).toBeNull();
      yield* client.write("x");
      yield* waiting;
      yield* server.readable();
      expect(textOf(yield* server.read())).toBe("x");
    });
  });

  both("readable is over at the end and at a reset, and does not throw", function* ({ world, client, server }) {
    yield* scope(function* (tasks) {
      const ended = tasks.spawn(() => server.readable());
      yield* world.until(() => server.reader !== null, "a parked reader");
      yield* client.end();
      yield* ended;
      expect(yield* server.read()).toBeNull();
      const lost = tasks.spawn(() => client.readable());
      yield* world.until(() => client.reader !== null, "a parked reader");
      server.terminate();
      yield* lost;
      expect(yield* thrownBy(() => client.read())).toBeInstanceOf(ConnectionLostError);
    });
  });
}
