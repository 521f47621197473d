// The benches as commands: what each says of itself, how it refuses what it does not know, how far it says to be, and how long a run is planned to be.
// What they measure has tests of its own.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import manifest from "../../package.json" with { type: "json" };
import { type Arm, ARMS, armNamed } from "../../bench/measure/arms.ts";
import { flagsOf } from "../../bench/measure/flags.ts";
import { type Job, JOBS, jobsNamed } from "../../bench/measure/jobs.ts";
import { FULL_EXTENT, pairsOf, secondsOf } from "../../bench/measure/plan.ts";
import { RESULTS_FOLDER } from "../../bench/measure/results.ts";
import { type Pair, turnsOf } from "../../bench/measure/rounds.ts";
import { Program } from "../subprocess.ts";

setDefaultTimeout(30_000);

/** The commands of package.json that measure or load, with the file each runs. */
const COMMANDS = Object.entries(manifest.scripts).flatMap(([name, script]) => {
  const file = /^bun run (bench\/\S+\.ts)$/.exec(script)?.[1];
  return file === undefined ? [] : [[name, file] as const];
});

describe("every command", () => {
  test.each(COMMANDS)("says how it is used: %s", async (name, file) => {
    await using program = Program.file(file, "--help");
    const [usage] = await program.rest();
    expect(await program.exitCode()).toBe(0);
    expect(usage).toStartWith(`usage: bun run ${name} `);
  });

  test.each(COMMANDS)("refuses a flag that it does not know, in one line: %s", async (_name, file) => {
    await using program = Program.file(file, "--weir");
    expect(await program.rest()).toEqual([]);
    expect(await program.exitCode()).toBeGreaterThan(0);
    const errors = await program.errors();
    expect(errors).toContain("--weir");
    expect(errors).not.toContain("\n    at ");
  });

  test("stands in bench/README.md", async () => {
    const text = await Bun.file(join(import.meta.dir, "../../bench/README.md")).text();
    for (const [name] of COMMANDS) expect(text).toMatch(new RegExp(`\\| \`bun run ${name}[ \`]`));
  });
});

describe("runBench", () => {
  test("says how far it is, saves what it has measured with its command and commit, and prints a report", async () => {
    const before = new Set(readdirSync(RESULTS_FOLDER));
    await using program = Program.file("bench/micro/run.ts", "--quick", "timeout-at-once");
    const lines = await program.rest();
    expect(await program.exitCode()).toBe(0);
    expect(await program.errors()).toMatch(/^bench:micro 0:0\d: timeout-at-once, pair 1 of 1$/m);
    expect(lines.find((line) => line.startsWith("| timeout-at-once | "))).toBeDefined();
    const saved = readdirSync(RESULTS_FOLDER).filter((name) => name.startsWith("micro-") && !before.has(name));
    expect(saved).toHaveLength(1);
    const file = join(RESULTS_FOLDER, saved[0] as string);
    const { command, revision, options, results } = (await Bun.file(file).json()) as Record<string, unknown>;
    expect(command).toBe("bun run bench:micro --quick timeout-at-once");
    expect(revision).toMatch(/^[0-9a-f]{7,40}(?:-dirty)?$/);
    expect(options).toEqual({ benches: ["timeout-at-once"], pairs: 1, size: "quick" });
    expect(results).toHaveLength(1);
    rmSync(file);
  });

  test("refuses a value in one line", async () => {
    await using program = Program.file("bench/run.ts", "--restarts", "many");
    expect(await program.rest()).toEqual([]);
    expect(await program.exitCode()).toBe(1);
    expect((await program.errors()).trim()).toBe('Cannot use "many": expected a whole number from 1 to 100');
  });
});

describe("bun run load", () => {
  test("says that nobody answers", async () => {
    await using program = Program.file("bench/load.ts", "--url", "http://127.0.0.1:1/", "--seconds", "1");
    expect(await program.rest()).toEqual([]);
    expect(await program.exitCode()).toBe(2);
    expect(await program.errors()).toStartWith("Cannot load http://127.0.0.1:1/: ");
  });
});

describe("flagsOf", () => {
  test("reads values, switches that are on until they are turned off, and words", () => {
    const names = { names: ["rate"], switches: ["control"], words: true } as const;
    expect(flagsOf(["--rate", "7", "--no-control", "idle", "--quick"], names)).toEqual({
      help: false,
      quick: true,
      values: { rate: "7" },
      switches: { control: false },
      words: ["idle"],
    });
    expect(flagsOf([], names)).toMatchObject({ quick: false, values: {}, switches: { control: true }, words: [] });
  });

  test("refuses other flags, and words where there are none", () => {
    expect(() => flagsOf(["--pace", "7"], { names: ["rate"] })).toThrow("Unknown option '--pace'");
    expect(() => flagsOf(["idle"], { names: ["rate"] })).toThrow("Unexpected argument 'idle'");
  });
});

describe("turnsOf", () => {
  const [ours, twin, raw] = ["generator", "async-await", "raw"].map(armNamed) as [Arm, Arm, Arm];
  const told = (pairs: readonly Pair[], sequences: number): string[] =>
    turnsOf(pairs, sequences).map(({ seat, of }) => (of === null ? `(${seat})` : `${seat} ${of.pair}${of.side},`));

  test("wakes whom the others have kept waiting, in each sequence, and then has them count in the order B A A B", () => {
    const first = "(generator) (raw) raw 0b, generator 0a, generator 0a, raw 0b,";
    const control = "(generator again) generator again 1b, generator 1a, generator 1a, generator again 1b,";
    expect(
      told(
        [
          [ours, raw],
          [ours, ours],
        ],
        1,
      ).join(" "),
    ).toBe(`${first} ${control}`);
    const baseline = "(async-await) raw 1b, async-await 1a, async-await 1a, raw 1b,";
    const again = "(generator) raw 0b, generator 0a, generator 0a, raw 0b,";
    expect(
      told(
        [
          [ours, raw],
          [twin, raw],
        ],
        2,
      ).join(" "),
    ).toBe(`${first} ${baseline} ${again} ${baseline}`);
  });

  test("has nobody wait for more than three bursts of others before one of its own counts, however many pairs there are", () => {
    const turns = turnsOf(
      [
        [ours, twin],
        [ours, raw],
        [twin, raw],
        [ours, ours],
      ],
      3,
    );
    for (const [i, { seat, of }] of turns.entries()) {
      const since = turns.slice(0, i).findLastIndex((turn) => turn.seat === seat);
      if (of !== null) expect(i - since).toBeLessThanOrEqual(4);
    }
  });

  test("wakes nobody where there is one pair, which nobody keeps waiting", () => {
    expect(told([[ours, raw]], 2).filter((turn) => turn.startsWith("("))).toEqual([]);
  });
});

describe("the plan of bun run bench", () => {
  test("is about five minutes long by the defaults", () => {
    const seconds = secondsOf(JOBS, ARMS, true, FULL_EXTENT);
    expect(seconds).toBeGreaterThan(240);
    expect(seconds).toBeLessThanOrEqual(330);
  });

  test("holds the first arm of a job against its others, and itself for control; at echo the baseline against raw callbacks too", () => {
    const names = (job: string, arms: typeof ARMS, control: boolean): string[] =>
      pairsOf(jobsNamed([job])[0] as Job, arms, control).map(([a, b]) => `${a.name} ${b.name}`);
    expect(names("hono", ARMS, true)).toEqual(["hono-on-millrace hono", "hono-on-millrace hono-on-millrace"]);
    const some = ["async-await", "raw", "bun-serve"].map(armNamed);
    expect(names("echo", some, false)).toEqual(["generator async-await", "generator raw", "async-await raw"]);
    expect(names("http", some, false)).toEqual(["generator async-await", "generator raw", "generator bun-serve"]);
  });
});
