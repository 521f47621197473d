// What an error's stack says of the program: after several suspensions, each of another kind, every generator stands in it with its own line, and so it does
// in errors that millrace throws into a task. Nothing is done for it while all goes well.

import { expect, test } from "bun:test";
import { all } from "../../src/concurrency/all.ts";
import { channel } from "../../src/concurrency/channel.ts";
import { race } from "../../src/concurrency/race.ts";
import { scope } from "../../src/concurrency/scope.ts";
import { timeout } from "../../src/concurrency/timeout.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import type { Conn } from "../../src/net/conn.ts";
import { connect } from "../../src/net/connect.ts";
import { listen } from "../../src/net/listen.ts";
import { Simulation } from "../../src/sim/simulate.ts";

/** Where the helpers of a test were called: `[function, file:line]`, innermost first. */
type Places = (readonly [name: string, place: string])[];

/** The place `offset` lines below the caller's. */
function below(offset: number): string {
  const line = /stack-traces\.test\.ts:(\d+)/.exec(new Error().stack?.split("\n")[2] ?? "")?.[1];
  return `stack-traces.test.ts:${Number(line) + offset}:`;
}

/** Both ends of a connection, in a world of their own. */
function inWorld(body: (server: Conn, client: Conn) => Operation<void>): Promise<void> {
  return new Simulation().run(function* () {
    using listener = yield* listen({ port: 80 });
    using client = yield* connect({ port: 80 });
    using server = (yield* listener.accept()) as Conn;
    yield* body(server, client);
  });
}

/** What `operation` throws. */
function* thrownBy(operation: Operation<unknown>): Steps<Error> {
  try {
    yield* operation;
  } catch (error) {
    return error as Error;
  }
  throw new Error("expected a throw");
}

/** The frames of a stack that are of this file, from the first place of `places` on. */
function framesOf(error: Error): string[] {
  return (error.stack ?? "").split("\n").filter((line) => line.includes("stack-traces.test.ts"));
}

function expectPlaces(error: Error, places: Places): void {
  const frames = framesOf(error);
  for (const [i, [name, place]] of places.entries()) {
    expect(frames[i]).toContain(`at ${name} (`);
    expect(frames[i]).toContain(place);
  }
}

/** Three waits, the one called `last` at the end. */
function* three(server: Conn, last: "data" | "timer" | "channel"): Steps<never> {
  const [sender, receiver] = channel<string>(0);
  const waits = {
    data: () => server.readLine(),
    timer: () => sleep(5),
    channel: () => receiver.receive(),
  };
  const places: Places = [];
  function* parse(): Steps<never> {
    for (const [kind, wait] of Object.entries(waits)) if (kind !== last) yield* wait();
    yield* waits[last]();
    places[0] = ["parse", below(1)];
    throw new RangeError("the line makes no sense");
  }
  function* session(): Steps<never> {
    places[1] = ["session", below(1)];
    return yield* parse();
  }
  function* handler(): Steps<never> {
    places[2] = ["handler", below(1)];
    return yield* session();
  }
  return yield* scope(function* (tasks) {
    tasks.spawn(function* () {
      yield* sleep(20);
      yield* sender.send("item");
    });
    const error = yield* thrownBy(handler());
    expectPlaces(error, places);
    expect(places.length).toBe(3);
    throw error;
  });
}

for (const last of ["data", "timer", "channel"] as const) {
  test(`an error after three suspensions, the last ended by ${last}, names each generator with its line`, () =>
    inWorld(function* (server, client) {
      const sent = scope(function* (tasks) {
        tasks.spawn(function* () {
          yield* sleep(last === "data" ? 40 : 1);
          yield* client.write("a line\n");
        });
        return yield* three(server, last);
      });
      expect((yield* thrownBy(sent)).message).toBe("the line makes no sense");
    }));
}

/** More than an outbox takes. */
const BULK = new Uint8Array(1_000_000);

/** Errors that millrace throws, and an operation that meets each. */
const THROWN: readonly [code: string, wait: (server: Conn, client: Conn) => Operation<unknown>][] = [
  ["ERR_CONNECTION_LOST", (server, client) => meanwhile(() => client.terminate(), server.readLine())],
  [
    "ERR_UNEXPECTED_END",
    (server, client) => meanwhile(() => void (client.tryWrite("x"), client.close()), server.readExactly(5)),
  ],
  ["ERR_CONNECTION_CLOSED", (server) => meanwhile(() => server.close(), server.readLine())],
  ["ERR_BUSY", (server) => all([server.readLine(), server.readLine()])],
  ["ERR_BUSY", (server) => race({ one: server.readLine(), other: server.read() })],
  ["ERR_BUSY", (server) => writesTwice(server)],
  ["ERR_CHANNEL_CLOSED", () => sendToNobody()],
  ["ERR_TIMEOUT", (server) => timeout(5, server.readLine())],
  ["ERR_TIMEOUT", (server) => scope(() => server.readLine(), { deadline: 50 })],
  ["ERR_SCOPE_CANCELLED", (server) => scope((own) => meanwhile(() => own.cancel(), server.readLine()))],
  ["ERR_TASK_CANCELLED", () => joinsCancelled()],
  ["ERR_CONNECT", () => connect({ port: 81 })],
  ["ERR_PROTOCOL", () => race({})],
];

/** Runs `operation`; `act` is called after a millisecond. */
function meanwhile(act: () => void, operation: Operation<unknown>): Operation<unknown> {
  return scope(function* (tasks) {
    tasks.spawn(function* () {
      yield* sleep(1);
      act();
    });
    return yield* operation;
  });
}

function* writesTwice(server: Conn): Steps<void> {
  // Taken whole; what comes next has to wait.
  yield* server.write(BULK);
  yield* race({ one: server.write("x"), other: server.write("y") });
}

function* sendToNobody(): Steps<void> {
  const [sender, receiver] = channel<string>(0);
  yield* meanwhile(() => receiver.close(), sender.send("item"));
}

function* joinsCancelled(): Steps<void> {
  yield* scope(function* (tasks) {
    const child = tasks.spawn(() => sleep(1_000));
    yield* meanwhile(() => child.cancel(), child);
  });
}

for (const [i, [code, wait]] of THROWN.entries()) {
  test(`${code} (${i}) thrown into a task names each generator with its line`, () =>
    inWorld(function* (server, client) {
      const places: Places = [];
      function* session(): Steps<void> {
        places[0] = ["session", below(1)];
        yield* wait(server, client);
      }
      function* handler(): Steps<void> {
        places[1] = ["handler", below(1)];
        yield* session();
      }
      const error = yield* thrownBy(handler());
      expect((error as { code?: string }).code).toBe(code);
      const from = framesOf(error).findIndex((line) => line.includes("at session ("));
      expect(from).toBeGreaterThanOrEqual(0);
      expectPlaces({ ...error, name: "", message: "", stack: framesOf(error).slice(from).join("\n") }, places);
    }));
}

/** Waits in a generator below the deadline, whose lines the stack of the error itself cannot have. */
const DEADLINES: readonly [what: string, timed: (body: () => Operation<unknown>) => Operation<unknown>][] = [
  ["timeout", (body) => timeout(5, body)],
  ["a deadline around a deadline", (body) => timeout(5, () => timeout(50, body))],
  ["a scope", (body) => scope(body, { deadline: 50 })],
];

for (const [what, timed] of DEADLINES) {
  test(`TimeoutError of ${what} has the wait that it ended as its cause, in development`, () =>
    inWorld(function* (server) {
      const places: Places = [];
      function* session(): Steps<void> {
        places[0] = ["session", below(1)];
        yield* server.readLine();
      }
      function* handler(): Steps<void> {
        places[1] = ["handler", below(1)];
        yield* session();
      }
      const { cause } = yield* thrownBy(timed(handler));
      expect((cause as Error).message).toBe("task 1 was waiting");
      expectPlaces(cause as Error, places);
      expect((cause as Error).stack?.split("\n")[1]).toContain("at session (");
    }));
}

test("TimeoutError has no cause outside of development", async () => {
  const error = new Simulation({ development: false }).run(() => timeout(5, sleep(10)));
  expect(await error.catch((thrown: Error) => [thrown.name, thrown.cause])).toEqual(["TimeoutError", undefined]);
});
