// main and run on real Bun: signals, exit codes, what is printed. Each program runs in a process of its own.

import { describe, expect, test } from "bun:test";
import { run, sleep, type Steps } from "../src/index.ts";
import { Program, RawClient } from "./subprocess.ts";

/** A server that prints its port, answers lines, and tells when it drains. `options` and `handler` are source text. */
function server(options: string, handler: string): string {
  return `
import { type Conn, listen, main, serve, sleep, sleepForever, type Steps } from "millrace";
function* handler(conn: Conn): Steps<void> { ${handler} }
main(function* () {
  const listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
  console.log(listener.port);
  yield* serve(listener, handler, { onDrain: () => console.log("draining"), ${options} });
});
`;
}

const ANSWER_LINES =
  'for (let line; (line = yield* conn.readLine()) !== null && line !== "quit";) yield* conn.write(`${line}!\\n`);';
const NEVER_END = 'yield* conn.write("busy\\n"); yield* sleepForever();';

/** Starts a server, connects a client, and gives both. */
async function started(source: string): Promise<AsyncDisposable & { program: Program; client: RawClient }> {
  const program = Program.source(source);
  const client = await RawClient.connect(Number(await program.line()));
  const end = async (): Promise<void> => {
    await client[Symbol.asyncDispose]();
    await program[Symbol.asyncDispose]();
  };
  return { program, client, [Symbol.asyncDispose]: end };
}

describe("main", () => {
  test("main exits 0 when its body ends, and prints nothing of its own", async () => {
    await using program = Program.source(
      'import { main, sleep } from "millrace"; main(function* () { yield* sleep(1); console.log("done"); });',
    );
    expect(await program.rest()).toEqual(["done"]);
    expect([await program.exitCode(), await program.errors()]).toEqual([0, ""]);
  });

  test("main gives the stack of an error room for a handler of some depth, in development", async () => {
    const source = `
      import { main, sleep, type Steps } from "millrace";
      function* deep(levels: number): Steps<void> {
        if (levels > 0) return yield* deep(levels - 1);
        yield* sleep(1);
        throw new Error("down here");
      }
      main(function* handler() {
        yield* deep(20);
      });`;
    const printed = async (env: Record<string, string>): Promise<string> => {
      await using program = Program.source(source, env);
      expect(await program.exitCode()).toBe(1);
      return program.errors();
    };
    const errors = await printed({ NODE_ENV: "development" });
    expect(errors).toContain("down here");
    expect(errors).toMatch(/at handler \(.*program\.ts:9:/);
    expect(await printed({})).not.toContain("at handler");
  });

  test("main exits 0 on SIGTERM when everything drains in time", async () => {
    await using up = await started(server("graceMs: 60_000", ANSWER_LINES));
    const { program, client } = up;
    client.send("before\n");
    expect(await client.received("!\n")).toBe("before!\n");
    program.signal("SIGTERM");
    expect(await program.line()).toBe("draining");
    // The handler still works; nobody new is let in.
    client.send("meanwhile\nquit\n");
    expect(await client.received("meanwhile!\n")).toBe("before!\nmeanwhile!\n");
    await client.closed();
    expect([await program.exitCode(), await program.errors()]).toEqual([0, ""]);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("main exits on %s with %d when a handler had to be cut short", async (name, code) => {
    await using up = await started(server("graceMs: 20", NEVER_END));
    const { program, client } = up;
    await client.received("busy\n");
    program.signal(name);
    await client.closed();
    expect([await program.exitCode(), await program.errors()]).toEqual([code, ""]);
  });

  test("main exits at once on a second signal", async () => {
    await using up = await started(server("graceMs: 60_000", NEVER_END));
    const { program, client } = up;
    await client.received("busy\n");
    program.signal("SIGTERM");
    expect(await program.line()).toBe("draining");
    program.signal("SIGINT");
    expect(await program.exitCode()).toBe(130);
  });

  test("main exits after exitMs, whatever catches its cancel", async () => {
    await using program = Program.source(`
import { main, sleep, sleepForever } from "millrace";
main(function* () {
  console.log("up");
  for (;;) try { yield* sleepForever(); } catch {}
}, { exitMs: 50 });
`);
    expect(await program.line()).toBe("up");
    program.signal("SIGTERM");
    expect(await program.exitCode()).toBe(143);
  });

  test("main leaves a signal to a task that listens to it, and takes the next one that nobody listens to", async () => {
    await using program = Program.source(`
import { main, osSignal, sleep } from "millrace";
main(function* () {
  console.log("up");
  console.log(yield* osSignal("SIGTERM", "SIGHUP"));
  console.log(yield* osSignal("SIGTERM", "SIGHUP"));
  try { yield* sleep(60_000); } finally { console.log("cancelled"); }
});
`);
    expect(await program.line()).toBe("up");
    program.signal("SIGTERM");
    expect(await program.line()).toBe("SIGTERM");
    program.signal("SIGHUP");
    expect(await program.line()).toBe("SIGHUP");
    program.signal("SIGTERM");
    expect(await program.rest()).toEqual(["cancelled"]);
    expect([await program.exitCode(), await program.errors()]).toEqual([0, ""]);
  });

  test("main stays up for a task that waits for a signal, and for nothing else", async () => {
    await using program = Program.source(`
import { main, osSignals, sleepForever } from "millrace";
main(function* () {
  using signals = osSignals("SIGHUP");
  console.log("up");
  console.log(yield* signals.next());
  yield* sleepForever();
});
`);
    expect(await program.line()).toBe("up");
    program.signal("SIGHUP");
    expect(await program.line()).toBe("SIGHUP");
    expect(await program.exitCode()).toBe(1);
    expect(await program.errors()).toContain("ERR_DEADLOCK");
  });

  test("main prints an error that nobody handled, with the lines that led to it, and exits 1", async () => {
    await using program = Program.source(`import { main, sleep, type Steps } from "millrace";
function* innermost(): Steps<void> {
  yield* sleep(1);
  throw new TypeError("a fault of the program");
}
function* middle(): Steps<void> {
  yield* innermost();
}
main(function* outermost() {
  yield* middle();
});
`);
    expect(await program.exitCode()).toBe(1);
    const errors = await program.errors();
    expect(errors).toContain("TypeError: a fault of the program");
    for (const place of ["program.ts:4", "program.ts:7", "program.ts:10"]) expect(errors).toContain(place);
  });

  test("main prints an error of a leaf with the line that ran it", async () => {
    await using program = Program.source(`import { connect, listen, main } from "millrace";
main(function* () {
  const listener = yield* listen({ hostname: "127.0.0.1", port: 0 });
  const client = yield* connect({ hostname: "127.0.0.1", port: listener.port });
  client.terminate();
  yield* client.read();
});
`);
    expect(await program.exitCode()).toBe(1);
    const errors = await program.errors();
    expect(errors).toContain("ERR_CONNECTION_CLOSED");
    expect(errors).toContain("program.ts:6");
  });

  test("main prints the tree of tasks at a deadlock and exits 1", async () => {
    await using program = Program.source(`import { Latch, main, scope } from "millrace";
const latch = new Latch();
void main(function* parent() {
  yield* scope(function* (tasks) {
    tasks.spawn(function* child() {
      yield* latch.wait();
    });
  });
});
`);
    expect(await program.exitCode()).toBe(1);
    const errors = await program.errors();
    expect(errors).toContain("ERR_DEADLOCK");
    expect(errors).toMatch(/task 1 \(parent\): waits for .*program\.ts:4/);
    expect(errors).toMatch(/ {2}task 2 \(child\): waits for a latch at .*program\.ts:6/);
  });
});

describe("main under a top-level await", () => {
  // Bun 1.4.5 waits for a pending top-level await with an empty loop for ever and tells nobody, so main gives nothing to wait for.
  test("main gives nothing that could be awaited, and so finds a deadlock there too", async () => {
    await using program = Program.source(`import { Latch, main } from "millrace";
console.log("up");
await main(() => new Latch().wait());
`);
    expect(await program.line()).toBe("up");
    expect(await program.exitCode()).toBe(1);
  });
});

describe("main in a corner", () => {
  test("main finds a deadlock under a shield without end, and one behind a cancelled timer at once", async () => {
    await using shielded = Program.source(`import { Latch, main, shield } from "millrace";
main(() => shield(() => new Latch().wait(), Infinity));
`);
    expect(await shielded.exitCode()).toBe(1);
    await using stale = Program.source(`import { Latch, main, timeout, until } from "millrace";
main(function* () {
  yield* timeout(3_600_000, until(new Promise((resolve) => setTimeout(resolve, 5))));
  yield* new Latch().wait();
});
`);
    expect(await stale.exitCode()).toBe(1);
  });

  test("main exits 0 on a signal that drains in time, though a clean-up was cut short before it came", async () => {
    await using program = Program.source(`import { main, moveOnAfter, shield, sleep } from "millrace";
main(function* () {
  yield* moveOnAfter(5, shield(() => sleep(1000), 5));
  console.log("up");
  yield* sleep(60_000);
});
`);
    expect(await program.line()).toBe("up");
    program.signal("SIGTERM");
    expect(await program.exitCode()).toBe(0);
  });
});

describe("run", () => {
  test("run works inside a Bun.serve handler and touches no signals", async () => {
    const signals = (): number => process.listenerCount("SIGTERM") + process.listenerCount("SIGINT");
    const before = signals();
    function* answer(text: string): Steps<string> {
      yield* sleep(1);
      return `answer to ${text}`;
    }
    const web = Bun.serve({
      port: 0,
      fetch: async (request) => new Response(await run(() => answer(new URL(request.url).pathname)).promise),
    });
    const texts = await Promise.all(
      ["/a", "/b", "/c"].map(async (path) => (await fetch(new URL(path, web.url))).text()),
    );
    expect(texts).toEqual(["answer to /a", "answer to /b", "answer to /c"]);
    expect(signals()).toBe(before);
    await web.stop(true);
  });

  test("run rejects its promise with the body's error, itself", async () => {
    const fault = new Error("the body's own");
    const task = run(function* (): Steps<void> {
      yield* sleep(1);
      throw fault;
    });
    const caught = await task.promise.catch((error: unknown) => error);
    expect(caught).toBe(fault);
  });
});
