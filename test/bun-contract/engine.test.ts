// What JavaScriptCore does with generators, which is what a millrace task is. Resuming only by next(token), throwing from
// inside the leaf, never cancelling by return(), and holding every parked task until shutdown all follow from these.

import { describe, expect, test } from "bun:test";
import { AsyncLocalStorage } from "node:async_hooks";

import { runChild } from "./child.ts";
import { Pair } from "./support.ts";

/** A leaf operation as millrace has them: an iterator that parks `parks` times and records the tokens that reach it. */
class Leaf implements Iterator<Leaf, string, unknown> {
  readonly tokens: unknown[] = [];
  readonly #parks: number;
  readonly #finish: () => string;

  constructor(parks = 1, finish = (): string => "value") {
    this.#parks = parks;
    this.#finish = finish;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(token?: unknown): IteratorResult<Leaf, string> {
    this.tokens.push(token);
    if (this.tokens.length <= this.#parks) return { done: false, value: this };
    return { done: true, value: this.#finish() };
  }
}

type Task<T = string> = Generator<unknown, T, unknown>;

describe("yield*", () => {
  // The scheduler gives the task, PROBE or an error to the leaf by next(token), whatever lies between.
  test("yield* passes the token of next through every level to the innermost iterator", () => {
    const leaf = new Leaf(2);
    const probe = Symbol("probe");
    function* session(): Task {
      return yield* leaf;
    }
    function* handler(): Task {
      return yield* session();
    }
    const task = handler();
    expect(task.next("ignored").value).toBe(leaf);
    expect(task.next(probe)).toEqual({ done: false, value: leaf });
    expect(task.next(task)).toEqual({ done: true, value: "value" });
    expect(leaf.tokens).toEqual([undefined, probe, task]);
  });

  // where(task) and every error message: a leaf that throws, or records a stack, shows the line at which each level waits.
  test("yield* levels all stand in the stack of an error made in the innermost iterator on resume", () => {
    const leaf = new Leaf(1, () => new Error("probe").stack ?? "");
    function* readLine(): Task {
      return yield* leaf;
    }
    function* session(): Task {
      return yield* readLine();
    }
    function* handler(): Task {
      return yield* session();
    }
    const task = handler();
    task.next();
    const stack = String(task.next().value);
    const frames = [...stack.matchAll(/at (readLine|session|handler) /g)].map((match) => match[1]);
    expect(frames).toEqual(["readLine", "session", "handler"]);
  });

  // Why errors are never delivered by generator.throw: they would name the callback and not the waiting code.
  test("generator.throw delivers an error whose stack has none of the levels", () => {
    function* readLine(): Task {
      return yield* new Leaf();
    }
    function* handler(): Task {
      return yield* readLine();
    }
    const leaf = handler();
    leaf.next();
    const error = new Error("made in the callback");
    expect(() => leaf.throw(error)).toThrow();
    expect(error.stack).not.toMatch(/readLine|handler/);
  });

  // Delegating iterators of millrace have a throw: without one the foreign-value error turns into this TypeError.
  test("generator.throw through yield* of an iterator without throw is a TypeError", () => {
    function* handler(): Task {
      return yield* new Leaf();
    }
    const task = handler();
    task.next();
    expect(() => task.throw(new Error("lost"))).toThrow(TypeError);
  });

  // The depth that the documentation promises to recursive handlers.
  test("yield* works 5,000 levels deep, and overflows as a RangeError far beyond", () => {
    function* descend(levels: number): Task {
      return levels === 0 ? yield* new Leaf() : yield* descend(levels - 1);
    }
    const task = descend(5_000);
    task.next();
    expect(task.next()).toEqual({ done: true, value: "value" });
    expect(() => descend(100_000).next()).toThrow(RangeError);
  });
});

describe("generator.return", () => {
  // Why a task is never cancelled by return(): a finally that waits turns the cancel into an ordinary return of the inner
  // call, and the code after that call runs. ECMAScript says so; the first half is the case without a wait.
  test("generator.return ends the outer generator when finally does not wait", () => {
    const { task, log } = cancellable(0);
    expect(task.return("cancelled")).toEqual({ done: true, value: "cancelled" });
    expect(log).toEqual(["cleanup begins", "cleanup ends"]);
  });

  test("generator.return lets the outer generator carry on when a finally waits under yield*", () => {
    const { task, log } = cancellable(1);
    expect(task.return("cancelled").done).toBe(false);
    expect(task.next()).toEqual({ done: true, value: "finished" });
    expect(log).toEqual(["cleanup begins", "cleanup ends", "carried on"]);
  });

  /** A started task whose inner generator cleans up in a finally that waits `waits` times. */
  function cancellable(waits: number): { task: Task; log: string[] } {
    const log: string[] = [];
    function* inner(): Task {
      try {
        return yield* new Leaf();
      } finally {
        log.push("cleanup begins");
        yield* new Leaf(waits);
        log.push("cleanup ends");
      }
    }
    function* outer(): Task {
      yield* inner();
      log.push("carried on");
      return "finished";
    }
    // The leaf has no return method, so that return() goes straight to the finally.
    const task = outer();
    task.next();
    return { task, log };
  }
});

describe("generator.next", () => {
  // Why callbacks only wake: close comes inside the end() that the running task has called.
  test("generator.next throws a TypeError while the generator is running", () => {
    function* handler(): Task<unknown> {
      try {
        return task.next();
      } catch (error) {
        return error;
      }
    }
    const task: Task<unknown> = handler();
    const { value } = task.next();
    expect(value).toBeInstanceOf(TypeError);
    expect(String(value)).toBe("TypeError: Generator is executing");
  });

  // The opt-in of scopes: a resume from a socket callback has no context, and a snapshot taken at spawn brings it back.
  test("AsyncLocalStorage is empty on resume from a socket callback, and its snapshot restores it", async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    function* handler(): Task<void> {
      for (;;) {
        seen.push(storage.getStore());
        yield;
      }
    }
    const task = handler();
    const spawned = storage.run("request 1", () => {
      task.next();
      return AsyncLocalStorage.snapshot();
    });
    const data = (): void => {
      task.next();
      spawned(() => task.next());
    };
    await using pair = await Pair.open({ server: { data } });
    pair.client.write("x");
    await pair.log.until(() => seen.length === 3);
    expect(seen).toEqual(["request 1", undefined, "request 1"]);
  });
});

describe("using", () => {
  // Permits are Disposable: semaphores can be held with `using` across waits.
  test("using in a generator disposes when the block is left, after any number of waits", () => {
    const log: string[] = [];
    function* handler(): Task<void> {
      {
        using permit = { [Symbol.dispose]: () => log.push("disposed"), permits: 1 };
        yield* new Leaf();
        log.push(`used ${permit.permits}`);
      }
      log.push("after");
    }
    const task = handler();
    task.next();
    task.next();
    expect(log).toEqual(["used 1", "disposed", "after"]);
  });

  // Why a scope is a function and no disposable: its own failure could not leave as itself.
  test("using wraps the body's error in a SuppressedError when the disposer throws", () => {
    function* handler(): Task<void> {
      using scope = {
        name: "the body",
        [Symbol.dispose]: () => {
          throw new Error("a child failed");
        },
      };
      throw new Error(`${scope.name} failed`);
    }
    let thrown: unknown;
    try {
      handler().next();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(SuppressedError);
    const { error, suppressed } = thrown as SuppressedError;
    expect([String(error), String(suppressed)]).toEqual(["Error: a child failed", "Error: the body failed"]);
  });

  // The other reason: cleanup that waits cannot be a disposer in a generator.
  test("await using in a generator is a syntax error", () => {
    const transpiler = new Bun.Transpiler({ loader: "ts" });
    expect(() => transpiler.transformSync("function* handler() { using permit = null; yield permit; }")).not.toThrow();
    expect(() =>
      transpiler.transformSync("function* handler() { await using permit = null; yield permit; }"),
    ).toThrow();
  });
});

describe("parked generators", () => {
  const PARKED = `function* handler() { try { yield } finally { console.log("finally") } }`;

  // Why the runtime holds every parked task and cancels it at shutdown.
  test("a parked generator that is dropped and collected never runs its finally", async () => {
    const collected = `
      ${PARKED}
      const registry = new FinalizationRegistry(() => { console.log("collected"); clearInterval(timer); });
      (() => { for (let made = 0; made < 100; made++) { const task = handler(); task.next(); registry.register(task); } })();
      const timer = setInterval(() => Bun.gc(true), 1);`;
    const { lines, exitCode } = await runChild(collected);
    expect(new Set(lines)).toEqual(new Set(["collected"]));
    expect(exitCode).toBe(0);
  });

  // DeadlockError on Bun: nothing but parked generators does not keep the process, and beforeExit may still start work.
  test("process beforeExit fires when only parked generators remain, and again after work that it started", async () => {
    const { lines } = await runChild(`
      ${PARKED}
      const task = handler();
      task.next();
      let fired = 0;
      process.on("beforeExit", () => {
        console.log("beforeExit", fired++);
        if (fired === 1) setImmediate(() => console.log("more work"));
      });
      process.on("exit", () => console.log("exit"));`);
    expect(lines).toEqual(["beforeExit 0", "more work", "beforeExit 1", "exit"]);
  });

  // The other half: an open listener is able to wake a task, so it is no deadlock.
  test("process beforeExit does not fire while a listener is open", async () => {
    const { lines } = await runChild(`
      process.on("beforeExit", () => console.log("beforeExit"));
      const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
      setTimeout(() => { console.log("stopping"); listener.stop(); }, 20);`);
    expect(lines).toEqual(["stopping", "beforeExit"]);
  });

  // How the DeadlockError gets out: an error thrown there ends the process with code 1.
  test("a throw in process beforeExit exits with code 1", async () => {
    const { lines, exitCode } = await runChild(`process.on("beforeExit", () => { throw new Error("deadlock"); });`);
    expect({ lines, exitCode }).toEqual({ lines: [], exitCode: 1 });
  });
});
