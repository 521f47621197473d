// The cache's reader and what it is made of: bytes in, commands out, whatever the pieces in which they come, and however bad they are.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bytesOf, integerOf, negated, sumOf, textOf } from "../../examples/redis/bytes.ts";
import { ProtocolFault } from "../../examples/redis/protocol-fault.ts";
import { RESP_LIMITS, type RespLimits, RespReader } from "../../examples/redis/resp-reader.ts";
import { wholeNumber } from "../environment.ts";

/** All commands in the pieces, and the fault that ended them. Bytes are characters. */
function read(
  pieces: readonly string[],
  limits: RespLimits = RESP_LIMITS,
): { commands: string[][]; fault: string | null } {
  const reader = new RespReader(limits);
  const commands: string[][] = [];
  try {
    for (const piece of pieces) {
      reader.push(bytesOf(piece));
      while (reader.next()) commands.push(Array.from({ length: reader.count }, (_, i) => reader.text(i)));
    }
  } catch (error) {
    if (!(error instanceof ProtocolFault)) throw error;
    return { commands, fault: error.message };
  }
  return { commands, fault: null };
}

const array = (...args: string[]): string =>
  `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`;
const faultOf = (text: string, limits?: RespLimits): string | null => read([text], limits).fault;

const STREAM = [
  array("SET", "key", "a value"),
  "PING\r\n",
  array("GET", ""),
  "*0\r\n*-1\r\n\r\n",
  `  set  "a b\\x41\\n\\"" 'it\\'s' \t\n`,
  array("MSET", "\r\n$3\r\n", "\0\xFF", "*1\r\n", "x".repeat(200)),
  "get key\n",
].join("");
const COMMANDS = [
  ["SET", "key", "a value"],
  ["PING"],
  ["GET", ""],
  ["set", 'a bA\n"', "it's"],
  ["MSET", "\r\n$3\r\n", "\0\xFF", "*1\r\n", "x".repeat(200)],
  ["get", "key"],
];

describe("RespReader", () => {
  test("RespReader finds arrays and lines of words, with any bytes in them", () => {
    expect(read([STREAM])).toEqual({ commands: COMMANDS, fault: null });
  });

  test("RespReader finds the same commands wherever the stream is cut", () => {
    for (let cut = 0; cut <= STREAM.length; cut++)
      expect(read([STREAM.slice(0, cut), STREAM.slice(cut)]).commands).toEqual(COMMANDS);
    expect(read([...STREAM]).commands).toEqual(COMMANDS);
  });

  test("RespReader finds the same commands in any three pieces, and keeps what it was given as it was", () => {
    const word = fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.replaceAll(/[^\0-\xFF]/gu, "?"));
    const commands = fc.array(fc.array(word, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(commands, fc.nat(), fc.nat(), (given, one, two) => {
        const stream = given.map((args) => array(...args)).join("");
        const [first = 0, second = 0] = [one % stream.length, two % stream.length].toSorted((a, b) => a - b);
        const pieces = [stream.slice(0, first), stream.slice(first, second), stream.slice(second)];
        expect(read(pieces)).toEqual({ commands: given, fault: null });
      }),
    );
  });

  test("RespReader gives arguments as copies that outlive the chunk, as numbers, and as words in any case", () => {
    const reader = new RespReader();
    const chunk = bytesOf(array("SeT", "-42", "1x", "EX"));
    reader.push(chunk);
    expect(reader.next()).toBe(true);
    const copy = reader.copy(1);
    expect([reader.is(0, "set"), reader.is(0, "get"), reader.is(3, "ex"), reader.is(3, "e")]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([reader.integer(1), reader.integer(2)]).toEqual([-42, null]);
    chunk.fill(0);
    expect(textOf(copy, 0, copy.length)).toBe("-42");
  });

  test("RespReader does not take a character for a letter that only looks like one after its bit was turned", () => {
    // 0x20 is the difference of cases among letters only: `[` is `{` without it, NUL is a space.
    const reader = new RespReader();
    reader.push(bytesOf(array("GE\x14", "A[", "\0")));
    reader.next();
    expect([reader.is(0, "ge4"), reader.is(1, "a{"), reader.is(2, " ")]).toEqual([false, false, false]);
  });

  test.each([
    ["*1\r\n:1\r\n", "expected '$', got ':'"],
    ["*1\r\nGET\r\n", "expected '$', got 'G'"],
    ["*x\r\n", "invalid multibulk length"],
    ["*\r\n", "invalid multibulk length"],
    ["*1\n", "invalid multibulk length"],
    ["*01\r\n", "invalid multibulk length"],
    ["*+1\r\n", "invalid multibulk length"],
    ["*1\rx", "invalid multibulk length"],
    ["*99999999999999999999", "invalid multibulk length"],
    ["*1048577\r\n", "invalid multibulk length"],
    ["*1\r\n$x\r\n", "invalid bulk length"],
    ["*1\r\n$-1\r\n", "invalid bulk length"],
    ["*1\r\n$16777217\r\n", "invalid bulk length"],
    ["*1\r\n$9007199254740993\r\n", "invalid bulk length"],
    ["*1\r\n$3\r\nGETxx", "expected CRLF behind a bulk string"],
    ["*1\r\n$3\r\nGET\rx", "expected CRLF behind a bulk string"],
    ['set a "b\r\n', "unbalanced quotes in request"],
    ["set a 'b\r\n", "unbalanced quotes in request"],
    ['set "a"b\r\n', "unbalanced quotes in request"],
    [`set ${"x".repeat(65_536)}`, "too big inline request"],
    [`set ${"x".repeat(65_536)}\r\n`, "too big inline request"],
  ])("RespReader refuses %j", (text, fault) => {
    expect(faultOf(text)).toBe(`Protocol error: ${fault}`);
    // And what came before it is a command.
    expect(read([array("PING") + text])).toEqual({ commands: [["PING"]], fault: `Protocol error: ${fault}` });
  });

  test("RespReader holds its bounds exactly", () => {
    const limits: RespLimits = { argumentsMax: 3, bulkBytesMax: 5, commandBytesMax: 40, inlineBytesMax: 8 };
    expect(read([array("a", "b", "12345")], limits).commands).toEqual([["a", "b", "12345"]]);
    expect(faultOf(array("a", "b", "c", "d"), limits)).toBe("Protocol error: invalid multibulk length");
    expect(faultOf(array("123456"), limits)).toBe("Protocol error: invalid bulk length");
    expect(faultOf(array("12345", "12345", "12345"), limits)).toBeNull();
    expect(faultOf(array("12345", "12345", "12345"), { ...limits, commandBytesMax: 30 })).toBe(
      "Protocol error: too big request",
    );
    expect(read(["12 45 78\n"], limits).commands).toEqual([["12", "45", "78"]]);
    expect(faultOf("12 45 789\n", limits)).toBe("Protocol error: too big inline request");
  });

  test("RespReader holds no command above its bound, however small the pieces in which it comes", () => {
    const limits = { ...RESP_LIMITS, commandBytesMax: 10_000 };
    const piece = "$1\r\na\r\n";
    const { commands, fault } = read(["*1000000\r\n", ...Array.from({ length: 2_000 }, () => piece)], limits);
    expect([commands, fault]).toEqual([[], "Protocol error: too big request"]);
  });

  test("RespReader never hangs and never fails otherwise than by a fault, whatever comes in whatever pieces", () => {
    const seed = wholeNumber("FUZZ_SEED", 20_261);
    const runs = wholeNumber("FUZZ_REDIS", 3_000);
    const scrap = fc.oneof(
      fc.constantFrom("*", "$", "\r\n", "\r", "\n", "-", "0", "1", "3", "99", '"', "'", "\\", "\\x4", " ", "GET", "a"),
      fc.constantFrom(array("PING"), array("SET", "k", "v"), "PING\r\n", "*2\r\n$3\r\nGET\r\n$1\r\n"),
      fc.string({ unit: "binary", maxLength: 6 }).map((text) => text.replaceAll(/[^\0-\xFF]/gu, "?")),
    );
    fc.assert(
      fc.property(fc.array(fc.array(scrap, { maxLength: 6 }), { maxLength: 6 }), (pieces) => {
        const texts = pieces.map((scraps) => scraps.join(""));
        const whole = read([texts.join("")]);
        expect(read(texts)).toEqual(whole);
        expect(read([...texts.join("")])).toEqual(whole);
      }),
      { seed, numRuns: runs },
    );
  });
});

describe("whole numbers", () => {
  const of = (text: string): unknown => integerOf(bytesOf(text), 0, text.length);

  test("integerOf takes what Redis takes: 64 bits, one form for each number", () => {
    const good = [
      "0",
      "1",
      "-1",
      "10",
      "999999999999999",
      "9007199254740991",
      "9007199254740993",
      "-9223372036854775808",
      "9223372036854775807",
    ];
    for (const text of good) expect(String(of(text))).toBe(text);
    const bad = [
      "",
      "-",
      "+1",
      "01",
      "-0",
      "00",
      " 1",
      "1 ",
      "1.0",
      "1e3",
      "0x1",
      "9223372036854775808",
      "-9223372036854775809",
      "1".repeat(30),
      "١",
    ];
    for (const text of bad) expect([text, of(text)]).toEqual([text, null]);
  });

  test("sumOf and negated agree with bigint, and know where 64 bits end", () => {
    const integer = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const narrow = (value: bigint): string | null => (BigInt.asIntN(64, value) === value ? String(value) : null);
    const parse = (value: bigint): number | bigint => of(String(value)) as number | bigint;
    const say = (value: number | bigint | null): string | null => (value === null ? null : String(value));
    fc.assert(
      fc.property(integer, integer, (a, b) => {
        expect(say(sumOf(parse(a), parse(b)))).toBe(narrow(a + b));
        expect(say(negated(parse(a)))).toBe(narrow(-a));
      }),
    );
    expect(negated(0)).toBe(0);
  });
});
