// Part of the conn contract: one reader and one writer at a time, and operations that run once.

import { expect } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { BusyError, ProtocolError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/operation.ts";
import type { Wait } from "../../src/core/task.ts";
import type { Conn } from "../../src/net/conn.ts";
import { type ConnTest, jam, patterned, readAll, textOf, thrownBy } from "./conn-world.ts";

type Start = (conn: Conn) => Operation<unknown>;

const READS: Record<string, Start> = {
  read: (conn) => conn.read(),
  readExactly: (conn) => conn.readExactly(4),
  readUntil: (conn) => conn.readUntil("x"),
  readLine: (conn) => conn.readLine(),
  readable: (conn) => conn.readable(),
  more: (conn) => conn.more(),
};

const WRITES: Record<string, Start> = {
  write: (conn) => conn.write("x"),
  flush: (conn) => conn.flush(),
  writable: (conn) => conn.writable(),
};

export function sharingContract(both: ConnTest): void {
  busyContract(both);
  singleUseContract(both);
}

function busyContract(both: ConnTest): void {
  both(
    "read of any kind throws BusyError while another task reads, which is not disturbed",
    function* ({ world, client, server }) {
      for (const first of Object.values(READS)) {
        yield* scope(function* (tasks) {
          const reading = tasks.spawn(() => first(server));
          yield* world.until(() => server.reader !== null, "a parked reader");
          for (const second of Object.values(READS)) {
            const error = yield* thrownBy(() => second(server));
            expect(error).toBeInstanceOf(BusyError);
            expect(error).toMatchObject({
              code: "ERR_BUSY",
              message: `Cannot read from connection ${server.id}: another task is already reading`,
            });
          }
          yield* client.write("1x2\n");
          yield* reading;
          while (server.received.size > 0) yield* server.read();
          yield* world.until(() => client.outbox.pending === 0, "everything sent");
        });
        // What came late must not be taken for the next round's input.
        yield* client.write("sync!");
        for (let seen = ""; !seen.endsWith("sync!");) seen += textOf(yield* server.read());
      }
    },
  );

  both(
    "write of any kind throws BusyError while another task waits to write, which is not disturbed",
    function* ({ world, client, server }) {
      yield* scope(function* (tasks) {
        const jammed = yield* jam(world, client);
        const flushing = tasks.spawn(() => client.flush());
        yield* world.until(() => client.writer !== null, "a parked flush");
        for (const second of Object.values(WRITES)) {
          const error = yield* thrownBy(() => second(client));
          expect(error).toBeInstanceOf(BusyError);
          expect((error as Error).message).toBe(
            `Cannot write to connection ${client.id}: another task is already waiting to write`,
          );
        }
        const all = tasks.spawn(() => readAll(server));
        yield* flushing;
        yield* client.end();
        expect(yield* all).toHaveLength(jammed);
      });
    },
  );

  both(
    "read of another task never takes bytes from under a reader that they have just woken",
    function* ({ world, server }) {
      yield* scope(function* (tasks) {
        const reading = tasks.spawn(() => server.read());
        yield* world.until(() => server.reader !== null, "a parked reader");
        // As the socket does, and then this task goes on before the woken one.
        server.socketData(Buffer.from("for the first"));
        expect(yield* thrownBy(() => server.read())).toBeInstanceOf(BusyError);
        expect(textOf(yield* reading)).toBe("for the first");
      });
    },
  );

  both(
    "read that found another reader, and is unparked for a composite, leaves that reader its place",
    function* ({ world, client, server }) {
      yield* scope(function* (tasks) {
        const reading = tasks.spawn(() => server.read());
        yield* world.until(() => server.reader !== null, "a parked reader");
        const { reader } = server;
        const second = server.readLine();
        expect(yield* thrownBy(() => second)).toBeInstanceOf(BusyError);
        (second as unknown as Wait).unpark(reading);
        expect(server.reader).toBe(reader);
        yield* client.write("x");
        expect(textOf(yield* reading)).toBe("x");
      });
    },
  );

  both("read and write go on side by side in two tasks", function* ({ client, server }) {
    const bytes = patterned(100_000);
    yield* scope(function* (tasks) {
      for (const conn of [client, server]) {
        tasks.spawn(function* () {
          yield* conn.write(bytes);
          yield* conn.end();
        });
      }
      const heard = [client, server].map((conn) => tasks.spawn(() => readAll(conn)));
      for (const task of heard) expect((yield* task).equals(bytes)).toBe(true);
    });
  });
}

function singleUseContract(both: ConnTest): void {
  both(
    "an operation that was handed out and is not over is never handed out again",
    function* ({ world, client, server }) {
      // The first of each kind is made and kept for reuse.
      yield* client.write("a");
      expect(textOf(yield* server.read())).toBe("a");
      const writes = [client.write("1"), client.write("2"), client.write("3")];
      expect(new Set(writes).size).toBe(3);
      for (const write of writes) yield* write;
      // All is there, so that none of the operations below has to wait.
      yield* world.until(() => server.received.size === 3, "three bytes");
      const reads = [server.read(1), server.read(1), server.read(1)];
      expect(new Set(reads).size).toBe(3);
      let text = "";
      for (const read of reads) text += textOf(yield* read);
      expect(text).toBe("123");
      yield* scope(function* (tasks) {
        const parked = tasks.spawn(() => server.more());
        yield* world.until(() => server.reader !== null, "a parked reader");
        const second = server.more();
        expect(second).not.toBe(server.reader as unknown as typeof second);
        expect(yield* thrownBy(() => second)).toBeInstanceOf(BusyError);
        yield* client.write("x");
        expect(yield* parked).toBe(true);
      });
    },
  );

  both("an operation that is over is handed out again: a message allocates none", function* ({ client, server }) {
    yield* client.write("a");
    const write = client.write("b");
    yield* write;
    const read = server.read(1);
    yield* read;
    for (let i = 0; i < 3; i++) {
      const again = client.write("c");
      expect(again).toBe(write);
      yield* again;
      const next = server.read(1);
      expect(next).toBe(read);
      yield* next;
    }
  });

  both("an operation that runs twice throws ProtocolError", function* ({ world, client, server }) {
    const { more: _more, ...reads } = READS;
    for (const start of [...Object.values(reads), (conn: Conn) => conn.read(1)]) {
      yield* client.write("1x2\n");
      yield* world.until(() => server.received.size === 4, "four bytes");
      const operation = start(server);
      yield* operation;
      expect(yield* thrownBy(() => operation)).toBeInstanceOf(ProtocolError);
      if (server.received.size > 0) yield* server.read();
    }
    for (const start of [...Object.values(WRITES), (conn: Conn) => conn.end()]) {
      const operation = start(client);
      yield* operation;
      expect(yield* thrownBy(() => operation)).toBeInstanceOf(ProtocolError);
    }
  });
}
