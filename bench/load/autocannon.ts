// Load from autocannon, the generator that everybody has: a closed loop that holds every body against that of the first answer. It is a program
// of its own, because on the event loop of whoever measures it would share a core with it; it takes runs as lines of JSON on stdin. It is
// itself busy near 50,000 requests a second, and its latencies are whole milliseconds: it gives neither ratios at saturation nor
// percentiles.

import autocannon, { type Request } from "autocannon";

import { cpuNanoseconds } from "./shared/cpu.ts";
import { runCommands } from "./shared/program.ts";
import type { Saturating, SaturatingResult } from "./shared/saturating.ts";

/** A run against any address. */
export interface CannonRun {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly connections: number;
  readonly pipelining: number;
  readonly ms: number;
}

/** What autocannon counts: the fields that are read of its result. */
export type CannonCounts = Pick<autocannon.Result, "2xx" | "non2xx" | "mismatches" | "errors" | "duration">;

/** Ms between its looks at the clock: it ends at one of them. */
const SAMPLE_MS_MAX = 1_000;
const SAMPLES_MIN = 4;
/** Fields that autocannon and fetch write by themselves. */
const OWN_FIELDS: ReadonlySet<string> = new Set(["host", "content-length", "connection"]);

/** Takes a request of one character a byte apart. @throws for one without a head. */
export function requestOf(text: string): Pick<CannonRun, "method" | "headers" | "body"> & { readonly path: string } {
  const headEnd = text.indexOf("\r\n\r\n");
  const [start = "", ...lines] = text.slice(0, Math.max(0, headEnd)).split("\r\n");
  const [method, path] = start.split(" ");
  if (method === undefined || path === undefined)
    throw new Error(`Cannot send ${JSON.stringify(text.slice(0, 40))} by autocannon: it is no HTTP request`);
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const headers = Object.fromEntries(fields.filter(([name]) => !OWN_FIELDS.has(name.toLowerCase())));
  return { method, path, headers, body: text.slice(headEnd + 4) };
}

/** Loads a server; the first answer is the one that all others must equal. @throws when it cannot be had, is no success or is empty. */
export async function fire(run: CannonRun): Promise<CannonCounts> {
  const { url, method, body, connections, pipelining, ms } = run;
  const headers = { ...run.headers };
  const whole = { method, headers, ...(body === "" ? {} : { body: Buffer.from(body, "latin1") }) };
  const first = await fetch(url, whole).catch((error: Error) => {
    throw new Error(`Cannot load ${url}: ${error.message}`);
  });
  const expectBody = await first.text();
  if (!first.ok || expectBody === "") {
    throw new Error(`Cannot load ${url}: the first answer was ${first.status} with ${expectBody.length} characters`);
  }
  const sampleInt = Math.min(SAMPLE_MS_MAX, Math.max(1, Math.floor(ms / SAMPLES_MIN)));
  return autocannon({
    url,
    method: method as NonNullable<Request["method"]>,
    headers,
    ...(body === "" ? {} : { body: Buffer.from(body, "latin1") }),
    connections,
    pipelining,
    duration: ms / 1000,
    sampleInt,
    expectBody,
  });
}

/** The result of a run by what autocannon counted. */
export function resultOf(counts: CannonCounts, serverCpuNs: number, generatorCpuNs: number): SaturatingResult {
  const { non2xx, mismatches, errors, duration } = counts;
  return {
    answers: counts["2xx"] + non2xx,
    non2xx,
    mismatches,
    // Timeouts are among them.
    errors,
    wallNs: duration * 1e9,
    serverCpuNs,
    generatorCpuNs,
  };
}

async function saturate({ port, serverPid, request, ...extent }: Saturating): Promise<SaturatingResult> {
  const { path, ...rest } = requestOf(request);
  const serverCpu = cpuNanoseconds(serverPid);
  const ownCpu = process.cpuUsage();
  const counts = await fire({ url: `http://127.0.0.1:${port}${path}`, ...rest, ...extent });
  const { user, system } = process.cpuUsage(ownCpu);
  return resultOf(counts, cpuNanoseconds(serverPid) - serverCpu, (user + system) * 1000);
}

if (import.meta.main) await runCommands(saturate);
