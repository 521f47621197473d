// What slow clients do to a server: its memory, the latencies of one good client, and when it closes them. One round is a fresh server, warmed,
// measured in peace, then held by drips and non-readers until their deadlines are over, then left alone again.

import { readFileSync } from "node:fs";

import type { SlowCommand, SlowReport } from "../load/slow.ts";
import type { OpenLoopCommand, OpenLoopResult } from "../load/open-loop.ts";
import { residentBytes } from "../load/shared/cpu.ts";
import { getRequest } from "../load/shared/request.ts";
import { BIG_BYTES } from "../servers/shared/answers.ts";
import type { Arm } from "./arms.ts";
import { Child, Generator, Server } from "./processes.ts";

/** How much is asked of a server. */
export interface SlowExtent {
  /** Connections that send one byte of a head every `dripMs`. */
  readonly drips: number;
  readonly dripMs: number;
  /** Connections that ask for the big answer and take none of it. */
  readonly nonReaders: number;
  /** The deadlines that the server is given. */
  readonly headMs: number;
  readonly writeStallMs: number;
  /** Ms of warm-up, and of the good client in peace. */
  readonly warmMs: number;
  readonly quietMs: number;
  /** Ms of the good client while non-readers come. */
  readonly comingMs: number;
  /** Requests a second of the good client. */
  readonly rate: number;
  /** Collections of garbage before memory is read; 400 ms each. */
  readonly settles: number;
}

/** Bytes at one moment. */
export interface Memory {
  /** Resident in the server. */
  readonly resident: number;
  /** Held by the kernel for all TCP sockets of the machine, both ends of ours among them. */
  readonly kernel: number;
}

/** One round of one arm. */
export interface SlowRound {
  readonly arm: string;
  /** The good client alone, while non-readers come, and among all slow clients until the last drip's deadline is over. */
  readonly quiet: OpenLoopResult;
  readonly coming: OpenLoopResult;
  readonly slow: OpenLoopResult;
  /** After garbage was collected: without slow clients, with drips, with non-readers as well. */
  readonly before: Memory;
  readonly withDrips: Memory;
  readonly withAll: Memory;
  /** Most resident bytes that were seen while slow clients were there, garbage among them. */
  readonly peakResident: number;
  /** When the deadlines of all are over and garbage was collected. */
  readonly after: Memory;
  readonly clients: SlowReport;
}

/** The answer that non-readers ask for. */
const BIG_PATH = "/big";
/** Ms beyond a deadline in which every close must have come. */
export const LATE_MS_MAX = 500;
/**
 * Non-readers are waited for this many of their deadlines. The deadline counts from the last bytes that the kernel took: it takes megabytes for
 * each, the last of them seconds later, when it probes the closed window.
 */
export const STALL_SPANS_MAX = 2.5;
/** Whole big answers read before anything counts: 10 MB each, so that its code is compiled as well. */
const WARM_BIG = 10;
const SAMPLE_MS = 50;
const COMMAND_MS_MAX = 60_000;

/** Measures one round of `arm`. */
export async function measureSlow(arm: Arm, extent: SlowExtent, progress: (text: string) => void): Promise<SlowRound> {
  const { headMs, writeStallMs, settles } = extent;
  await using server = await Server.start(arm, [`--head-ms=${headMs}`, `--write-stall-ms=${writeStallMs}`]);
  await using good = new Child("load/open-loop.ts", ["--commands"]);
  await using slowClients = new Child("load/slow.ts", []);
  const slow = (command: SlowCommand): Promise<SlowReport> =>
    slowClients.ask(command, COMMAND_MS_MAX, "command the slow clients");

  progress(`${arm.name}: the good client alone`);
  await warm(server, extent.warmMs);
  // The server also draws breath, so that the garbage of the warm-up is not collected while the good client is timed.
  await server.settle(settles);
  const quiet = await runGood(good, server, extent, extent.quietMs);
  await server.settle(settles);
  const before = memoryOf(server);

  progress(`${arm.name}: ${extent.drips} drips, ${extent.nonReaders} non-readers`);
  const port = server.httpPort;
  using peak = new Peak(server);
  const begun = performance.now();
  await slow({ kind: "drip", port, count: extent.drips, everyMs: extent.dripMs });
  await server.settle(settles);
  const withDrips = memoryOf(server);
  const [coming] = await Promise.all([
    runGood(good, server, extent, extent.comingMs),
    // The good client is under way before they come, so that what they do to it is counted from their first request on.
    Bun.sleep(extent.comingMs / 4).then(() => slow({ kind: "hold", port, count: extent.nonReaders, path: BIG_PATH })),
  ]);
  const held = performance.now();
  await server.settle(settles);
  const withAll = memoryOf(server);
  const dripsOverMs = begun + extent.dripMs + headMs + LATE_MS_MAX - performance.now();
  const among = await runGood(good, server, extent, dripsOverMs);
  const clients = await overUntil(held + writeStallMs * STALL_SPANS_MAX, () => slow({ kind: "report" }));
  const peakResident = peak.bytes;
  await server.settle(settles);
  return {
    arm: arm.name,
    quiet,
    coming,
    slow: among,
    before,
    withDrips,
    withAll,
    peakResident,
    after: memoryOf(server),
    clients,
  };
}

/** Waits until all non-readers were closed, or `atMs` is there. */
async function overUntil(atMs: number, ask: () => Promise<SlowReport>): Promise<SlowReport> {
  for (;;) {
    const report = await ask();
    const { closedMs, opened } = report.nonReaders;
    if (closedMs.length === opened || performance.now() >= atMs) return report;
    await Bun.sleep(SAMPLE_MS);
  }
}

/** Load enough for the code that matters to be compiled; its connections are gone when it is over. */
async function warm(server: Server, ms: number): Promise<void> {
  await using generator = new Generator("http");
  const burst = { port: server.httpPort, serverPid: 0, ms, connections: 32, request: getRequest("/") };
  await generator.run({ ...burst, pipelining: 1, rate: 0 });
  for (let i = 0; i < WARM_BIG; i++) {
    const { byteLength } = await (await fetch(`http://127.0.0.1:${server.httpPort}${BIG_PATH}`)).bytes();
    if (byteLength !== BIG_BYTES)
      throw new Error(`Cannot use ${server.arm.name}: its big answer has ${byteLength} bytes`);
  }
}

async function runGood(good: Child, server: Server, { rate }: SlowExtent, ms: number): Promise<OpenLoopResult> {
  if (ms < 1)
    throw new Error("Cannot time the good client: the deadline of the drips is over before all slow clients are there");
  const command: OpenLoopCommand = {
    port: server.httpPort,
    serverPid: 0,
    request: getRequest("/"),
    connections: 1,
    rate,
    ms,
  };
  const result = await good.ask<OpenLoopResult>(command, ms + COMMAND_MS_MAX, "run the good client");
  if (result.wrong > 0) throw new Error(`Cannot use the run: ${result.wrong} of ${result.answers} answers were wrong`);
  return result;
}

function memoryOf(server: Server): Memory {
  return { resident: residentBytes(server.pid), kernel: socketBytes() };
}

/** Bytes that the kernel holds for TCP sockets: it counts them in pages of 4 KiB. */
function socketBytes(): number {
  const pages = /^TCP: .*\bmem (\d+)/m.exec(readFileSync("/proc/net/sockstat", "latin1"));
  return pages === null ? 0 : Number(pages[1]) * 4096;
}

/** Looks at the memory of a server now and then. */
class Peak implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;
  /** The most that was seen. */
  bytes = 0;

  constructor(server: Server) {
    this.#timer = setInterval(() => {
      this.bytes = Math.max(this.bytes, residentBytes(server.pid));
    }, SAMPLE_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
