// The profile of an arm: that samples are counted rightly, and that one is made. No share of a real profile is looked at.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";

import { armNamed } from "../../bench/measure/arms.ts";
import { type Job, jobsNamed } from "../../bench/measure/jobs.ts";
import { type CpuProfile, hotFunctions } from "../../bench/profile/hot-functions.ts";
import { profileArm } from "../../bench/profile/profile.ts";
import { Program } from "../subprocess.ts";

setDefaultTimeout(30_000);

const frame = (id: number, functionName: string, url: string, lineNumber: number): CpuProfile["nodes"][number] => ({
  id,
  callFrame: { functionName, url, lineNumber },
});

/** A sample each millisecond from 1,001,000 us on; a long wait before the fourth one; the last one after the span. */
const PROFILE: CpuProfile = {
  nodes: [
    frame(1, "resume", "file:///mill/src/core/a.ts", 6),
    frame(2, "write", "", -1),
    frame(3, "resume", "file:///mill/src/core/a.ts", 6),
    frame(4, "", "file:///mill/node_modules/rou3/index.mjs", 0),
    frame(5, "parseArgs", "node:util", 9),
    frame(6, "late", "file:///mill/src/late.ts", 0),
  ],
  startTime: 1_000_000,
  samples: [5, 1, 2, 3, 4, 2, 1, 6],
  timeDeltas: [1_000, 1_000, 1_000, 50_000, 1_000, 1_000, 1_000, 1_000],
};

describe("hotFunctions", () => {
  const span = { fromUs: 1_001_500, toUs: 1_056_500 };

  test("counts the samples of the span, those of one function together wherever it was called", () => {
    const { samples, functions } = hotFunctions(PROFILE, span, "/mill");
    expect(samples).toBe(6);
    expect(functions).toEqual([
      { name: "resume", where: "src/core/a.ts:7", owner: "project", samples: 3, share: 1 / 2 },
      { name: "write", where: "", owner: "native", samples: 2, share: 1 / 3 },
      { name: "(anonymous)", where: "node_modules/rou3/index.mjs:1", owner: "packages", samples: 1, share: 1 / 6 },
    ]);
  });

  test("takes no wait for work: six samples of a millisecond in 55 are 11 %", () => {
    expect(hotFunctions(PROFILE, span, "/mill").runningShare).toBeCloseTo(6 / 55, 5);
  });

  test("tells Bun's own modules from a project's", () => {
    const [first] = hotFunctions(PROFILE, { fromUs: 0, toUs: 1_001_000 }, "/mill").functions;
    expect(first).toMatchObject({ where: "node:util:10", owner: "Bun" });
  });

  test("refuses a span without samples", () => {
    expect(() => hotFunctions(PROFILE, { fromUs: 0, toUs: 1 }, "/mill")).toThrow("Cannot tell the hot functions");
  });
});

describe("bench:profile", () => {
  const TINY = { connections: 4, warmMs: 20, ms: 300, intervalUs: 100 };
  const folder = (): { path: string } & Disposable => {
    const path = mkdtempSync(join(tmpdir(), "millrace-profile-"));
    return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
  };

  test.each(["generator", "raw"])(
    "finds functions of the project in the arm %s, and leaves the profile",
    async (name) => {
      using scratch = folder();
      const job = jobsNamed(["http16"])[0] as Job;
      const { file, burst, hot } = await profileArm(job, armNamed(name), TINY, scratch.path);
      expect(burst.answers).toBeGreaterThan(0);
      expect(dirname(file)).toBe(scratch.path);
      expect(await Bun.file(file).json()).toHaveProperty("samples");
      expect(
        hot.functions.some(({ owner, where }) => owner === "project" && /^(?:src|bench)\/.+\.ts:\d+$/.test(where)),
      ).toBe(true);
    },
  );

  test("refuses an arm that does not serve the job", async () => {
    using scratch = folder();
    const profiled = profileArm(jobsNamed(["line16"])[0] as Job, armNamed("bun-serve"), TINY, scratch.path);
    await expect(profiled).rejects.toThrow("Cannot profile the arm bun-serve at line16: it does not serve that");
  });

  test("prints JavaScript and native code apart, and where the profile is", async () => {
    await using program = Program.file("bench/profile.ts", "echo", "--ms", "150", "--top", "3");
    const lines = await program.rest();
    expect(await program.exitCode()).toBe(0);
    expect(lines[0]).toMatch(/^echo on generator: [\d,]+ answers in /);
    expect(lines.filter((line) => line.endsWith(" % of the samples, of which by self time"))).toHaveLength(2);
    const file = lines.at(-1) as string;
    expect(await Bun.file(file).exists()).toBe(true);
    rmSync(dirname(file), { recursive: true });
  });

  test("names a job that is none", async () => {
    await using program = Program.file("bench/profile.ts", "ftp");
    expect(await program.exitCode()).toBe(1);
    expect(await program.errors()).toContain('Cannot run the job "ftp": it is none of ours');
  });
});
