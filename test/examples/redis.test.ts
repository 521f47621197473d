// The cache in a simulated world: how many writes an answer takes, what time does to keys, and what a client that is slow, hostile or gone can do. What
// each command answers is held against redis-server in redis-differential.test.ts.

import { describe, expect, test } from "bun:test";
import { Store } from "../../examples/redis/store.ts";
import { CALM_NETWORK, createPrng, ROUGH_NETWORK } from "../../src/sim/index.ts";
import { wholeNumber } from "../environment.ts";
import { CacheWorld, command, latin1 } from "./redis-world.ts";

/** A peer that takes next to nothing once it has paused. */
const NARROW = {
  world: { network: { ...CALM_NETWORK, sendBufferBytes: [2_000, 2_000], receiveBufferBytes: 2_000 } },
} as const;
const FOREVER = String(2 ** 31);

describe("a pipeline", () => {
  test("a pipeline of commands is answered in one kernel write", async () => {
    const world = new CacheWorld();
    const client = world.client();
    client.ask(["SET", "warm", "up"]);
    const { writes } = client.server;
    const value = "v".repeat(100);
    const pipeline = Array.from(
      { length: 100 },
      (_, i) => command("SET", `key${i}`, value) + command("GET", `key${i}`),
    );
    expect(client.ask(pipeline.join(""))).toBe(`+OK\r\n$100\r\n${value}\r\n`.repeat(100));
    expect(client.server.writes - writes).toBe(1);
    expect(client.ask("PING\r\n".repeat(1_000))).toBe("+PONG\r\n".repeat(1_000));
    expect(client.server.writes - writes).toBe(2);
    await world.finish();
  });

  test("a pipeline costs one resume of one task, and no timer", async () => {
    const world = new CacheWorld();
    const client = world.client();
    client.ask("PING\r\n");
    const { steps, timers } = world.mill.scheduler;
    const { arms } = timers;
    client.ask(...Array.from({ length: 16 }, () => ["GET", "nothing"]));
    expect([world.mill.scheduler.steps - steps, timers.arms - arms]).toEqual([1, 0]);
    await world.finish();
  });

  test("a pipeline is answered alike wherever it is cut, byte by byte too", async () => {
    const world = new CacheWorld();
    const commands = [
      command("SET", "\0k\xFF", "\r\n\x80"),
      command("GET", "\0k\xFF"),
      'set "a b" 12\r\n',
      "incr 'a b'\n",
      command("MGET", "\0k\xFF", "none", "a b"),
      "\r\n*0\r\n",
      command("nosuch", "x"),
      command("HELLO", "3"),
      command("GET", "none"),
      command("HELLO", "2"),
      command("FLUSHALL"),
    ].join("");
    const whole = world
      .client()
      .ask(commands)
      .replaceAll(/:\d+\r\n\$4\r\nmode/g, ":ID\r\n$4\r\nmode");
    expect(whole).toContain("$3\r\n\r\n\x80\r\n");
    expect(whole).toContain("$2\r\n13\r\n");
    const client = world.client();
    for (let cut = 1; cut < commands.length; cut++) {
      client.send(commands.slice(0, cut));
      world.pass(1);
      client.send(commands.slice(cut));
      world.pass(1);
      expect([cut, client.heard().replaceAll(/:\d+\r\n\$4\r\nmode/g, ":ID\r\n$4\r\nmode")]).toEqual([cut, whole]);
    }
    for (const byte of commands) {
      client.send(byte);
      world.pass(0.3);
    }
    world.pass();
    expect(client.heard().replaceAll(/:\d+\r\n\$4\r\nmode/g, ":ID\r\n$4\r\nmode")).toBe(whole);
    client.peer.end();
    await world.finish();
  });

  test("a pipeline with answers of a megabyte is held up by a client that does not read, and goes on with it", async () => {
    const world = new CacheWorld(NARROW);
    const client = world.client();
    const value = "0123456789abcdef".repeat(65_536);
    client.ask(["SET", "big", value]);
    world.pass(1_000);
    expect(client.heard()).toBe("+OK\r\n");
    client.peer.pause();
    client.send(["SET", "n", "0"], ...Array.from({ length: 20 }, () => ["GET", "big"]), ["INCR", "n"]);
    world.pass(5_000);
    const other = world.client();
    expect(other.ask(["GET", "n"])).toBe("$1\r\n0\r\n");
    client.peer.resume();
    world.pass(60_000);
    expect(client.heard()).toBe(`+OK\r\n${`$1048576\r\n${value}\r\n`.repeat(20)}:1\r\n`);
    expect(other.ask(["GET", "n"])).toBe("$1\r\n1\r\n");
    await world.finish();
  });

  test("one MGET of ten thousand values does not gather its whole answer in memory", async () => {
    const world = new CacheWorld(NARROW);
    const client = world.client();
    const value = "w".repeat(1_000);
    client.ask(["SET", "k", value]);
    client.peer.pause();
    client.send(["MGET", ...Array.from({ length: 10_000 }, () => "k")]);
    world.pass(1_000);
    // The outbox up to its mark, and what is gathered before a write.
    expect(world.conns[0]?.outbox.pending).toBeWithin(64 * 1024, 120 * 1024);
    // A value that is replaced meanwhile is answered as it was.
    const other = world.client();
    expect(other.ask(["SET", "k", "new"])).toBe("+OK\r\n");
    client.peer.resume();
    world.pass(20_000);
    expect(client.heard()).toBe(`*10000\r\n${`$1000\r\n${value}\r\n`.repeat(10_000)}`);
    await world.finish();
  });
});

describe("a key with a time to live", () => {
  test("is there until its moment, and not after it", async () => {
    const world = new CacheWorld();
    const client = world.client();
    expect(client.ask(["SET", "a", "1", "EX", "10"], ["SET", "b", "2", "PX", "1500"], ["SET", "c", "3"])).toBe(
      "+OK\r\n".repeat(3),
    );
    expect(client.ask(["TTL", "a"], ["TTL", "b"], ["TTL", "c"], ["TTL", "d"])).toBe(":10\r\n:1\r\n:-1\r\n:-2\r\n");
    world.pass(1_400);
    expect(client.ask(["EXISTS", "a", "b", "c"], ["GET", "b"])).toBe(":3\r\n$1\r\n2\r\n");
    world.pass(100);
    expect(client.ask(["EXISTS", "a", "b", "c"], ["GET", "b"], ["TTL", "b"])).toBe(":2\r\n$-1\r\n:-2\r\n");
    expect(
      client.ask(["INCR", "a"], ["SET", "c", "4", "KEEPTTL"], ["PEXPIRE", "c", "100"], ["SET", "c", "5", "KEEPTTL"]),
    ).toBe(":2\r\n+OK\r\n:1\r\n+OK\r\n");
    world.pass(200);
    expect(client.ask(["EXISTS", "c"], ["TTL", "a"])).toBe(":0\r\n:8\r\n");
    expect(client.ask(["SET", "a", "for ever"], ["TTL", "a"], ["EXPIRE", "a", "0"], ["EXISTS", "a"])).toBe(
      "+OK\r\n:-1\r\n:1\r\n:0\r\n",
    );
    await world.finish();
  });

  test("is removed by the sweep when nobody asks for it", async () => {
    const world = new CacheWorld();
    const client = world.client();
    const keys = Array.from({ length: 5_000 }, (_, i) => ["SET", `k${i}`, "v", "PX", "1000"]);
    client.ask(...keys, ["SELECT", "3"], ["SET", "other", "v", "PX", "1000"], ["SET", "late", "v", "EX", "100"]);
    const [first, , , fourth] = world.redis.keyspace.stores as Store[];
    expect([first?.size, fourth?.size]).toEqual([5_000, 2]);
    world.pass(900);
    expect([first?.size, fourth?.size]).toEqual([5_000, 2]);
    world.pass(500);
    expect([first?.size, first?.mortals, first?.expired, fourth?.size]).toEqual([0, 0, 5_000, 1]);
    await world.finish();
  });
});

describe("Store", () => {
  const value = new Uint8Array(1);

  test("Store.sweep looks at no more keys than it may, and comes round to all of them", () => {
    let now = 0;
    const store = new Store(() => now, Number.POSITIVE_INFINITY);
    for (let i = 0; i < 100; i++) store.set(`${i}`, value, i % 2 === 0 ? 10 : 1_000);
    now = 10;
    const removed = Array.from({ length: 11 }, () => store.sweep(10));
    // The eleventh call finds the end, and the next ones begin anew.
    expect(removed).toEqual([...Array.from({ length: 10 }, () => 5), 0]);
    expect([store.size, store.mortals]).toEqual([50, 50]);
    now = 1_000;
    let sweeps = 0;
    while (store.size > 0) {
      expect(store.sweep(10)).toBeLessThanOrEqual(10);
      expect(++sweeps).toBeLessThan(20);
    }
  });

  test("Store holds no more keys than it may: those go that nobody uses", () => {
    const store = new Store(() => 0, 100);
    for (let i = 0; i < 1_000; i++) {
      store.set(`k${i}`, value);
      expect(store.get("k7") === null).toBe(i < 7);
      expect(store.size).toBeLessThanOrEqual(100);
    }
    expect([store.size, store.evicted, store.has("k999"), store.has("k8")]).toEqual([100, 900, true, false]);
  });

  test("Store makes room even where every key is used", () => {
    const store = new Store(() => 0, 50);
    for (let i = 0; i < 500; i++) {
      store.set(`k${i}`, value);
      for (let j = 0; j <= i; j++) store.has(`k${j}`);
    }
    expect([store.size, store.evicted]).toEqual([50, 450]);
    expect(() => new Store(() => 0, 0)).toThrow(RangeError);
  });

  test("Store forgets the time to live of a key that was evicted or set anew", () => {
    let now = 0;
    const store = new Store(() => now, 2);
    store.set("a", value, 5);
    store.set("b", value, 5);
    store.set("c", value);
    store.set("b", value);
    expect(store.mortals).toBe(0);
    now = 10;
    expect([store.sweep(10), store.size, store.has("b"), store.expired]).toEqual([0, 2, true, 0]);
  });
});

describe("a client", () => {
  test("a client whose bytes are no commands gets the answers before them, the fault, and the end", async () => {
    const world = new CacheWorld();
    const client = world.client();
    expect(client.ask(["SET", "a", "1"], ["GET", "a"], "*1\r\n$x\r\n", ["SET", "a", "2"])).toBe(
      "+OK\r\n$1\r\n1\r\n-ERR Protocol error: invalid bulk length\r\n",
    );
    expect(client.peer.ended).toBe(true);
    expect(world.client().ask(["GET", "a"])).toBe("$1\r\n1\r\n");
    await world.finish();
  });

  test("a client that is a browser is sent away before the body of its form is read", async () => {
    const world = new CacheWorld();
    for (const head of ["POST / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: 127.0.0.1:6379\r\n"]) {
      const client = world.client();
      expect(client.ask(`${head}\r\nset a stolen\r\n`)).toEndWith("-ERR Protocol error: this is no HTTP server\r\n");
      expect(client.peer.ended).toBe(true);
    }
    expect(world.client().ask(["EXISTS", "a"])).toBe(":0\r\n");
    await world.finish();
  });

  test("a client that quits gets its answers and the end, and nothing behind it is done", async () => {
    const world = new CacheWorld();
    const client = world.client();
    expect(client.ask(["SET", "a", "1"], ["QUIT"], ["SET", "a", "2"])).toBe("+OK\r\n+OK\r\n");
    expect([client.peer.ended, world.client().ask(["GET", "a"])]).toEqual([true, "$1\r\n1\r\n"]);
    await world.finish();
  });

  test("a client that vanishes in the middle of a command leaves nothing behind", async () => {
    const world = new CacheWorld();
    const half = world.client();
    half.send(command("SET", "a", "x".repeat(1_000)).slice(0, 500));
    const listening = world.client();
    listening.ask(["SUBSCRIBE", "news"]);
    world.pass();
    half.peer.reset();
    listening.peer.reset();
    world.pass();
    expect([world.redis.keyspace.connected, world.redis.keyspace.channels.size]).toEqual([0, 0]);
    expect(world.client().ask(["EXISTS", "a"], ["PUBLISH", "news", "x"])).toBe(":0\r\n:0\r\n");
    await world.finish();
  });

  test("a client that is silent for too long is closed, one that listens is not", async () => {
    const world = new CacheWorld({ idleMs: 10_000 });
    const [silent, talking, listening] = [world.client(), world.client(), world.client()];
    listening.ask(["SUBSCRIBE", "news"]);
    for (let i = 0; i < 5; i++) {
      talking.ask("PING\r\n");
      world.pass(5_000);
    }
    expect([silent.peer.ended, talking.peer.ended, listening.peer.ended]).toEqual([true, false, false]);
    await world.finish();
  });

  test("clients that are owed nothing are let go at once when the server closes, others when they have their answers", async () => {
    const world = new CacheWorld(NARROW);
    const idle = world.client();
    const busy = world.client();
    const value = "z".repeat(200_000);
    busy.send(["SET", "k", value]);
    world.pass(1_000);
    busy.heard();
    busy.peer.pause();
    busy.send(["GET", "k"]);
    world.pass(10);
    world.task.cancel();
    world.pass(10);
    expect([idle.peer.ended, busy.peer.ended]).toEqual([true, false]);
    busy.peer.resume();
    world.pass(500);
    expect([busy.heard(), busy.peer.ended]).toEqual([`$200000\r\n${value}\r\n`, true]);
    await world.finish();
  });
});

describe("a subscriber", () => {
  const message = (channel: string, text: string): string => command("message", channel, text);

  test("a subscriber of RESP2 gets messages as arrays, one of RESP3 as pushes, both in order", async () => {
    const world = new CacheWorld();
    const [two, three, publisher] = [world.client(), world.client(), world.client()];
    expect(two.ask(["SUBSCRIBE", "a", "b", "a"])).toBe(
      "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:2\r\n",
    );
    three.ask(["HELLO", "3"]);
    expect(three.ask(["SUBSCRIBE", "b"], ["ECHO", "x"])).toBe(">3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n$1\r\nx\r\n");
    const all = Array.from({ length: 100 }, (_, i) => `${i}\r\n\xFF`);
    expect(
      publisher.ask(...all.map((text) => ["PUBLISH", "b", text]), ["PUBLISH", "a", "x"], ["PUBLISH", "c", "y"]),
    ).toBe(`${":2\r\n".repeat(100)}:1\r\n:0\r\n`);
    const messages = all.map((text) => message("b", text)).join("");
    expect(two.heard()).toBe(messages + message("a", "x"));
    expect(three.heard()).toBe(messages.replaceAll("*3\r\n$7\r\nmessage", ">3\r\n$7\r\nmessage"));
    expect(two.ask(["UNSUBSCRIBE"])).toBe(
      "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n",
    );
    expect(publisher.ask(["PUBLISH", "b", "z"], ["PUBLISH", "a", "z"])).toBe(":1\r\n:0\r\n");
    expect(two.ask(["GET", "k"])).toBe("$-1\r\n");
    await world.finish();
  });

  test("a message to many is one kernel write each, however many messages there are", async () => {
    const world = new CacheWorld();
    const listeners = Array.from({ length: 20 }, () => world.client());
    for (const listener of listeners) listener.ask(["SUBSCRIBE", "a"]);
    const writes = listeners.map((listener) => listener.server.writes);
    expect(world.client().ask(...Array.from({ length: 50 }, (_, i) => ["PUBLISH", "a", `${i}`]))).toBe(
      ":20\r\n".repeat(50),
    );
    const all = Array.from({ length: 50 }, (_, i) => message("a", `${i}`)).join("");
    for (const [i, listener] of listeners.entries())
      expect([listener.heard(), listener.server.writes - (writes[i] ?? 0)]).toEqual([all, 1]);
    await world.finish();
  });

  test("a subscriber of RESP3 that publishes to itself gets the message behind the answer", async () => {
    const world = new CacheWorld();
    const client = world.client();
    client.ask(["HELLO", "3"]);
    expect(client.ask(["SUBSCRIBE", "a"], ["PUBLISH", "a", "1"], ["UNSUBSCRIBE", "a"], ["PUBLISH", "a", "2"])).toBe(
      ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n>3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n:0\r\n",
    );
    await world.finish();
  });

  test("a message never comes between the bytes of an answer, however slowly that is taken", async () => {
    const world = new CacheWorld(NARROW);
    const client = world.client();
    client.ask(["HELLO", "3"], ["SUBSCRIBE", "a"]);
    const value = "q".repeat(300_000);
    const publisher = world.client();
    publisher.send(["SET", "k", value]);
    world.pass(1_000);
    publisher.heard();
    client.peer.pause();
    client.send(["GET", "k"], ["MGET", "k", "k"]);
    world.pass();
    for (let i = 0; i < 10; i++) expect(publisher.ask(["PUBLISH", "a", `${i}`])).toBe(":1\r\n");
    client.heard();
    client.peer.resume();
    world.pass(5_000);
    const answer = `$300000\r\n${value}\r\n`;
    const pushes = Array.from({ length: 10 }, (_, i) => `>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n${i}\r\n`).join("");
    const received = latin1(client.peer.received);
    expect(received.endsWith(`${answer}${pushes}*2\r\n${answer}${answer}`)).toBe(true);
    await world.finish();
  });

  test.each([
    ["that does not read is dropped when 100 kB wait for it", false],
    ["that is being answered and does not read is dropped as well", true],
  ])("a subscriber %s, and the others get everything", async (_title, isAnswered) => {
    const world = new CacheWorld({ ...NARROW, subscriberBytesMax: 100_000 });
    const [slow, good, publisher] = [world.client(), world.client(), world.client()];
    slow.ask(["HELLO", "3"], ["SUBSCRIBE", "a"]);
    good.ask(["SUBSCRIBE", "a"]);
    slow.peer.pause();
    if (isAnswered) {
      publisher.send(["SET", "k", "x".repeat(200_000)]);
      world.pass(1_000);
      publisher.heard();
      slow.send(["GET", "k"]);
      world.pass();
    }
    const text = "m".repeat(1_000);
    const counts: string[] = [];
    for (let i = 0; i < 300; i++) counts.push(publisher.ask(["PUBLISH", "a", text]));
    world.pass(1_000);
    const both = counts.indexOf(":1\r\n");
    // Beside what waits here there are the buffers of the kernel.
    expect(both).toBeWithin(95, 110);
    expect(counts).toEqual([
      ...Array.from({ length: both }, () => ":2\r\n"),
      ...Array.from({ length: 300 - both }, () => ":1\r\n"),
    ]);
    expect(good.heard()).toBe(message("a", text).repeat(300));
    slow.peer.resume();
    world.pass(1_000);
    expect([slow.peer.wasReset, world.redis.keyspace.dropped]).toEqual([true, 1]);
    expect(publisher.ask(["INFO", "stats"])).toContain("slow_subscribers_dropped:1\r\n");
    await world.finish();
  });

  test("a client may listen to ten thousand channels and no more", async () => {
    const world = new CacheWorld();
    const client = world.client();
    client.ask(["SUBSCRIBE", ...Array.from({ length: 10_000 }, (_, i) => `c${i}`)]);
    world.pass(100);
    client.heard();
    expect(client.ask(["SUBSCRIBE", "c0", "one more"])).toBe(
      "*3\r\n$9\r\nsubscribe\r\n$2\r\nc0\r\n:10000\r\n-ERR a client may listen to 10000 channels at most\r\n",
    );
    await world.finish();
  });
});

test("the server answers whole answers in order on a network that does its worst", async () => {
  const world = new CacheWorld({ world: { seed: 11, network: ROUGH_NETWORK } });
  const clients = Array.from({ length: 5 }, () => world.client());
  for (const [i, client] of clients.entries())
    for (let round = 0; round < 20; round++)
      client.send(["SET", `k${i}`, `${round}`, "EX", FOREVER], ["GET", `k${i}`], ["MGET", `k${i}`, "none"]);
  world.pass(60_000);
  for (const client of clients) {
    const rounds = Array.from({ length: 20 }, (_, round) => `$${`${round}`.length}\r\n${round}\r\n`);
    expect(client.heard()).toBe(rounds.map((bulk) => `+OK\r\n${bulk}*2\r\n${bulk}$-1\r\n`).join(""));
  }
  await world.finish();
});

test("the server survives whatever clients send, vanish and stall, drawn under a seed, and answers the next one", async () => {
  const first = wholeNumber("FUZZ_SEED", 1);
  const worlds = wholeNumber("FUZZ_WORLDS", 5);
  for (let seed = first; seed < first + worlds; seed++) {
    const prng = createPrng(seed);
    const one = <T>(...from: readonly T[]): T => from[prng.between(0, from.length - 1)] as T;
    const scraps = [
      "*",
      "$",
      "\r\n",
      "\n",
      "-1",
      "0",
      "3",
      '"',
      "'",
      "\\x",
      " ",
      "get",
      "\0\xFF",
      "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$",
    ];
    const lines = ["ping", "subscribe a", "hello 3", "reset", "command docs", "info", "publish a 'x y'"];
    const scrap = (): string => {
      const set = command("SET", "k", "v".repeat(prng.between(0, 20_000)), "PX", "20");
      return one(
        one(...scraps),
        `${one(...lines)}\r\n`,
        set,
        command("MGET", "k", "k", "none", "k"),
        command("GET", "k"),
      );
    };
    const world = new CacheWorld({
      world: { seed, network: ROUGH_NETWORK },
      keysMax: 2,
      subscriberBytesMax: 50_000,
      idleMs: 60_000,
    });
    const clients = Array.from({ length: 8 }, () => world.client());
    for (let move = 0; move < 150; move++) {
      const { peer } = one(...clients);
      const chance = prng.next();
      if (chance < 0.02) peer.reset();
      else if (chance < 0.04) peer.shutdown();
      else if (chance < 0.08) peer.pause();
      else if (chance < 0.14) peer.resume();
      else peer.send(Buffer.from(Array.from({ length: prng.between(1, 8) }, scrap).join(""), "latin1"));
      world.pass(prng.between(0, 20));
    }
    const last = world.client();
    last.send(["ECHO", "alive"]);
    world.pass(2_000);
    expect({ seed, heard: last.heard(), errors: world.errors }).toEqual({ seed, heard: "$5\r\nalive\r\n", errors: [] });
    for (const { peer } of clients) peer.resume();
    await world.finish();
  }
});
