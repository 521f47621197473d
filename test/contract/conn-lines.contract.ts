// Part of the conn contract: readUntil and readLine.

import { expect } from "bun:test";
import { scope } from "../../src/concurrency/scope.ts";
import { ConnectionLostError, LineTooLongError, UnexpectedEndError } from "../../src/net/errors.ts";
import { type ConnTest, pour, readAll, textOf, thrownBy } from "./conn-world.ts";

export function readingUpToContract(both: ConnTest): void {
  readUntilContract(both);
  readLineContract(both);
  faultContract(both);
}

function readUntilContract(both: ConnTest): void {
  both(
    "readUntil gives the bytes before the delimiter and drops it, for text and for bytes",
    function* ({ client, server }) {
      yield* client.write("one--two----three--");
      yield* client.end();
      expect(textOf(yield* server.readUntil("--"))).toBe("one");
      expect(textOf(yield* server.readUntil(Buffer.from("--")))).toBe("two");
      expect(textOf(yield* server.readUntil("--"))).toBe("");
      expect(textOf(yield* server.readUntil("ee"))).toBe("thr");
      expect(textOf(yield* server.readUntil("--"))).toBe("");
      expect(yield* server.readUntil("--")).toBeNull();
    },
  );

  both("readUntil finds a delimiter that comes in pieces, after false starts", function* ({ world, client, server }) {
    yield* scope(function* (tasks) {
      const reading = tasks.spawn(() => server.readUntil("aab\0"));
      for (const piece of ["a", "aa", "a", "ab", "aab", "aaa", "b", "\0", "rest"]) {
        const before = server.received.size;
        yield* client.write(piece);
        if (piece !== "rest")
          yield* world.until(
            () => reading.ending !== null || server.received.size === before + piece.length,
            "the piece",
          );
      }
      expect(textOf(yield* reading)).toBe("aaaaabaaba");
      yield* client.end();
      expect((yield* readAll(server)).toString()).toBe("rest");
    });
  });

  both("readUntil refuses an empty delimiter and a max that is no whole number", function* ({ server }) {
    expect(() => void server.readUntil("")).toThrow(RangeError);
    expect(() => void server.readUntil(new Uint8Array(0))).toThrow(RangeError);
    for (const max of [-1, 0.5, Number.NaN]) expect(() => void server.readLine({ max })).toThrow(RangeError);
    yield* [];
  });
}

function readLineContract(both: ConnTest): void {
  both(
    "readLine ends lines at LF and CRLF; an empty line is a line and the end is null",
    function* ({ client, server }) {
      yield* client.write("first\nsecond\r\n\n\r\n\rnot yet\r\r\nlast\n");
      yield* client.end();
      const lines: string[] = [];
      for (let line: string | null; (line = yield* server.readLine()) !== null;) lines.push(line);
      expect(lines).toEqual(["first", "second", "", "", "\rnot yet\r", "last"]);
      expect(yield* server.readLine()).toBeNull();
    },
  );

  both("readLine finds CRLF across chunks", function* ({ world, client, server }) {
    yield* client.write("split\r");
    yield* world.until(() => server.received.size === 6, "the first half");
    yield* scope(function* (tasks) {
      const reading = tasks.spawn(() => server.readLine());
      yield* world.until(() => server.reader !== null, "a parked reader");
      yield* client.write("\nnext");
      expect(yield* reading).toBe("split");
    });
    expect(textOf(yield* server.readExactly(4))).toBe("next");
  });

  both("readLine decodes UTF-8, wherever it is cut", function* ({ client, server }) {
    const lines = ["Grüße, Jürgen", "☃ and 𝄞", "日本語", "\ufeffmark"];
    yield* scope(function* (tasks) {
      tasks.spawn(() => pour(client, Buffer.from(`${lines.join("\n")}\n`), 3));
      for (const line of lines) expect(yield* server.readLine()).toBe(line);
    });
  });

  both("readLine takes a line of up to max bytes, and a long one with a larger max", function* ({ client, server }) {
    const long = "x".repeat(100_000);
    yield* scope(function* (tasks) {
      tasks.spawn(() => pour(client, Buffer.from(`12345\n${long}\n`)));
      expect(yield* server.readLine({ max: 5 })).toBe("12345");
      expect(yield* thrownBy(() => server.readLine())).toBeInstanceOf(LineTooLongError);
      expect(yield* server.readLine({ max: 100_000 })).toBe(long);
    });
  });
}

function faultContract(both: ConnTest): void {
  both(
    "readLine throws LineTooLongError as soon as no line can fit, and the bytes stay",
    function* ({ client, server }) {
      yield* client.write("123456");
      const error = yield* thrownBy(() => server.readLine({ max: 5 }));
      expect(error).toBeInstanceOf(LineTooLongError);
      expect(error).toMatchObject({
        code: "ERR_LINE_TOO_LONG",
        message: `Cannot read a line from connection ${server.id}: none within 5 bytes`,
      });
      yield* client.write("\n");
      expect(yield* thrownBy(() => server.readLine({ max: 5 }))).toBeInstanceOf(LineTooLongError);
      expect(yield* server.readLine({ max: 6 })).toBe("123456");
    },
  );

  both(
    "readLine throws UnexpectedEndError for a line without an end, and the bytes stay",
    function* ({ client, server }) {
      yield* client.write("whole\nhalf");
      yield* client.end();
      expect(yield* server.readLine()).toBe("whole");
      const error = yield* thrownBy(() => server.readLine());
      expect(error).toBeInstanceOf(UnexpectedEndError);
      expect((error as Error).message).toBe(
        `Cannot read a line from connection ${server.id}: its input ended after 4 bytes without one`,
      );
      expect(textOf(yield* server.read())).toBe("half");
      expect(yield* server.readLine()).toBeNull();
    },
  );

  both(
    "readLine throws ConnectionLostError for a line that a reset cut, and the bytes stay",
    function* ({ world, client, server }) {
      yield* client.write("half");
      yield* world.until(() => server.received.size === 4, "four bytes");
      client.terminate();
      yield* world.until(() => server.closed, "the reset");
      expect(yield* thrownBy(() => server.readLine())).toBeInstanceOf(ConnectionLostError);
      expect(textOf(yield* server.read())).toBe("half");
    },
  );
}
