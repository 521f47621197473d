// Unix paths on a real file system: which are taken over, which are not, and what a stop leaves alone. Processes that die are real ones.

import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, renameSync, statSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { until } from "../../src/concurrency/until.ts";
import type { Steps } from "../../src/core/operation.ts";
import { connect } from "../../src/net/connect.ts";
import { ListenError } from "../../src/net/errors.ts";
import { listen } from "../../src/net/listen.ts";
import type { StalePath } from "../../src/net/transport.ts";
import { removeStale } from "../../src/bun/unix-paths.ts";
import { Child } from "../bun-contract/child.ts";
import { BunConnWorld, textOf, thrownBy } from "../contract/conn-world.ts";

/** A test whose body runs as a task, with a path of its own. */
function withPath(title: string, body: (path: string) => Steps<void>): void {
  test(title, async () => {
    expect.hasAssertions();
    await using world = new BunConnWorld();
    await world.run(() => body(world.unixPath()));
  });
}

/** Leaves the socket of a killed process at `path`. */
async function leaveStale(path: string): Promise<void> {
  await using child = new Child(
    `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); console.log("up")`,
  );
  expect(await child.line()).toBe("up");
}

/** Connects to `path`, and has a word come through. */
function* answers(path: string): Steps<void> {
  using server = yield* listen({ unix: path });
  const client = yield* connect({ unix: path });
  const conn = yield* server.accept();
  yield* client.write("hello");
  expect(textOf((yield* conn?.readExactly(5) ?? []) ?? null)).toBe("hello");
  client.terminate();
  conn?.terminate();
}

describe("listen at a unix path", () => {
  withPath("listen takes over the path of a process that was killed", function* (path) {
    yield* until(leaveStale(path));
    expect(lstatSync(path).isSocket()).toBe(true);
    yield* answers(path);
    expect(existsSync(path)).toBe(false);
  });

  withPath("listen leaves a path alone on which somebody answers, in this process or another", function* (path) {
    {
      using listener = yield* listen({ unix: path });
      const error = yield* thrownBy(() => listen({ unix: path }));
      expect(error).toBeInstanceOf(ListenError);
      expect(error).toMatchObject({
        reason: "EADDRINUSE",
        message: `Cannot listen on unix:${path}: the address is in use, somebody answers there`,
      });
      const client = yield* connect({ unix: path });
      client.terminate();
      // One of the two is the question whether somebody answers.
      for (let i = 0; i < 2; i++) (yield* listener.accept())?.terminate();
    }
    const child = new Child(`Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); console.log("up")`);
    try {
      expect(yield* until(child.line())).toBe("up");
      expect(yield* thrownBy(() => listen({ unix: path }))).toMatchObject({ reason: "EADDRINUSE" });
      expect(existsSync(path)).toBe(true);
    } finally {
      child.process.kill("SIGKILL");
      yield* until(child.process.exited);
    }
  });

  withPath("listen leaves a path alone that is no socket: a file, a folder, a link to a dead socket", function* (path) {
    writeFileSync(path, "somebody's notes");
    const error = yield* thrownBy(() => listen({ unix: path }));
    expect((error as Error).message).toBe(`Cannot listen on unix:${path}: something that is no socket is in the way`);
    expect(yield* until(Bun.file(path).text())).toBe("somebody's notes");
    unlinkSync(path);
    yield* until(leaveStale(`${path}.real`));
    symlinkSync(`${path}.real`, path);
    expect(yield* thrownBy(() => listen({ unix: path }))).toMatchObject({ reason: "EADDRINUSE" });
    expect([lstatSync(path).isSymbolicLink(), existsSync(`${path}.real`)]).toEqual([true, true]);
  });

  withPath("listen gives a path the permissions that were asked for, and the process its umask back", function* (path) {
    const before = process.umask();
    using listener = yield* listen({ unix: path, unixMode: 0o620 });
    expect(statSync(path).mode & 0o777).toBe(0o620);
    expect(process.umask()).toBe(before);
    listener.close();
    expect(yield* thrownBy(() => listen({ unix: "/nowhere/at/all.sock", unixMode: 0o600 }))).toBeInstanceOf(
      ListenError,
    );
    expect(process.umask()).toBe(before);
  });

  withPath("close leaves a path alone that somebody else has bound meanwhile", function* (path) {
    const first = yield* listen({ unix: path });
    // As an operator does: removes the path of a server that hangs, and starts another one.
    unlinkSync(path);
    using second = yield* listen({ unix: path });
    first.close();
    const client = yield* connect({ unix: path });
    expect(yield* second.accept()).not.toBeNull();
    client.terminate();
    second.close();
    expect(existsSync(path)).toBe(false);
  });

  withPath("close of a listener whose path is gone is harmless, and twice too", function* (path) {
    const listener = yield* listen({ unix: path });
    unlinkSync(path);
    listener.close();
    listener.close();
    yield* answers(path);
  });
});

describe("removeStale", () => {
  const outcome = (path: string): Promise<StalePath> => new Promise((resolve) => removeStale(path, resolve));

  withPath("removeStale tells a path that is gone, a file, a live one and a dead one apart", function* (path) {
    expect(yield* until(outcome(path))).toBe("gone");
    writeFileSync(path, "");
    expect(yield* until(outcome(path))).toBe("foreign");
    unlinkSync(path);
    yield* until(leaveStale(path));
    expect(yield* until(outcome(path))).toBe("removed");
    using listener = yield* listen({ unix: path });
    expect(yield* until(outcome(path))).toBe("alive");
    (yield* listener.accept())?.terminate();
  });

  // Two servers start at once: both find the same dead path. The slower one must not remove what the faster one has bound.
  withPath("removeStale puts a path back that somebody bound between the look and the removal", function* (path) {
    yield* until(leaveStale(path));
    const asking = outcome(path);
    unlinkSync(path);
    using listener = yield* listen({ unix: path });
    // The new one may even have the number of the old one in its file system.
    expect(yield* until(asking)).toBe("alive");
    expect(lstatSync(path).isSocket()).toBe(true);
    const client = yield* connect({ unix: path });
    client.terminate();
    listener.close();
  });

  withPath("removeStale that finds another dead socket than it has looked at leaves that one", function* (path) {
    yield* until(leaveStale(path));
    yield* until(leaveStale(`${path}.other`));
    const asking = outcome(path);
    renameSync(`${path}.other`, path);
    expect(yield* until(asking)).toBe("alive");
    expect(lstatSync(path).isSocket()).toBe(true);
  });
});
