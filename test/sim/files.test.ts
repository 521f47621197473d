// What only the simulated disk has: faults, computed content, counts and virtual time. The contract that it shares with the real one is in
// test/contract.

import { describe, expect, test } from "bun:test";
import { until } from "../../src/concurrency/until.ts";
import { FileError } from "../../src/core/files.ts";
import type { Steps } from "../../src/core/operation.ts";
import { now } from "../../src/core/run.ts";
import { Simulation } from "../../src/sim/index.ts";

describe("SimFiles", () => {
  test("takes virtual time for every opening and reading, the same under the same seed", async () => {
    const times = async (seed: number): Promise<number[]> => {
      const simulation = new Simulation({ seed, files: { latencyMs: [1, 5] } });
      const { files } = simulation.host;
      files.put("/a", "content");
      return simulation.run(function* (): Steps<number[]> {
        const moments = [now()];
        const file = yield* until(files.open("/a"));
        moments.push(now());
        yield* until(file?.read(new Uint8Array(3), 0) ?? Promise.reject(new Error("no file")));
        moments.push(now());
        file?.close();
        return moments;
      });
    };
    const first = await times(1);
    expect(await times(1)).toEqual(first);
    expect(await times(2)).not.toEqual(first);
    const [start = 0, opened = 0, read = 0] = first;
    expect(opened - start).toBeWithin(1, 5);
    expect(read - opened).toBeWithin(1, 5);
  });

  test("counts what is open, was opened and was read", async () => {
    const simulation = new Simulation();
    const { files } = simulation.host;
    files.put("/a", "content");
    await simulation.run(function* () {
      const file = yield* until(files.open("/a"));
      yield* until(files.open("/none"));
      expect(files.statistics).toEqual({ open: 1, opened: 1, reads: 0, bytesRead: 0 });
      expect(yield* until(file?.read(new Uint8Array(100), 4) ?? Promise.resolve(-1))).toBe(3);
      file?.close();
    });
    expect(files.statistics).toEqual({ open: 0, opened: 1, reads: 1, bytesRead: 3 });
  });

  test("fails where it was told to, until it is told otherwise", async () => {
    const simulation = new Simulation();
    const { files } = simulation.host;
    files.put("/a", "content");
    files.fail("/a", "open", "EMFILE");
    await simulation.run(function* () {
      const attempt = function* (): Steps<unknown> {
        try {
          return yield* until(files.open("/a"));
        } catch (error) {
          return error;
        }
      };
      const error = yield* attempt();
      expect(error).toBeInstanceOf(FileError);
      expect(error).toMatchObject({ reason: "EMFILE" });
      files.fail("/a", "open", null);
      expect(yield* attempt()).toMatchObject({ size: 7 });
    });
  });

  test("fails at random with the chance that it was given", async () => {
    const simulation = new Simulation({ seed: 3, files: { faultChance: 0.3 } });
    const { files } = simulation.host;
    files.put("/a", "content");
    let failed = 0;
    await simulation.run(function* () {
      for (let i = 0; i < 1_000; i++) {
        try {
          (yield* until(files.open("/a")))?.close();
        } catch (error) {
          expect(error).toMatchObject({ reason: "EIO" });
          failed++;
        }
      }
    });
    expect(failed).toBeWithin(250, 350);
  });

  test("refuses to change what is not there", () => {
    const { files } = new Simulation().host;
    files.put("/folder/a", "content");
    files.link("/link", "/folder/a");
    for (const path of ["/none", "/folder", "/link"]) {
      expect(() => files.overwrite(path, "x")).toThrow(FileError);
      expect(() => files.fail(path, "read", "EIO")).toThrow("there is no such file");
    }
    files.remove("/none");
  });

  test("dates a file with the present of its world unless it is told otherwise", async () => {
    const simulation = new Simulation();
    const { host } = simulation;
    host.files.put("/a", "content");
    host.files.put("/b", "content", 1_000);
    const before = host.wallClock();
    await simulation.run(function* () {
      expect((yield* until(host.files.open("/a")))?.mtimeMs).toBe(before);
      expect((yield* until(host.files.open("/b")))?.mtimeMs).toBe(1_000);
      const later = host.wallClock();
      host.files.overwrite("/b", "other");
      expect(later).toBeGreaterThan(before);
      expect((yield* until(host.files.open("/b")))?.mtimeMs).toBe(later);
    });
  });
});
