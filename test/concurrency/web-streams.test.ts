// Web streams both ways: order, backpressure, ends, errors and cancels, each seen from the other side.

import { expect, test } from "bun:test";
import { race } from "../../src/concurrency/race.ts";
import { type Scope, scope } from "../../src/concurrency/scope.ts";
import { shield } from "../../src/concurrency/shield.ts";
import { until } from "../../src/concurrency/until.ts";
import { Feed } from "../../src/concurrency/stream-task.ts";
import { fromReadable, fromWritable, toReadable, toWritable } from "../../src/concurrency/web-streams.ts";
import { AbortError, BusyError } from "../../src/core/errors.ts";
import type { Operation, Steps } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { sleep, sleepForever } from "../../src/core/sleep.ts";
import { simulate, Simulation } from "../../src/sim/simulate.ts";
import { messageOf } from "../core/kit.ts";

const inScope = <T>(body: (scope: Scope) => Steps<T>): Promise<T> => simulate(() => scope(body));
const caught = (error: unknown): unknown => error;

test("fromReadable reads chunks up to the end, and loses none to a race", async () => {
  const seen = await simulate(function* () {
    const { readable, writable } = new TransformStream<number, number>();
    const writer = writable.getWriter();
    const chunks = fromReadable(readable);
    const seen: unknown[] = [];
    seen.push((yield* race({ chunk: chunks.next(), tick: sleep(1) })).name);
    void writer.write(1).then(() => writer.write(2));
    for (let left = 2; left > 0; left--) seen.push(yield* chunks.next());
    void writer.close();
    seen.push(yield* chunks.next(), yield* chunks.next());
    return seen;
  });
  expect(seen).toEqual(["tick", 1, 2, null, null]);
});

test("fromReadable throws what the stream fails with, and cancels it when it is closed", async () => {
  const reasons: unknown[] = [];
  const seen = await simulate(function* () {
    const failing = new ReadableStream({
      pull: (controller) => controller.error(new Error("failed")),
    });
    let message = "";
    try {
      yield* fromReadable(failing).next();
    } catch (error) {
      message = messageOf(error);
    }
    const stream = new ReadableStream({ cancel: (reason) => void reasons.push(reason) });
    const chunks = fromReadable(stream);
    yield* chunks.close();
    expect(() => fromReadable(stream)).toThrow(TypeError);
    return [message, yield* chunks.next()];
  });
  expect([seen, reasons]).toEqual([["failed", null], [undefined]]);
});

test("toReadable starts its task with the first read and goes no further than the reader", async () => {
  const log: string[] = [];
  await inScope(function* (scope) {
    const stream = toReadable<number>(scope, function* (writer) {
      for (let i = 1; i <= 3; i++) {
        log.push(`writes ${i} at ${now()}`);
        yield* writer.write(i);
      }
    });
    yield* sleep(10);
    log.push("nobody has read");
    const reader = stream.getReader();
    for (let i = 0; i < 4; i++) {
      const { done, value } = yield* until(reader.read());
      log.push(done ? `end at ${now()}` : `read ${value as number} at ${now()}`);
      yield* sleep(10);
    }
  });
  expect(log).toEqual([
    "nobody has read",
    "writes 1 at 10",
    "writes 2 at 10",
    "read 1 at 10",
    "writes 3 at 20",
    "read 2 at 20",
    "read 3 at 30",
    "end at 40",
  ]);
});

test("toReadable fails the stream with the error of its body, and leaves the scope alone", async () => {
  const seen = await inScope(function* (scope) {
    const stream = toReadable<string>(scope, function* (writer) {
      yield* writer.write("first");
      throw new Error("and no more");
    });
    const reader = stream.getReader();
    const first = yield* until(reader.read());
    yield* sleep(5);
    const error = yield* until(reader.read().catch(caught));
    return [first.value, messageOf(error), scope.live];
  });
  expect(seen).toEqual(["first", "and no more", 0]);
});

test("toReadable that is cancelled cancels its task, waits for it, and hands on what its clean-up throws", async () => {
  for (const failing of [false, true]) {
    const log: string[] = [];
    const outcome = await inScope(function* (scope) {
      const stream = toReadable<number>(scope, function* (writer) {
        try {
          yield* writer.write(1);
          yield* writer.write(2);
        } finally {
          yield* shield(sleep(10), 50);
          log.push(`over at ${now()}`);
          // oxlint-disable-next-line no-unsafe-finally -- a clean-up that fails is what this is about
          if (failing) throw new Error("clumsy");
        }
      });
      const reader = stream.getReader();
      yield* until(reader.read());
      return yield* until(reader.cancel().then(() => "cancelled", messageOf));
    });
    expect([outcome, log]).toEqual([failing ? "clumsy" : "cancelled", ["over at 10"]]);
  }
});

test("toReadable whose scope is cancelled fails with an AbortError", async () => {
  const error = await simulate(function* () {
    const read = Promise.withResolvers<unknown>();
    yield* scope(function* (scope) {
      const reader = toReadable<number>(scope, () => sleepForever()).getReader();
      reader.read().then(read.resolve, read.resolve);
      yield* promisesHaveRun();
      scope.cancel();
    });
    return yield* until(read.promise);
  });
  expect(error).toBeInstanceOf(AbortError);
});

test("toReadable is a body like any other: a Response reads it", async () => {
  const text = await inScope(function* (scope) {
    const stream = toReadable<Uint8Array>(scope, function* (writer) {
      for (const word of ["mill", "race"]) {
        yield* sleep(1);
        yield* writer.write(new TextEncoder().encode(word));
      }
    });
    return yield* until(new Response(stream).text());
  });
  expect(text).toBe("millrace");
});

test("toReadable lets one task write at a time", async () => {
  const error = await inScope(function* (scope) {
    let error: unknown;
    const stream = toReadable<number>(scope, function* (writer) {
      yield* writer.write(0);
      const second = scope.spawn(() => writer.write(1));
      yield* sleep(1);
      try {
        yield* writer.write(2);
      } catch (thrown) {
        error = thrown;
      }
      yield* second;
    });
    const reader = stream.getReader();
    yield* until(reader.read());
    yield* sleep(5);
    expect((yield* until(reader.read())).value).toBe(1);
    return error;
  });
  expect(error).toBeInstanceOf(BusyError);
});

test("toReadable keeps the place of a writer that was woken and has not gone on: nobody else's chunk takes its", async () => {
  const seen = await inScope(function* (scope) {
    const feed = new Feed<number>(scope, function* (writer) {
      yield* writer.write(1);
      yield* writer.write(2);
    });
    yield* until(feed.next());
    // This wakes the task; its step comes behind this one.
    const second = feed.next();
    let error: unknown;
    try {
      yield* feed.write(3);
    } catch (thrown) {
      error = thrown;
    }
    return [yield* until(second), error instanceof BusyError];
  });
  expect(seen).toEqual([2, true]);
});

test("toReadable ends its task as cancelled when the stream is", async () => {
  const sim = new Simulation();
  const endings: unknown[] = [];
  sim.scheduler.instrument = {
    taskExited: (task) => {
      if (task.name === "a web stream") endings.push(task.ending);
    },
  };
  await sim.run(() =>
    scope(function* (scope) {
      const reader = toReadable<number>(scope, function* (writer) {
        for (;;) yield* writer.write(1);
      }).getReader();
      yield* until(reader.read());
      yield* until(reader.cancel());
    }),
  );
  expect(endings).toEqual(["cancelled"]);
});

test("fromWritable writes chunk by chunk at the pace of the stream, and closes it", async () => {
  const log: string[] = [];
  await simulate(function* () {
    const gates: (() => void)[] = [];
    const stream = new WritableStream<string>({
      write(chunk) {
        log.push(`takes ${chunk}`);
        return new Promise((resolve) => gates.push(resolve));
      },
      close: () => void log.push("closed"),
    });
    using sink = fromWritable(stream);
    for (const chunk of ["a", "b"]) {
      const first = yield* race({ written: sink.write(chunk), tick: sleep(5) });
      log.push(`${first.name} of ${chunk}`);
      gates.shift()?.();
      yield* until(Promise.resolve());
    }
    const ended = yield* race({ end: sink.end(), tick: sleep(5) });
    log.push(ended.name);
  });
  expect(log).toEqual(["takes a", "tick of a", "takes b", "tick of b", "closed", "end"]);
});

test("fromWritable aborts the stream when it is disposed of before its end, and throws what the stream failed with", async () => {
  let aborts = 0;
  const message = await simulate(function* () {
    {
      using sink = fromWritable(new WritableStream<number>({ abort: () => void aborts++ }));
      yield* sink.write(1);
    }
    const failing = fromWritable(
      new WritableStream<number>({
        write() {
          throw new Error("full");
        },
      }),
    );
    try {
      yield* failing.write(1);
    } catch (error) {
      return messageOf(error);
    }
    return "written";
  });
  expect([message, aborts]).toEqual(["full", 1]);
});

test("toWritable gives its task chunk by chunk: a write is over when its chunk was taken, close when the body has ended", async () => {
  const log: string[] = [];
  await inScope(function* (scope) {
    const stream = toWritable<string>(scope, function* (chunks) {
      for (let chunk = yield* chunks.next(); chunk !== null; chunk = yield* chunks.next()) {
        log.push(`got ${chunk} at ${now()}`);
        yield* sleep(10);
      }
      yield* sleep(5);
      log.push(`over at ${now()}`);
    });
    const writer = stream.getWriter();
    void writer.write("a");
    yield* until(writer.write("b"));
    log.push(`b taken at ${now()}`);
    yield* until(writer.close());
    log.push(`closed at ${now()}`);
  });
  expect(log).toEqual(["got a at 0", "got b at 10", "b taken at 10", "over at 25", "closed at 25"]);
});

test("toWritable fails writes when its body fails or has ended, and cancels it when the stream is aborted", async () => {
  const log: string[] = [];
  const seen = await inScope(function* (scope) {
    const failing = toWritable<number>(scope, function* (chunks) {
      yield* chunks.next();
      throw new Error("enough");
    }).getWriter();
    yield* until(failing.write(1));
    const failed = yield* until(failing.write(2).catch(caught));

    const short = toWritable<number>(scope, function* (chunks) {
      yield* chunks.next();
    }).getWriter();
    yield* until(short.write(1));
    const late = yield* until(short.write(2).catch(caught));

    const aborted = toWritable<number>(scope, function* (chunks) {
      try {
        for (;;) yield* chunks.next();
      } finally {
        yield* shield(sleep(5), 50);
        log.push(`over at ${now()}`);
      }
    }).getWriter();
    yield* until(aborted.write(1));
    yield* until(aborted.abort());
    return [messageOf(failed), messageOf(late), scope.live];
  });
  expect(seen).toEqual(["enough", "Cannot write to the stream: its reader has ended", 0]);
  expect(log).toEqual(["over at 5"]);
});

test("toReadable and toWritable piped together carry everything and leave nothing behind", async () => {
  const sim = new Simulation();
  const numbers = Array.from({ length: 500 }, (_, i) => i);
  const got: number[] = [];
  await sim.run(() =>
    scope(function* (scope) {
      const source = toReadable<number>(scope, function* (writer) {
        for (const number of numbers) yield* writer.write(number);
      });
      const target = toWritable<number>(scope, function* (chunks) {
        for (let chunk = yield* chunks.next(); chunk !== null; chunk = yield* chunks.next()) got.push(chunk);
      });
      yield* until(source.pipeTo(target));
    }),
  );
  expect(got).toEqual(numbers);
  expect([sim.host.holds, sim.scheduler.timers.armed]).toEqual([0, 0]);
});

/** Virtual time passes without promise code: only while a task waits for a promise does that get its turn. */
function promisesHaveRun(): Operation<void> {
  return until(new Promise<void>((done) => void setImmediate(done)));
}
