// The cache beside redis-server: what each command answers, byte for byte, its errors included. First a list that visits every branch, then commands drawn
// under a seed. What the two are meant to answer differently (INFO, COMMAND, HELLO's version and id) is not asked for here.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { startRedisArm } from "../../bench/measure/redis.ts";
import type { RedisProcess } from "../../bench/measure/redis-process.ts";
import { createPrng } from "../../src/sim/prng.ts";
import { wholeNumber } from "../environment.ts";
import { within } from "../subprocess.ts";
import { command } from "./redis-world.ts";

setDefaultTimeout(30_000);

/** A connection that sends bytes as they are, and gives all that comes back up to a mark. */
class RawRedis implements Disposable {
  readonly #socket: Bun.Socket;
  #said = "";
  #changed = Promise.withResolvers<void>();
  #isClosed = false;
  #marks = 0;

  private constructor(socket: Bun.Socket) {
    this.#socket = socket;
  }

  static async connect(port: number): Promise<RawRedis> {
    const box: { raw: RawRedis | null } = { raw: null };
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: (_socket, bytes) => box.raw?.hear(bytes.toString("latin1")), close: () => box.raw?.hear(null) },
    });
    box.raw = new RawRedis(socket);
    return box.raw;
  }

  hear(text: string | null): void {
    if (text === null) this.#isClosed = true;
    else this.#said += text;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** What is answered to `bytes`; to that of a mark behind it the end of the connection stands as `(closed)`. */
  async ask(bytes: string): Promise<string> {
    const mark = `mark ${++this.#marks}`;
    const end = `$${mark.length}\r\n${mark}\r\n`;
    this.#socket.write(Buffer.from(bytes + command("ECHO", mark), "latin1"));
    while (!this.#said.endsWith(end) && !this.#isClosed) await within(this.#changed.promise, JSON.stringify(bytes));
    const said = this.#isClosed ? `${this.#said}(closed)` : this.#said.slice(0, -end.length);
    this.#said = "";
    return said;
  }

  [Symbol.dispose](): void {
    this.#socket.terminate();
  }
}

let theirs: RedisProcess;
let ours: RedisProcess;
beforeAll(async () => {
  theirs = await startRedisArm("redis-server");
  ours = await startRedisArm("millrace");
});
afterAll(async () => {
  await theirs[Symbol.asyncDispose]();
  await ours[Symbol.asyncDispose]();
});

const HELLO_3 = command("HELLO", "3", "SETNAME", "tester");

/** Asks both for each of `scripts` in turn, on one connection each, and compares. */
async function compare(scripts: readonly string[], isThree: boolean): Promise<void> {
  using them = await RawRedis.connect(theirs.port);
  using us = await RawRedis.connect(ours.port);
  for (const server of [them, us]) await server.ask(command("FLUSHALL") + (isThree ? HELLO_3 : ""));
  for (const script of scripts) {
    const [expected, given] = await Promise.all([them.ask(script), us.ask(script)]);
    expect([script, given]).toEqual([script, expected]);
  }
}

const INTEGER_MAX = "9223372036854775807";
const INTEGER_MIN = "-9223372036854775808";

/** Commands as words; what holds spaces or other bytes is written as an array. */
const SCRIPTS: readonly string[] = [
  ...[
    "ping",
    "PING hello",
    "ping a b",
    "echo",
    "echo hi",
    "echo a b",
    "nosuch",
    "nosuch a b c",
    "NoSuch A",
    "get",
    "get a",
    "get a b",
    "set a",
    "set a 1",
    "get a",
    "set a 2 nx",
    "get a",
    "set a 3 xx",
    "get a",
    "set new 1 xx",
    "get new",
    "set new 1 NX",
    "get new",
    "set a 4 nx xx",
    "set a 4 xx nx",
    "set a 4 what",
    "set a 4 ex",
    "set a 4 ex x",
    "set a 4 ex 0",
    "set a 4 ex -1",
    "set a 4 px 0",
    `set a 4 ex ${INTEGER_MAX}`,
    `set a 4 px ${INTEGER_MAX}`,
    "set a 4 ex 100 px 100",
    "set a 4 px 100 ex 100",
    "set a 4 ex 100 keepttl",
    "set a 4 keepttl ex 100",
    "set a 4 ex 1.5",
    "set a 4 ex 01",
    "set a 5 get",
    "set none 1 get",
    "set none 2 get nx",
    "get none",
    "set fresh 2 get xx",
    "get fresh",
    "set a 6 nx get ex 100",
    "ttl a",
    "set a 7 ex 100",
    "ttl a",
    "set a 8",
    "ttl a",
    "set a 9 ex 100",
    "set a 10 keepttl",
    "ttl a",
    "incr a",
    "ttl a",
    "SET a 1 EX 100 XX GET",
    "mget",
    "mget a",
    "mget a nope a",
    "mset",
    "mset a",
    "mset a 1",
    "mset a 1 b",
    "mset a 1 b 2 a 3",
    "mget a b",
    "del",
    "del a",
    "del a",
    "del a b nope b",
    "exists",
    "exists a",
    "set a 1",
    "exists a a nope",
    "incr",
    "incr n",
    "incr n",
    "decr n",
    "decr m",
    "incrby n",
    "incrby n 10",
    "incrby n -3",
    "incrby n x",
    "incrby n 1.0",
    "incrby n 01",
    "incrby n +1",
    "decrby n 5",
    "decrby n -5",
    "decrby n x",
    `decrby n ${INTEGER_MIN}`,
    `set n ${INTEGER_MAX}`,
    "incr n",
    "incrby n -1",
    "incrby n 1",
    "incr n",
    `set n ${INTEGER_MIN}`,
    "decr n",
    "decrby n 1",
    "incr n",
    "decr n",
    "decr n",
    "set n 9007199254740991",
    "incr n",
    "incr n",
    "incrby n 9007199254740993",
    "set n text",
    "incr n",
    "set n 1x",
    "incr n",
    "set n 01",
    "incr n",
    "incr n n",
    "expire",
    "expire a",
    "expire nope 10",
    "expire a x",
    "expire a 1.5",
    "expire a 100",
    "ttl a",
    `expire a ${INTEGER_MAX}`,
    `expire a ${INTEGER_MIN}`,
    `pexpire a ${INTEGER_MAX}`,
    "pexpire a 100000",
    "ttl a",
    "pexpire a x",
    "expire nope x",
    "ttl",
    "ttl a b",
    "ttl nope",
    "pttl nope",
    "set a 1",
    "ttl a",
    "pttl a",
    "expire a 0",
    "exists a",
    "set a 1",
    "expire a -5",
    "exists a",
    "set a 1",
    "pexpire a -1",
    "exists a",
    "pttl",
    "select",
    "select x",
    "select 16",
    "select -1",
    "select 15",
    "get n",
    "set n elsewhere",
    "dbsize",
    "select 0",
    "get n",
    "dbsize",
    "dbsize x",
    "flushdb x",
    "flushdb",
    "dbsize",
    "select 15",
    "dbsize",
    "flushall",
    "dbsize",
    "flushall async",
    "flushall sync",
    "flushall sync sync",
    "select 0",
    "client",
    "client id x",
    "client nosuch",
    "client nosuch x",
    "client setname",
    "client setname bob",
    "client getname",
    "client getname x",
    "config",
    "config get",
    "config get save",
    "config get appendonly",
    "config get nosuch",
    "config nosuch",
    "command nosuch",
    "command count x",
    "hello x",
    "hello 4",
    "hello 1",
    "hello 2 what",
    "hello 2 setname",
    "hello 2 auth default",
    "hello 2 auth nobody x",
    "auth",
    "auth x",
    "auth default x",
    "auth nobody x",
    "auth a b c",
    "publish",
    "publish a",
    "publish a b",
    "publish a b c",
    "subscribe",
    "unsubscribe",
    "unsubscribe a b",
    "reset x",
  ].map((line) => `${line}\r\n`),
  "",
  "\r\n",
  "\n\n  \r\n\tping\t\r\n",
  "*0\r\n*-1\r\n*-100\r\n",
  'set q "a b"\r\nget q\r\n',
  `set q "\\x41\\x4g\\n\\r\\t\\b\\a\\\\\\"\\q'"\r\nget q\r\n`,
  `set q 'a\\'b\\n"'\r\nget q\r\n`,
  `set q "" ''\r\n`,
  `set "q" ''\r\nget q\r\n`,
  `set q pre"quoted"\r\nget q\r\n`,
  command("SET", "\0\xFF\r\n", "\r\n\0\x80"),
  command("GET", "\0\xFF\r\n"),
  command("", "x"),
  command("GET", ""),
  command("SET", "", ""),
  command("GET", ""),
  command("nosuch", "a\r\nb", "\xFF"),
  command("x".repeat(200), "y".repeat(200), "z"),
  command("nosuch", ...Array.from({ length: 50 }, (_, i) => `argument${i}`)),
  command("client", "no\r\nsuch"),
  command("CLIENT", "SETNAME", "with space"),
  command("CLIENT", "SETNAME", "ol\xE9"),
  command("CLIENT", "SETNAME", ""),
  command("CLIENT", "GETNAME"),
  command("set", "big", "x".repeat(100_000)) + command("get", "big"),
];

const LISTENING: readonly string[] = [
  command("SUBSCRIBE", "a", "b", "a"),
  command("PING"),
  command("PING", "hello"),
  command("PING", "hello", "there"),
  command("GET", "a"),
  command("SET", "a"),
  command("nosuch"),
  command("PUBLISH", "b", "x"),
  command("UNSUBSCRIBE", "a"),
  command("UNSUBSCRIBE", "nope"),
  command("UNSUBSCRIBE"),
  command("UNSUBSCRIBE"),
  command("GET", "a"),
  command("SUBSCRIBE", "c") + command("RESET"),
  command("GET", "a"),
];

/** Each ends the connection. */
const FAULTS: readonly string[] = [
  "*1\r\n:1\r\n",
  "*1\r\nGET\r\n",
  "*x\r\n",
  "*1\r\n$x\r\n",
  "*1\r\n$-1\r\n",
  "*1\r\n$9999999999999\r\n",
  'set a "b\r\n',
  "set a 'b\r\n",
  'set "a"b c\r\n',
  command("QUIT"),
  command("QUIT", "now"),
  `${command("SET", "a", "1")}*1\r\n$x\r\n${command("SET", "a", "2")}`,
];

describe("the cache answers as redis-server does", () => {
  test("the cache answers every command and its errors as redis-server does, in RESP2", () => compare(SCRIPTS, false));

  test("the cache answers every command and its errors as redis-server does, in RESP3", () =>
    // What changes the protocol would have the two go apart.
    compare(
      SCRIPTS.filter((script) => !/^(?:hello|reset)/.test(script)),
      true,
    ));

  test("the cache answers a client of RESP2 that has subscribed as redis-server does", async () => {
    // The mark is an ECHO, which such a client may not ask for: the answers are those to all of it at once.
    const ask = async (port: number): Promise<string> => {
      using raw = await RawRedis.connect(port);
      return await raw.ask(LISTENING.join(""));
    };
    expect(await ask(ours.port)).toBe(await ask(theirs.port));
  });

  test("the cache pushes to a client of RESP3 that has subscribed as redis-server does", () =>
    compare(
      LISTENING.filter((script) => !/PUBLISH|RESET/.test(script)),
      true,
    ));

  test.each(FAULTS)("the cache ends a connection as redis-server does: %j", async (fault) => {
    const ask = async (port: number): Promise<string> => {
      using raw = await RawRedis.connect(port);
      return await raw.ask(command("PING") + fault);
    };
    const given = await ask(ours.port);
    expect(given).toBe(await ask(theirs.port));
    expect(given).toEndWith("(closed)");
  });

  test("the cache answers commands drawn under a seed as redis-server does", async () => {
    const seed = wholeNumber("FUZZ_SEED", 4_711);
    const rounds = wholeNumber("FUZZ_REDIS", 3_000);
    const prng = createPrng(seed);
    const one = (...from: readonly string[]): string => from[prng.between(0, from.length - 1)] as string;
    const key = (): string => one("a", "b", "c", "d", "\0");
    const value = (): string =>
      one("", "0", "1", "-7", "12345678901", INTEGER_MAX, INTEGER_MIN, "text", "\r\n", "3.5", "x".repeat(300));
    const amount = (): string => one("1", "-1", "0", "5000000000", INTEGER_MAX, INTEGER_MIN, "x", "");
    // Times to live that neither end nor round to another second in the meantime.
    const seconds = (): string => one("1000", "5000", "0", "-3", "x", INTEGER_MAX);
    const kinds: readonly (() => string[])[] = [
      () => ["get", key()],
      () => ["set", key(), value()],
      () => ["set", key(), value(), one("nx", "xx", "get", "keepttl", "what")],
      () => ["set", key(), value(), one("nx", "XX", "GET", "get"), "EX", seconds()],
      () => ["mget", key(), key(), key()],
      () => ["mset", key(), value(), key(), value()],
      () => [one("del", "exists"), key(), key()],
      () => [one("incr", "decr"), key()],
      () => [one("incrby", "decrby"), key(), amount()],
      () => ["expire", key(), seconds()],
      () => ["pexpire", key(), one("1000000", "-1", "x")],
      () => ["ttl", key()],
      () => [one("get", "set", "ttl", "expire", "incr", "mset", "nosuch")],
      () => ["dbsize"],
      () => ["select", one("0", "0", "1", "99")],
    ];
    using them = await RawRedis.connect(theirs.port);
    using us = await RawRedis.connect(ours.port);
    for (const server of [them, us]) await server.ask(command("FLUSHALL"));
    for (let round = 0; round < rounds;) {
      const size = prng.between(1, 30);
      const script = Array.from({ length: size }, () =>
        command(...(kinds[prng.between(0, kinds.length - 1)]?.() ?? [])),
      );
      const [expected, given] = await Promise.all([them.ask(script.join("")), us.ask(script.join(""))]);
      expect({ seed, round, script, given }).toEqual({ seed, round, script, given: expected });
      round += size;
    }
  });
});
