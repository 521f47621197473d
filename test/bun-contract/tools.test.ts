// What the bun command brings along. package.json and the workflows call its type checker and its formatter, lint with a tool
// of their own, and the tests of millrace have a virtual clock because that of `bun test` leaves setImmediate alone.

import { afterEach, describe, expect, jest, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { turns } from "./support.ts";

const COMPILED_BYTES_MIN = 50_000_000;

function bun(...args: string[]): { exitCode: number; stdout: string; stderr: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, ...args], { timeout: 10_000 });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Gives `body` a folder with a small program in it, and removes it. */
function withProgram<T>(body: (folder: string, program: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "millrace-tools-"));
  const program = join(folder, "program.ts");
  try {
    writeFileSync(program, 'console.log("it ran");\n');
    return body(folder, program);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the bun command", () => {
  // `bun run check` and `bun run fmt` need nothing else to be installed.
  test.each(["check", "fmt"])("bun %s is built in", (command) => {
    const { exitCode, stdout } = bun(command, "--help");
    expect(exitCode).toBe(0);
    expect(stdout).toStartWith(`Usage: bun ${command}`);
  });

  // Why oxlint is among the devDependencies.
  test("bun lint is not built in", () => {
    const { exitCode, stderr } = withProgram((folder) => bun(`--cwd=${folder}`, "lint"));
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Script not found "lint"');
  });

  // Shipping a server as one file, as the docs describe it.
  test("bun build --compile makes one file that runs", () => {
    withProgram((folder, program) => {
      const outfile = join(folder, "compiled");
      expect(bun("build", "--compile", program, "--outfile", outfile).exitCode).toBe(0);
      expect(Bun.file(outfile).size).toBeGreaterThan(COMPILED_BYTES_MIN);
      expect(Bun.spawnSync([outfile]).stdout.toString()).toBe("it ran\n");
    });
  });

  // What docs/performance recommends before guessing.
  test.each([
    ["cpu", ".cpuprofile"],
    ["heap", ".heapprofile"],
  ])("bun --%s-prof writes a *%s file", (kind, extension) => {
    withProgram((folder, program) => {
      expect(bun(`--${kind}-prof`, `--${kind}-prof-dir=${folder}`, program).stdout).toBe("it ran\n");
      expect(readdirSync(folder).filter((name) => name.endsWith(extension)).length).toBe(1);
    });
  });
});

describe("bun test", () => {
  afterEach(() => void jest.useRealTimers());

  // Why tests use the simulated host: half of what a scheduler waits for stays real under the fake timers of the runner.
  test("jest.useFakeTimers fakes Date, performance.now and setTimeout, but not setImmediate", async () => {
    const log: string[] = [];
    jest.useFakeTimers({ now: 1_000 });
    setTimeout(() => log.push("timeout"), 5_000);
    setImmediate(() => log.push("immediate"));
    const before = performance.now();
    jest.advanceTimersByTime(5_000);
    expect(Date.now()).toBe(6_000);
    expect(performance.now() - before).toBe(5_000);
    expect(log).toEqual(["timeout"]);
    await turns(2);
    expect(log).toEqual(["timeout", "immediate"]);
  });
});
