// What a program that imports the package needs to annotate: nothing. Each function of the doors is called as people call it, with no type in sight, and what
// comes out is compared; and in every place where a generator function may stand, a `yield` without its star does not compile. The assertions
// are the compiler's (`bun run check`); the functions are never called.

import { expect, test } from "bun:test";
import {
  acceptTls,
  all,
  broadcast,
  channel,
  type ChildExit,
  connect,
  type Conn,
  each,
  fromReadable,
  Latch,
  listen,
  type Listener,
  main,
  moveOnAfter,
  Mutex,
  osSignal,
  osSignals,
  type Permit,
  race,
  run,
  scope,
  type Scope,
  Semaphore,
  serve,
  shield,
  sleep,
  startTls,
  supervise,
  type Task,
  taskLocal,
  timeout,
  type TlsDetails,
  toAsyncIterable,
  toReadable,
  until,
} from "millrace";
import { type HttpRequest, json, route, router, serveHttp, sse, stream, text, use } from "millrace/http";
import { simulate } from "millrace/sim";
import { same } from "./same-type.ts";

export function* concurrent() {
  const pair = yield* all([sleep(1), connect({ port: 1 })]);
  same<(typeof pair)[1], Conn>(true);
  const named = yield* all({ conn: connect({ port: 1 }), line: () => until(Promise.resolve("a")) });
  same<typeof named.conn, Conn>(true);
  same<typeof named.line, string>(true);
  const first = yield* race({ conn: connect({ port: 1 }), late: sleep(1) });
  if (first.name === "conn") same<typeof first.value, Conn>(true);
  else same<typeof first.value, void>(true);
  const conn = yield* timeout(5, connect({ port: 1 }));
  same<typeof conn, Conn>(true);
  const perhaps = yield* moveOnAfter(5, function* () {
    return yield* conn.readLine();
  });
  same<typeof perhaps, string | null | undefined>(true);
  const bytes = yield* shield(conn.readExactly(4), 5);
  same<typeof bytes extends Uint8Array | null ? true : false, true>(true);
  const answer = yield* until((signal) => fetch("http://127.0.0.1", { signal }));
  same<typeof answer, Response>(true);
  const settled = yield* until(Promise.all([1, "a"] as const));
  same<typeof settled, [1, "a"]>(true);
  const found = yield* scope(function* (tasks) {
    same<typeof tasks, Scope>(true);
    const task = tasks.spawn(() => conn.readLine());
    same<typeof task, Task<string | null>>(true);
    const port = yield* tasks.start<number>(function* (ready) {
      ready(1);
      yield* sleep(1);
    });
    return { line: yield* task, port };
  });
  same<typeof found, { line: string | null; port: number }>(true);
  const user = taskLocal("nobody");
  const told = yield* user.run("ada", () => conn.readLine());
  same<typeof told, string | null>(true);
}

export function* between() {
  const [sender, receiver] = channel<{ id: number }>(1);
  yield* sender.send({ id: 1 });
  const item = yield* receiver.receive();
  same<typeof item, { id: number } | null>(true);
  const news = yield* broadcast<string>({ capacity: 1, slow: "lag" }).subscribe().receive();
  same<typeof news, string | null>(true);
  const permit = yield* new Semaphore(1).acquire();
  same<typeof permit, Permit>(true);
  using turn = yield* new Mutex().acquire();
  same<typeof turn, Permit>(true);
  yield* new Latch().wait();
  async function* rows() {
    yield { name: "wheat" };
  }
  using items = each(rows());
  const row = yield* items.next();
  same<typeof row, { name: string } | null>(true);
  const chunk = yield* fromReadable(new ReadableStream<string>()).next();
  same<typeof chunk, string | null>(true);
  const signal = yield* osSignal("SIGHUP");
  same<typeof signal, "SIGHUP">(true);
  const either = yield* osSignals("SIGHUP", "SIGTERM").next();
  same<typeof either, "SIGHUP" | "SIGTERM" | null>(true);
  const exits: ChildExit[] = [];
  const over = yield* supervise({ onExit: (exit) => exits.push(exit) }, [
    {
      name: "one",
      *start() {
        yield* sleep(1);
      },
    },
    { name: "other", start: () => sleep(1) },
  ]);
  same<typeof over, void>(true);
}

export function* connected() {
  const listener = yield* listen({ port: 1 });
  same<typeof listener, Listener>(true);
  const accepted = yield* listener.accept();
  same<typeof accepted, Conn | null>(true);
  const conn = yield* connect({ hostname: "example.org", port: 1, tls: {} });
  same<typeof conn.tls, TlsDetails | null>(true);
  const line = yield* conn.readLine({ max: 5 });
  same<typeof line, string | null>(true);
  const read = yield* conn.read();
  same<typeof read extends Uint8Array | null ? true : false, true>(true);
  const never = yield* serve(listener, function* (peer) {
    same<typeof peer, Conn>(true);
    for (let said; (said = yield* peer.readLine()) !== null;) yield* peer.write(said);
  });
  same<typeof never, never>(true);
}

export function* served() {
  yield* serveHttp({ port: 1 }, function* (request) {
    same<typeof request extends HttpRequest<infer _> ? true : false, true>(true);
    const body = yield* request.text();
    same<typeof body, string>(true);
    return text(body);
  });
  yield* serveHttp(
    { port: 1 },
    router([
      ["GET", "/", () => text("a")],
      ["GET", "/late", async () => json({ late: true })],
      [
        "GET",
        "/users/:id/posts/:post",
        function* (request) {
          yield* sleep(1);
          same<typeof request.params.id, string>(true);
          return text(request.params.post);
        },
      ],
      ["GET", "/bare", () => new Response("a")],
      route("GET", "/mills/:mill", (request) => text(request.params.mill)),
    ]),
  );
}

export function outside() {
  const task = run(function* () {
    yield* sleep(1);
    return 5;
  });
  same<typeof task, Task<number>>(true);
  same<typeof task.promise, Promise<number>>(true);
  const simulated = simulate(function* () {
    yield* sleep(1);
    return "done";
  });
  same<typeof simulated, Promise<string>>(true);
  return [task, simulated];
}

declare const conn: Conn;
declare const tasks: Scope;

export function starless() {
  // @ts-expect-error a yield without its star does not compile in main
  main(function* () {
    yield sleep(1);
  });
  // @ts-expect-error nor in run
  run(function* () {
    yield sleep(1);
  });
  // @ts-expect-error nor in a simulation
  void simulate(function* () {
    yield sleep(1);
  });
  // @ts-expect-error nor in the handler of connections
  serve({ port: 1 }, function* (peer) {
    yield peer.readLine();
  });
  // @ts-expect-error nor where only some yields are without one
  serve({ port: 1 }, function* (peer) {
    yield* peer.readLine();
    yield peer.write("a");
  });
  // @ts-expect-error nor in a handler of requests
  serveHttp({ port: 1 }, function* (request) {
    yield request.text();
    return text("a");
  });
  // @ts-expect-error nor in one of a route
  route("GET", "/", function* () {
    yield sleep(1);
    return text("a");
  });
  router([
    [
      "GET",
      "/",
      // @ts-expect-error nor in a router's list
      function* () {
        yield sleep(1);
        return text("a");
      },
    ],
  ]);
  use(
    [
      // @ts-expect-error nor in middleware
      function* (request, next) {
        yield sleep(1);
        return yield* next(request);
      },
    ],
    () => text("a"),
  );
  // @ts-expect-error nor in the body of an answer
  stream(function* () {
    yield sleep(1);
  });
  // @ts-expect-error nor in a stream of events
  sse(function* () {
    yield sleep(1);
  });
  supervise({}, [
    {
      name: "child",
      // @ts-expect-error nor in a supervised child
      *start() {
        yield sleep(1);
      },
    },
  ]);
  // @ts-expect-error nor in what is deferred
  tasks.defer(function* () {
    yield sleep(1);
  });
  // @ts-expect-error nor in what promise code goes through
  toAsyncIterable(tasks, function* () {
    yield sleep(1);
    return null;
  });
  // @ts-expect-error nor in what a web stream reads
  toReadable(tasks, function* () {
    yield sleep(1);
  });
  taskLocal(1).run(
    2,
    // @ts-expect-error nor under a task-local value
    function* () {
      yield sleep(1);
    },
  );
  all([
    // @ts-expect-error nor in a part of all
    function* () {
      yield conn.read();
    },
  ]);
  race({
    // @ts-expect-error nor in one of a race
    *part() {
      yield conn.read();
    },
  });
  // @ts-expect-error an async function is no handler of connections
  serve({ port: 1 }, async () => {});
  // @ts-expect-error nor one that gives nothing
  serve({ port: 1 }, () => {});
}

/** What is not awaited is no value. */
export function unrun() {
  // @ts-expect-error a line is not there before its operation is run
  const line: string | null = conn.readLine();
  // @ts-expect-error nor is a connection
  connect({ port: 1 }).write("a");
  // @ts-expect-error STARTTLS of a client needs a name, or to be told not to look
  startTls(conn);
  // @ts-expect-error a server needs an identity
  acceptTls(conn, {});
  return line;
}

test("the doors infer what people do not write, and refuse a yield without its star: see the types that are held in this file", () => {
  const held = [concurrent, between, connected, served, outside, starless, unrun];
  expect(held.every((each) => typeof each === "function")).toBe(true);
});
