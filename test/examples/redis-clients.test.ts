// The cache with clients that people use: Bun's own, the one of npm, redis-cli and redis-benchmark. Each is used as its manual says.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { RedisClient } from "bun";
import { createClient } from "redis";
import { printed, runCommand } from "../clients/support.ts";
import { within } from "../subprocess.ts";
import { Example } from "./support.ts";

setDefaultTimeout(60_000);

let cache: Example;
beforeAll(async () => {
  cache = await Example.start("redis");
});
afterAll(async () => {
  expect([await cache.end(), await cache.program.errors()]).toEqual([0, ""]);
  await cache[Symbol.asyncDispose]();
});

const BINARY = new Uint8Array([0, 255, 13, 10, 128, 36]);

/** Collects what is given to `take` until there are `count`. */
function collector<T>(count: number): { take: (item: T) => void; all: Promise<T[]> } {
  const items: T[] = [];
  const { promise, resolve } = Promise.withResolvers<T[]>();
  const take = (item: T): void => {
    items.push(item);
    if (items.length === count) resolve(items);
  };
  return { take, all: within(promise, `${count} messages`) };
}

describe("Bun's RedisClient", () => {
  /** Connected, and closed with its `using`. */
  async function connected(): Promise<RedisClient & Disposable> {
    const client = new RedisClient(`redis://127.0.0.1:${cache.port}`, { autoReconnect: false });
    await client.connect();
    return Object.assign(client, { [Symbol.dispose]: () => client.close() });
  }

  test("Bun's RedisClient sets, gets, counts and expires", async () => {
    using client = await connected();
    expect(await client.set("bun:a", "Grüße")).toBe("OK");
    expect(await client.get("bun:a")).toBe("Grüße");
    expect(await client.get("bun:none")).toBeNull();
    expect(await client.set("bun:a", "x", "NX")).toBeNull();
    expect(await client.exists("bun:a")).toBe(true);
    expect([await client.incr("bun:n"), await client.incrby("bun:n", 41), await client.decr("bun:n")]).toEqual([
      1, 42, 41,
    ]);
    expect([await client.expire("bun:n", 100), await client.ttl("bun:n"), await client.ttl("bun:a")]).toEqual([
      1, 100, -1,
    ]);
    expect(await client.mget("bun:a", "bun:none", "bun:n")).toEqual(["Grüße", null, "41"]);
    expect(await client.del("bun:a", "bun:n", "bun:none")).toBe(2);
    await client.set("bun:bytes", BINARY);
    expect([...((await client.getBuffer("bun:bytes")) ?? [])]).toEqual([...BINARY]);
    expect(await client.send("ECHO", ["hello"])).toBe("hello");
  });

  test("Bun's RedisClient gets errors as errors", async () => {
    using client = await connected();
    await client.set("bun:text", "text");
    expect(await client.incr("bun:text").catch(String)).toContain("value is not an integer or out of range");
    expect(await client.send("NOSUCH", ["x"]).catch(String)).toContain("unknown command 'NOSUCH'");
    expect(await client.get("bun:text")).toBe("text");
  });

  test("Bun's RedisClient pipelines a thousand commands by itself, and gets each its answer", async () => {
    using client = await connected();
    const value = (i: number): string => "v".repeat(i);
    await Promise.all(Array.from({ length: 1_000 }, (_, i) => client.set(`bun:${i}`, value(i))));
    const values = await Promise.all(Array.from({ length: 1_000 }, (_, i) => client.get(`bun:${i}`)));
    expect(values).toEqual(Array.from({ length: 1_000 }, (_, i) => value(i)));
  });

  test("Bun's RedisClient subscribes, hears messages in order, and unsubscribes", async () => {
    using subscriber = await connected();
    using publisher = await connected();
    const { take, all } = collector<string>(100);
    await subscriber.subscribe("bun:news", (message, channel) => take(`${channel} ${message}`));
    const counts = await Promise.all(Array.from({ length: 100 }, (_, i) => publisher.publish("bun:news", `${i}`)));
    expect(counts).toEqual(Array.from({ length: 100 }, () => 1));
    expect(await all).toEqual(Array.from({ length: 100 }, (_, i) => `bun:news ${i}`));
    await subscriber.unsubscribe("bun:news");
    expect(await publisher.publish("bun:news", "unheard")).toBe(0);
  });
});

describe.each([2, 3] as const)("redis of npm, RESP%d", (protocol) => {
  const key = (name: string): string => `npm${protocol}:${name}`;

  /** Connected, with errors of the connection as failures; closed with its `await using`. */
  async function connected() {
    const client = createClient({
      url: `redis://127.0.0.1:${cache.port}/1`,
      RESP: protocol,
      socket: { reconnectStrategy: false },
    });
    const errors: unknown[] = [];
    client.on("error", (error: unknown) => errors.push(error));
    await client.connect();
    return {
      client,
      [Symbol.asyncDispose]: async () => {
        await client.close();
        expect(errors).toEqual([]);
      },
    };
  }

  test("redis of npm sets, gets, counts and expires", async () => {
    await using own = await connected();
    const { client } = own;
    expect(await client.ping()).toBe("PONG");
    expect(await client.set(key("a"), "Grüße", { expiration: { type: "EX", value: 100 }, condition: "NX" })).toBe("OK");
    expect([await client.get(key("a")), await client.ttl(key("a"))]).toEqual(["Grüße", 100]);
    expect(await client.set(key("a"), "x", { condition: "NX" })).toBeNull();
    expect(await client.mSet({ [key("b")]: "1", [key("c")]: "2" })).toBe("OK");
    expect(await client.mGet([key("a"), key("none"), key("c")])).toEqual(["Grüße", null, "2"]);
    expect([await client.incr(key("b")), await client.decrBy(key("b"), 10)]).toEqual([2, -8]);
    expect([await client.exists([key("a"), key("none")]), await client.del([key("a"), key("b"), key("c")])]).toEqual([
      1, 3,
    ]);
    expect(await client.clientId()).toBeGreaterThan(0);
    expect(await client.info("stats")).toContain("total_commands_processed:");
    expect(await client.configGet("save")).toEqual({ save: "" });
    const commands = await client.command();
    expect([commands.length, commands.find(({ name }) => name === "mset")?.arity]).toEqual([
      await client.commandCount(),
      -3,
    ]);
  });

  test("redis of npm gets errors as errors", async () => {
    await using own = await connected();
    const { client } = own;
    await client.set(key("text"), "text");
    expect(await client.incr(key("text")).catch(String)).toBe("Error: ERR value is not an integer or out of range");
    expect(await client.sendCommand(["GET"]).catch(String)).toBe(
      "Error: ERR wrong number of arguments for 'get' command",
    );
    expect(await client.select(16).catch(String)).toBe("Error: ERR DB index is out of range");
  });

  test("redis of npm pipelines a thousand commands, and gets each its answer", async () => {
    await using own = await connected();
    const { client } = own;
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, i) => [client.set(key(`${i}`), "v".repeat(i)), client.get(key(`${i}`))]).flat(),
    );
    expect(answers).toEqual(Array.from({ length: 500 }, (_, i) => ["OK", "v".repeat(i)]).flat());
  });

  test("redis of npm subscribes, hears messages in order, and unsubscribes", async () => {
    await using listening = await connected();
    await using publishing = await connected();
    const { take, all } = collector<string>(100);
    await listening.client.subscribe(key("news"), (message, channel) => take(`${channel} ${message}`));
    for (let i = 0; i < 100; i++) expect(await publishing.client.publish(key("news"), `${i}`)).toBe(1);
    expect(await all).toEqual(Array.from({ length: 100 }, (_, i) => `${key("news")} ${i}`));
    await listening.client.unsubscribe(key("news"));
    expect(await publishing.client.publish(key("news"), "unheard")).toBe(0);
    expect(await listening.client.get(key("none"))).toBeNull();
  });
});

describe("redis-cli", () => {
  const cli = (...args: string[]): Promise<string> =>
    printed("redis-cli", ["-p", String(cache.port), "--no-raw", ...args]);

  test("redis-cli asks one thing at a time, in both protocols", async () => {
    expect(await cli("set", "cli:a", "hello", "ex", "100")).toBe("OK\n");
    expect(await cli("-3", "get", "cli:a")).toBe('"hello"\n');
    expect(await cli("ttl", "cli:a")).toMatch(/^\(integer\) (?:100|99)\n$/);
    expect(await cli("mget", "cli:a", "cli:none")).toBe('1) "hello"\n2) (nil)\n');
    expect(await cli("-3", "config", "get", "save")).toBe('1# "save" => ""\n');
    expect(await cli("nosuch", "x")).toBe("(error) ERR unknown command 'nosuch', with args beginning with: 'x' \n");
    expect(await cli("-n", "3", "dbsize")).toBe("(integer) 0\n");
    expect(await cli("-3", "command", "docs", "get")).toContain("Gives the value of a key");
  });

  test("redis-cli takes a file of commands, and pipes a hundred thousand", async () => {
    const script = Buffer.from("set cli:b 1\nincr cli:b\nget cli:b\n");
    expect(await printed("redis-cli", ["-p", String(cache.port)], script)).toBe("OK\n2\n2\n");
    const set = (i: number): string => `*3\r\n$3\r\nSET\r\n$${`cli:${i}`.length}\r\ncli:${i}\r\n$5\r\nvalue\r\n`;
    const mass = Buffer.from(Array.from({ length: 100_000 }, (_, i) => set(i)).join(""));
    const report = await printed("redis-cli", ["-p", String(cache.port), "-n", "5", "--pipe"], mass);
    expect(report).toEndWith("errors: 0, replies: 100000\n");
    expect([await cli("-n", "5", "dbsize"), await cli("-n", "5", "get", "cli:99999")]).toEqual([
      "(integer) 100000\n",
      '"value"\n',
    ]);
    expect(await cli("flushall")).toBe("OK\n");
  });
});

describe("redis-benchmark", () => {
  test("redis-benchmark gets good answers only, sixteen commands in each write", async () => {
    const flags = [
      "-p",
      String(cache.port),
      "-P",
      "16",
      "-c",
      "50",
      "-n",
      "20000",
      "-q",
      "-t",
      "ping,set,get,incr,mset",
    ];
    const { code, stdout, stderr } = await runCommand("redis-benchmark", flags);
    const tests = [...stdout.toString().matchAll(/(\w+)(?: \(10 keys\))?: [\d.]+ requests per second/g)].map(
      ([, name]) => name,
    );
    expect([code, stderr, tests]).toEqual([0, "", ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET"]]);
  });

  test("redis-benchmark sets values of 100 kB under a hundred keys, and the server lives", async () => {
    const flags = [
      "-p",
      String(cache.port),
      "-P",
      "4",
      "-c",
      "10",
      "-n",
      "1000",
      "-d",
      "100000",
      "-r",
      "100",
      "-q",
      "-t",
      "set,get",
    ];
    const { code, stderr } = await runCommand("redis-benchmark", flags);
    expect([code, stderr]).toEqual([0, ""]);
  });
});
