// The lint rule as a user runs it: oxlint on Node, in a project that has the package in node_modules and names the plugin
// by "millrace/oxlint". In the sources below a line that must be reported says so at its end: `// dropped sleep`.

import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const OXLINT = join(ROOT, "node_modules/oxlint/bin/oxlint");

/** What the plugin exports, seen from a test: it is JavaScript without declarations. */
interface Plugin {
  readonly OPERATIONS: Readonly<Record<string, readonly string[]>>;
  readonly METHODS: Readonly<Record<string, readonly string[]>>;
}

const BAD = {
  "statements.ts": `
import { all, connect as dial, race, scope, serve, sleep as nap, timeout, until } from "millrace";
import { file, serveHttp } from "millrace/http";
import * as lib from "millrace";
export function* body(isLate: boolean, request: never) {
  nap(1); // dropped sleep
  lib.sleep(1); // dropped sleep
  (nap)(1); // dropped sleep
  timeout( // dropped timeout
    5,
    nap(1),
  );
  yield nap(1); // yield sleep
  const conn = yield dial({ hostname: "localhost", port: 1 }); // yield connect
  isLate && nap(1); // dropped sleep
  isLate ? nap(1) : until(Promise.resolve()); // dropped sleep, dropped until
  (nap(1), yield* nap(2)); // dropped sleep
  yield isLate && nap(1); // yield sleep
  void (yield all([])); // yield all
  race({}); // dropped race
  scope(function* () {}); // dropped scope
  file(request, "a"); // dropped file
  const later = () => {
    nap(1); // dropped sleep
  };
  return [conn, later];
}
export async function asynchronous() {
  await nap(1); // await sleep
  const conn = await dial({ hostname: "localhost", port: 1 }); // await connect
  return conn;
}
serveHttp({ port: 1 }, () => new Response()); // dropped serveHttp
await serve({ port: 1 }, function* () {}); // await serve
`,
  "methods.ts": `
import { acceptTls, channel, type Conn as Connection, connect, each, Latch, type Listener, listen, Mutex, scope, serve, sleep, timeout } from "millrace";
import type * as lib from "millrace";
import { type HttpRequest, route, router, serveHttp, sse } from "millrace/http";
export function* annotated(conn: Connection, other: lib.Conn, request: HttpRequest<{ id: string }>, maybe: Listener | null) {
  conn.write("a"); // dropped Conn.write
  conn?.flush(); // dropped Conn.flush
  yield other.end(); // yield Conn.end
  const body = yield request.json(); // yield HttpRequest.json
  maybe!.accept(); // dropped Listener.accept
  return body;
}
export function* made() {
  const conn = yield* connect({ hostname: "localhost", port: 1 });
  conn.readLine(); // dropped Conn.readLine
  const dialled = yield* timeout(5, connect({ hostname: "localhost", port: 1 }));
  dialled.write("a"); // dropped Conn.write
  const listener = yield* listen({ port: 1 });
  for (let next = yield* listener.accept(); next !== null; next = yield* listener.accept()) {
    next.write("a"); // dropped Conn.write
  }
  const [sender, receiver] = channel<number>(1);
  sender.send(1); // dropped Sender.send
  receiver.receive(); // dropped Receiver.receive
  const latch = new Latch();
  latch.wait(); // dropped Latch.wait
  const mutex = new Mutex();
  using permit = yield mutex.acquire(); // yield Mutex.acquire
  using rows = each(source());
  rows.next(); // dropped Items.next
  return permit;
}
declare function source(): AsyncIterable<number>;
export const served = serve({ port: 1 }, function* (conn) {
  conn.write("a"); // dropped Conn.write
  yield* acceptTls(conn, {});
});
export const inScope = scope(function* (inner) {
  inner.start(() => sleep(1)); // dropped Scope.start
});
export const routes = [
  serveHttp({ port: 1 }, function* (request) {
    request.text(); // dropped HttpRequest.text
  }),
  router([["POST", "/", function* (request) {
    return yield request.text(); // yield HttpRequest.text
  }]]),
  route("POST", "/", function* (request) {
    request.bytes(); // dropped HttpRequest.bytes
  }),
  sse(function* (events) {
    events.send({ data: "a" }); // dropped EventWriter.send
  }),
];
`,
};

const GOOD = {
  "run.ts": `
import { type Conn, all, connect, json, race, run, scope, sleep, spawn, until } from "millrace";
import * as lib from "millrace";
export function* body(conn: Conn) {
  yield* sleep(1);
  yield* lib.sleep(1);
  const line = yield* conn.readLine();
  const later = sleep(1);
  yield* later;
  yield* all([sleep(1), () => conn.flush()]);
  yield* race({ line: conn.read(), late: sleep(5) });
  run(sleep(1));
  conn.close();
  lib.now();
  lib[line](1);
  yield* scope(function* (inner) {
    inner.spawn(sleep(1));
  });
  const thunk = () => sleep(1);
  return [later, thunk, connect, until, json, spawn];
}
export const handed = (conn: Conn) => conn.write("a");
`,
  "shadowed.ts": `
import { type Conn, connect, serve, sleep } from "millrace";
import * as lib from "millrace";
export async function body(sleep: (ms: number) => Promise<void>) {
  sleep(1);
  await sleep(1);
}
export function* inner(lib: { sleep(ms: number): void }) {
  const connect = () => ({ write() {} });
  const conn = connect();
  connect();
  conn.write();
  lib.sleep(1);
  yield sleep.name;
}
export function* hidden(conn: Conn) {
  {
    const conn = { write(text: string) { return text; } };
    conn.write("a");
  }
  type Conn = { write(text: string): void };
  const own = (conn: Conn) => { conn.write("a"); };
  yield* conn.write("a");
  return own;
}
export const reassigned = serve({ port: 1 }, function* (conn) {
  conn = other();
  conn.read();
});
export function* unsure() {
  let conn = yield* connect({ hostname: "localhost", port: 1 });
  conn = other();
  conn.read();
  let circle = circle;
  circle.read();
}
declare function other(): any;
export { lib };
`,
  "elsewhere.ts": `
import { setTimeout as sleep } from "node:timers/promises";
import { race } from "./millrace";
import { now } from "millrace";
import { text } from "millrace/http";
class Latch { wait() {} }
export function* body(conn: { write(text: string): void }) {
  sleep(1);
  race({});
  new Latch().wait();
  conn.write("a");
  yield sleep(1);
  now();
  text("a");
  unknown();
}
declare function unknown(): void;
export const waited = await sleep(1);
`,
};

const project = mkdtempSync(join(tmpdir(), "millrace-lint-"));
afterAll(() => rmSync(project, { recursive: true }));
mkdirSync(join(project, "node_modules"));
symlinkSync(ROOT, join(project, "node_modules/millrace"));
writeFileSync(
  join(project, ".oxlintrc.json"),
  JSON.stringify({
    jsPlugins: ["millrace/oxlint"],
    categories: { correctness: "off" },
    rules: { "millrace/yield-star": "error" },
  }),
);

/** Writes `files` into the project and lints them: for each file its reports as `LINE: FATE OPERATION`, in order. */
function lint(files: Readonly<Record<string, string>>, ...flags: string[]): Record<string, string[]> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
  const { stdout, stderr } = Bun.spawnSync(["node", OXLINT, "--format", "json", ...flags, ...Object.keys(files)], {
    cwd: project,
  });
  const { diagnostics } = parsed(stdout.toString(), stderr.toString());
  const found: Record<string, string[]> = Object.fromEntries(Object.keys(files).map((name) => [name, []]));
  diagnostics.sort((a, b) => (a.labels[0]?.span.offset ?? 0) - (b.labels[0]?.span.offset ?? 0));
  for (const { filename, code, message, labels } of diagnostics) {
    const line = labels[0]?.span.line ?? 0;
    found[filename]?.push(
      code === "millrace(yield-star)" ? `${line}: ${summary(message)}` : `${line}: ${code} ${message}`,
    );
  }
  return found;
}

interface Report {
  readonly diagnostics: {
    readonly filename: string;
    readonly code: string;
    readonly message: string;
    readonly labels: readonly { readonly span: { readonly line: number; readonly offset: number } }[];
  }[];
}

function parsed(output: string, errors: string): Report {
  try {
    return JSON.parse(output) as Report;
  } catch {
    throw new Error(`Cannot read what oxlint says: ${output}${errors}`);
  }
}

function summary(message: string): string {
  const operation = /^The operation (\S+) /.exec(message)?.[1] ?? message;
  if (message.includes("is made and never run")) return `dropped ${operation}`;
  return message.includes("handed to a bare `yield`") ? `yield ${operation}` : `await ${operation}`;
}

/** The reports that the comments of `source` ask for. */
function wanted(source: string): string[] {
  return source.split("\n").flatMap((line, index) => {
    const list = /\/\/ ((?:dropped|yield|await) .*)$/.exec(line)?.[1];
    return list === undefined ? [] : list.split(", ").map((report) => `${index + 1}: ${report}`);
  });
}

test("yield-star reports each operation that is dropped, yielded or awaited, at its line", () => {
  const found = lint(BAD);
  for (const [name, source] of Object.entries(BAD)) {
    expect(wanted(source).length).toBeGreaterThan(15);
    expect(found[name]).toEqual(wanted(source));
  }
});

test("yield-star leaves alone what is run, what is shadowed and what is of another module", () => {
  expect(lint(GOOD)).toEqual({ "run.ts": [], "shadowed.ts": [], "elsewhere.ts": [] });
});

test("yield-star mends what a generator can run by itself, and nothing else", () => {
  const source = `
import { type Conn, sleep } from "millrace";
export function* body(conn: Conn, isLate: boolean) {
  sleep(1);
  isLate && sleep(1);
  const data = yield conn.read();
  conn?.flush();
  return data;
}
export async function* asynchronous() {
  yield sleep(1);
}
export async function awaited() {
  await sleep(1);
}
export function plain(conn: Conn) {
  conn.write("a");
}
`;
  const left = lint({ "fixed.ts": source }, "--fix");
  expect(left["fixed.ts"]).toEqual([
    "7: dropped Conn.flush",
    "11: yield sleep",
    "14: await sleep",
    "17: dropped Conn.write",
  ]);
  const mended = source
    .replace("  sleep(1);\n  isLate && sleep(1);", "  yield* sleep(1);\n  isLate && (yield* sleep(1));")
    .replace("yield conn.read()", "yield* conn.read()");
  expect(readFileSync(join(project, "fixed.ts"), "utf8")).toBe(mended);
});

test("yield-star knows every function and method of the package that makes an operation", async () => {
  const module: string = join(ROOT, "lint/yield-star.js");
  const { OPERATIONS, METHODS } = (await import(module)) as Plugin;
  const operations: Record<string, string[]> = { millrace: [], "millrace/http": [] };
  const methods: Record<string, string[]> = {};
  for (const [door, fixture] of [
    ["millrace", "index"],
    ["millrace/http", "http"],
  ] as const) {
    const surface = readFileSync(join(ROOT, `test/fixtures/api/${fixture}.txt`), "utf8");
    for (const entry of surface.split(/^## /m).slice(1)) {
      const [, kind, name = ""] = /^(?:\(not exported here\) )?(\w+) (\w+)/.exec(entry) ?? [];
      if (kind === "function" && /\): (?:Operation|Generator)</.test(entry.replaceAll(/\([^()]*\) => \w+</g, "")))
        operations[door]?.push(name);
      if (kind !== "class" && kind !== "interface") continue;
      const made = [...entry.matchAll(/^ {4}(\w+)(?:<[^(]*>)?\(.*\): (?:Operation|Generator)</gm)].map(
        ([, method = ""]) => method,
      );
      if (made.length > 0) methods[name] = [...new Set(made)].toSorted();
    }
  }
  expect(OPERATIONS).toEqual(operations);
  expect(METHODS).toEqual(methods);
});
