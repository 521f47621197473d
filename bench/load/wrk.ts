// Load from wrk (https://github.com/wg/wrk), one thread of C: it gets more out of a server than a generator in JavaScript, so that requests a
// second at saturation are the server's. It reads status and length of the answers, not their bytes: a run is right when all were 200 and,
// together, as long as so many first answers are; whether the bytes are right, other generators tell.

import { join } from "node:path";

import { cpuNanoseconds } from "./shared/cpu.ts";
import type { Saturating, SaturatingResult } from "./shared/saturating.ts";

/** The line that wrk.lua ends with. */
export interface WrkCounts {
  readonly answers: number;
  readonly us: number;
  readonly bytes: number;
  readonly connect: number;
  readonly read: number;
  readonly write: number;
  readonly status: number;
  readonly timeout: number;
}

const SCRIPT = join(import.meta.dir, "wrk.lua");
/** What wrk counts time in, in ms. */
const SECOND_MS = 1000;

/** What wrk counted. @throws when its output does not say. */
export function countsOf(output: string): WrkCounts {
  const line = /^millrace (\{.*\})$/m.exec(output);
  if (line === null) throw new Error(`Cannot read what wrk says: ${JSON.stringify(output.slice(0, 200))}`);
  return JSON.parse(line[1] as string) as WrkCounts;
}

/** Answers that, by their length all together, cannot have been right; `atOnce`: those that may have come in part only. */
export function mismatchesIn({ answers, bytes }: WrkCounts, answerBytes: number, atOnce: number): number {
  const off = Math.abs(bytes - answers * answerBytes) / answerBytes;
  return off > atOnce ? Math.ceil(off) : 0;
}

/** Loads a server with wrk; `answerBytes`: the length of one right answer. @throws when wrk is not installed, or fails. */
export async function runWrk(run: Saturating, answerBytes: number): Promise<SaturatingResult> {
  const { port, serverPid, request, connections, pipelining, ms } = run;
  const wrk = Bun.which("wrk");
  if (wrk === null) throw new Error("Cannot run wrk: it is not installed (Debian: apt-get install wrk)");
  const seconds = Math.max(1, Math.round(ms / SECOND_MS));
  const serverCpu = cpuNanoseconds(serverPid);
  const flags = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", SCRIPT];
  const child = Bun.spawn([wrk, ...flags, `http://127.0.0.1:${port}/`], {
    stdin: Buffer.from(request.repeat(pipelining), "latin1"),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, complaint, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const serverCpuNs = cpuNanoseconds(serverPid) - serverCpu;
  if (code !== 0) throw new Error(`Cannot run wrk: exit code ${code}, ${JSON.stringify(complaint.slice(0, 200))}`);
  const counts = countsOf(output);
  return {
    answers: counts.answers,
    non2xx: counts.status,
    mismatches: mismatchesIn(counts, answerBytes, connections * pipelining),
    errors: counts.connect + counts.read + counts.write + counts.timeout,
    wallNs: counts.us * 1000,
    serverCpuNs,
    generatorCpuNs: Number(child.resourceUsage()?.cpuTime.total ?? 0) * 1000,
  };
}
