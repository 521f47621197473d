// The origin's programs still do what they did in the origin, to the letter.

import { describe, expect, test } from "bun:test";
import { ProtocolError } from "../../src/core/errors.ts";
import type { Operation } from "../../src/core/operation.ts";
import { Simulation } from "../../src/sim/index.ts";
import { Program, RawClient } from "../subprocess.ts";

const MULTITASK = `\
T-minus 10
T-minus 5
Counting up 0
T-minus 9
T-minus 4
Counting up 1
T-minus 8
T-minus 3
Counting up 2
T-minus 7
T-minus 2
Counting up 3
T-minus 6
T-minus 1
Counting up 4
T-minus 5
Task done
Counting up 5
T-minus 4
Counting up 6
T-minus 3
Counting up 7
T-minus 2
Counting up 8
T-minus 1
Counting up 9
Task done
Counting up 10
Counting up 11
Counting up 12
Counting up 13
Counting up 14
Counting up 15
Counting up 16
Counting up 17
Counting up 18
Counting up 19
Task done`;

describe("examples/origin/multitask.ts", () => {
  test("multitask.ts takes turns as the origin's deque did", async () => {
    await using program = Program.file("examples/origin/multitask.ts");
    expect((await program.rest()).join("\n")).toBe(MULTITASK);
    expect([await program.exitCode(), await program.errors()]).toEqual([0, ""]);
  });
});

describe.each(["server.ts", "gen-socket.ts"])("examples/origin/%s", (name) => {
  test(`${name} answers GOT: to each message, to two clients in turn, and says when a task is done`, async () => {
    await using program = Program.file(`examples/origin/${name}`, "0");
    const address = /^Listening on 127\.0\.0\.1:(\d+)$/.exec((await program.line()) ?? "");
    const port = Number(address?.[1]);
    await using one = await RawClient.connect(port);
    expect(await program.line()).toBe("Connection from 127.0.0.1");
    await using two = await RawClient.connect(port);
    expect(await program.line()).toBe("Connection from 127.0.0.1");
    one.send("hello");
    expect(await one.received("hello")).toBe("GOT:hello");
    two.send("and me");
    expect(await two.received("me")).toBe("GOT:and me");
    one.send("again");
    expect(await one.received("again")).toBe("GOT:helloGOT:again");
    one.shutdown();
    await one.closed();
    expect([await program.line(), await program.line()]).toEqual(["Connection closed", "Task done"]);
    // The other one is not touched by that.
    two.send("still");
    expect(await two.received("still")).toBe("GOT:and meGOT:still");
    two.shutdown();
    expect([await program.line(), await program.line()]).toEqual(["Connection closed", "Task done"]);
  });

  test(`${name} cuts long messages at a thousand bytes, as recv(1000) does`, async () => {
    await using program = Program.file(`examples/origin/${name}`, "0");
    const port = Number((await program.line())?.split(":")[1]);
    await using client = await RawClient.connect(port);
    client.send(`${"a".repeat(1_000)}${"b".repeat(500)}.`);
    expect(await client.received(".")).toBe(`GOT:${"a".repeat(1_000)}GOT:${"b".repeat(500)}.`);
  });

  test(`${name} ends at SIGINT with exit code 0`, async () => {
    await using program = Program.file(`examples/origin/${name}`, "0");
    const port = Number((await program.line())?.split(":")[1]);
    await using client = await RawClient.connect(port);
    client.send("x");
    await client.received("GOT:x");
    program.signal("SIGINT");
    await client.closed();
    expect([await program.exitCode(), await program.errors()]).toEqual([0, ""]);
  });
});

describe("the origin's unknown yield reason", () => {
  test("a task that yields a pair as in the origin fails, and the message names the task and the value", async () => {
    function* oldHandler(): Generator<unknown, void, unknown> {
      // What the origin wrote, on purpose.
      yield ["recv", { fileno: 7 }];
    }
    const sim = new Simulation();
    const task = sim.start(oldHandler as unknown as () => Operation<void>);
    const failure = await sim.settle().then(
      () => task.promise.catch((error: unknown) => error),
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(ProtocolError);
    expect((failure as Error).message).toBe(
      "Cannot park task 1 (oldHandler): it yielded a foreign value, an array of 2; write yield* to run an operation",
    );
  });
});
