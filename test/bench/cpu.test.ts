// What the benches read of a process's CPU time: that none of it is lost, and what part of it is the kernel's.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";

import { cpuNanoseconds, kernelNanoseconds, kernelNanosecondsIn } from "../../bench/load/shared/cpu.ts";

const CPU_MS = 30;

/** Has a thread of this process use the CPU and end. */
async function runThread(): Promise<void> {
  const source = `while (process.cpuUsage().user < ${process.cpuUsage().user + CPU_MS * 1_000}) {} postMessage("done");`;
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(source)}`);
  const { promise, resolve } = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  worker.addEventListener("message", () => resolve());
  worker.addEventListener("close", () => closed.resolve());
  await promise;
  worker.terminate();
  await closed.promise;
}

describe("cpuNanoseconds", () => {
  test("keeps the time of threads that have ended", async () => {
    const before = cpuNanoseconds(process.pid);
    await runThread();
    expect(cpuNanoseconds(process.pid) - before).toBeGreaterThan(CPU_MS * 1e6);
  });

  test("is what the process itself is told, and refuses one that there is not", () => {
    const own = (): number => {
      const { user, system } = process.cpuUsage();
      return (user + system) * 1_000;
    };
    const before = own();
    const read = cpuNanoseconds(process.pid);
    // Microseconds are cut off, those of either part.
    expect(read).toBeGreaterThanOrEqual(before);
    expect(read).toBeLessThanOrEqual(own() + 2_000);
    expect(() => cpuNanoseconds(4_194_304)).toThrow(
      "Cannot read the CPU time of process 4194304: there is no such process",
    );
  });
});

describe("kernelNanoseconds", () => {
  test("reads what the kernel itself says that a process has spent within it, in hundredths of a second", () => {
    // So that there is something to read.
    for (let i = 0; i < 100_000 && process.cpuUsage().system < 50_000; i++) readFileSync("/proc/self/stat");
    const before = process.cpuUsage().system * 1_000;
    const read = kernelNanoseconds(process.pid);
    const after = process.cpuUsage().system * 1_000;
    expect(read).toBeGreaterThan(before - 10_000_000);
    expect(read).toBeLessThanOrEqual(after);
    expect(read).toBeGreaterThan(0);
  });

  test("takes the field by its place behind the name, whatever brackets and blanks are in that", () => {
    const fields = Array.from({ length: 40 }, (_, i) => String(i + 100));
    expect(kernelNanosecondsIn(`7 (a) b (c) S ${fields.join(" ")}\n`)).toBe(111 * 10_000_000);
  });
});
