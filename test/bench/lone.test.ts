// The layer without a kernel, run small: every side of every job sets up, answers as it has to, and is timed. No figure is looked at.

import { describe, expect, test } from "bun:test";

import { openSide, takeSample } from "../../bench/lone/child.ts";
import { loadJob, LONE_JOBS } from "../../bench/lone/jobs.ts";
import { type LoneArm, measureRestart, OWN_TREE } from "../../bench/lone/measure.ts";
import type { SideName } from "../../bench/lone/shared/job.ts";
import { type Dialogue, floorSide, oursSide } from "../../bench/lone/shared/served.ts";
import type { Steps } from "../../src/core/operation.ts";
import type { Conn } from "../../src/net/conn.ts";
import { serve } from "../../src/net/serve.ts";

const TINY = { warmMs: 2, sampleMs: 1, sequences: 2 };

describe("the jobs without a kernel", () => {
  test.each([...LONE_JOBS])("%s: each side that there is runs", async (name) => {
    const job = await loadJob(name);
    expect(job.name).toBe(name);
    for (const side of ["ours", "twin", "floor"] as const) {
      if (job.make[side] === null) {
        await expect(openSide(name, side)).rejects.toThrow(`Cannot run the ${side} of ${name}: there is none`);
        continue;
      }
      const sample = takeSample(await openSide(name, side), { ms: 0 });
      expect(sample.operations).toBeGreaterThan(0);
    }
  });

  test("are known by name", async () => {
    await expect(loadJob("ftp")).rejects.toThrow("none of ours");
    await expect(loadJob("constructor")).rejects.toThrow("none of ours");
  });
});

describe("a side without a kernel", () => {
  const dialogue: Dialogue = { chunk: "go", operations: 1, isAnswer: (answer) => answer === "go" };

  test("is refused when its first answer is wrong", () => {
    function* shouting(conn: Conn): Steps<void> {
      while ((yield* conn.read()) !== null) yield* conn.write("GO");
    }
    expect(() => oursSide(dialogue, () => serve({ port: 0 }, shouting))).toThrow(
      'Cannot time the job: its answer is "GO"',
    );
  });

  test("is refused when it stops answering later on", () => {
    let answers = 0;
    function* tiring(conn: Conn): Steps<void> {
      for (let data: Uint8Array | null; (data = yield* conn.read()) !== null;)
        if (++answers <= 100) yield* conn.write(data);
    }
    const side = oursSide(dialogue, () => serve({ port: 0 }, tiring));
    side.check();
    expect(() => takeSample(side, { ms: 0 })).toThrow("Cannot use the sample: connection 0 wrote 4 bytes of");
  });

  test("counts an operation for each message in a chunk", () => {
    const one = floorSide(dialogue);
    expect(floorSide({ ...dialogue, operations: 16 }).operations).toBe(one.operations * 16);
  });
});

describe("a restart without a kernel", () => {
  test("pairs the samples of two processes", async () => {
    const arm = (side: SideName): LoneArm => ({ tree: OWN_TREE, job: "echo", side });
    for (const restart of [0, 1]) {
      const { a, b } = await measureRestart(arm("ours"), arm("floor"), TINY, restart);
      expect([a.length, b.length]).toEqual([4, 4]);
      for (const { quietNs, cpuNs } of [...a, ...b]) {
        expect(quietNs).toBeGreaterThan(0);
        expect(cpuNs).toBeGreaterThanOrEqual(0);
      }
    }
  });

  test("fails with the reason when a side cannot run", async () => {
    const arm: LoneArm = { tree: OWN_TREE, job: "line16", side: "ours" };
    const none: LoneArm = { ...arm, job: "nothing" };
    await expect(measureRestart(arm, none, TINY, 0)).rejects.toThrow(
      'Cannot run nothing (ours) without a kernel: Cannot run the job "nothing": it is none of ours',
    );
  });
});
