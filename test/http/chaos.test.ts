// Chaos: clients of every habit against handlers of every kind, in many worlds under a seed. What must hold in each is said in chaos-judge.ts and,
// for sockets, timers and reports, in support.ts. A run that fails names its seed: CHAOS_SEED with CHAOS_RUNS=1 plays it again.

import { afterEach, expect, test } from "bun:test";
import { bodyInMemory } from "../../src/bun/response-body.ts";
import { REST_AFTER_MS } from "../../src/config.ts";
import { until } from "../../src/concurrency/until.ts";
import type { Host } from "../../src/core/host.ts";
import type { Steps } from "../../src/core/operation.ts";
import { sleep } from "../../src/core/sleep.ts";
import { compressed } from "../../src/http/index.ts";
import { createPrng, type Prng } from "../../src/sim/prng.ts";
import { CALM_NETWORK, type NetworkOptions, ROUGH_NETWORK, type SimPeer } from "../../src/sim/index.ts";
import { wholeNumber } from "../environment.ts";
import { type ChaosClient, describeClient, drawClient, pick, play } from "./chaos-clients.ts";
import { chaosHandler, KINDS, putFile } from "./chaos-handlers.ts";
import { type ChaosRun, faultsOf, sightsOf } from "./chaos-judge.ts";
import { Ledger, turns } from "./chaos-ledger.ts";
import { type HttpWorld, withServer, type WorldOptions } from "./support.ts";

/** The seed of the first run; the next ones follow it. */
const FIRST_SEED = wholeNumber("CHAOS_SEED", 1);
const RUNS = wholeNumber("CHAOS_RUNS", 400);
/** From this many runs on, every kind of handler must have been seen to do what it is there for. */
const TELLING_RUNS = 300;
/** Runs that are made twice. */
const REPLAYS = Math.min(RUNS, 10);
/** Longer than any run takes, on a machine that is busy. */
const RUN_MS_MAX = 500;

const CLIENTS = 3;
/** A run in virtual time: longer than all that clients and handlers wait for. */
const PAUSES = 60;
const PAUSE_MS = 100;
const TURNS_PER_PAUSE = 20;
/** A server is cancelled while clients send, or while connections go to rest and wake. */
const CANCEL_MS: readonly (readonly [from: number, to: number])[] = [
  [0, 60],
  [REST_AFTER_MS, REST_AFTER_MS + 600],
];
/** Less than the longest handler takes. */
const GRACE_MS = 500;
const HALF_CLOSE_GRACE_MS = 300;

// --- a world -------------------------------------------------------------------------------------------------------------------

/** All that is drawn for one run. */
interface Plan {
  readonly options: WorldOptions & { readonly bodyBytesMax: number };
  readonly clients: readonly ChaosClient[];
  readonly isCompressed: boolean;
  /** The host can look into promises and bodies, as Bun's can. */
  readonly hasInsight: boolean;
  readonly cancelAtMs: number | null;
  readonly isCalm: boolean;
}

function drawPlan(seed: number): Plan {
  const prng = createPrng(seed);
  const network = drawNetwork(prng);
  const isRough = network.sendBufferBytes === ROUGH_NETWORK.sendBufferBytes;
  const kinds = isRough ? KINDS.filter(({ bulky }) => bulky !== true) : KINDS;
  const hasShortClocks = prng.chance(0.1);
  const cancelAtMs = prng.chance(0.25) ? prng.between(...pick(prng, CANCEL_MS)) : null;
  return {
    options: {
      seed,
      network,
      graceMs: GRACE_MS,
      halfCloseGraceMs: HALF_CLOSE_GRACE_MS,
      bodyBytesMax: prng.chance(0.2) ? 40 : 1_000,
      drainBodyBytesMax: prng.chance(0.2) ? 20 : 1_000,
      ...(hasShortClocks ? { headMs: 20, bodyStallMs: 10, keepAliveMs: 30, writeStallMs: 40 } : {}),
    },
    clients: Array.from({ length: CLIENTS }, (_, number) => drawClient(prng, number, kinds)),
    isCompressed: prng.chance(0.3),
    hasInsight: prng.chance(0.5),
    cancelAtMs,
    isCalm: cancelAtMs === null && !hasShortClocks && network.resetChance === undefined,
  };
}

function drawNetwork(prng: Prng): NetworkOptions {
  const network = pick(prng, [CALM_NETWORK, CALM_NETWORK, CALM_NETWORK, {}, {}, ROUGH_NETWORK]);
  return prng.chance(0.1) ? { ...network, resetChance: 0.02 } : network;
}

const insight: Pick<Host, "peek" | "bodyInMemory"> = {
  peek: <T>(promise: PromiseLike<T>) =>
    Bun.peek.status(promise as Promise<T>) === "fulfilled" ? (Bun.peek(promise as Promise<T>) as T) : undefined,
  bodyInMemory,
};

/** Plays the run of `seed`; `resting` are the connections that were seen at rest at once. @throws what {@link withServer} does */
async function runOf(seed: number): Promise<ChaosRun & { readonly resting: number }> {
  const { cancelAtMs, clients, hasInsight, isCalm, isCompressed, options } = drawPlan(seed);
  const ledger = new Ledger();
  const peers: SimPeer[] = [];
  const errors: unknown[] = [];
  let world!: HttpWorld;
  let resting = 0;
  const handler = chaosHandler(ledger);
  await withServer(
    isCompressed ? compressed(handler) : handler,
    function* (itsWorld) {
      world = itsWorld;
      const { host } = world.simulation;
      ledger.pause = (ms) => new Promise((resolve) => host.schedule(ms, resolve));
      if (hasInsight) Object.assign(host, insight);
      for (const { requests } of clients) for (const asked of requests) putFile(host.files, asked);
      for (const client of clients) peers.push(play(world.simulation, () => world.connect(), client));
      if (cancelAtMs !== null) host.schedule(cancelAtMs, () => world.server.cancel());
      yield* passTime(() => (resting = Math.max(resting, world.listener.statistics().resting)));
    },
    { ...options, onAnswer: (record) => ledger.log(record), onError: (error) => errors.push(error) },
  );
  const { bodyBytesMax } = options;
  const filesOpen = world.simulation.host.files.statistics.open;
  return { clients, peers, ledger, errors, filesOpen, bodyBytesMax, isCalm, resting };
}

/** Virtual time passes, and promises of handlers, which live outside of it, get their turns. */
function* passTime(look: () => void): Steps<void> {
  for (let i = 0; i < PAUSES; i++) {
    yield* until(turns(TURNS_PER_PAUSE));
    yield* sleep(PAUSE_MS);
    look();
  }
}

// --- the tests -----------------------------------------------------------------------------------------------------------------

/** The seed of the run that is under way. */
let playing: number | null = null;

// A rejection that nobody handles fails a test from outside, as its time limit does: then this is all that can tell the seed.
afterEach(() => {
  const seed = playing;
  playing = null;
  if (seed !== null) throw new Error(`A run was broken off, ${again(seed)}`);
});

test(
  "serveHttp answers each client in order and rightly, logs each request once and lets go of everything, in any chaos",
  async () => {
    const seen = new Set<string>();
    let resting = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
      playing = seed;
      const outcome = await outcomeOf(seed);
      if (playing !== seed) return;
      playing = null;
      expect(outcome.faults, again(seed)).toEqual([]);
      for (const path of outcome.seen) seen.add(path);
      resting += outcome.resting;
    }
    if (RUNS < TELLING_RUNS) return;
    expect(resting).toBeGreaterThan(RUNS / 10);
    expect(KINDS.filter(({ path }) => !seen.has(path)).map(({ path }) => path)).toEqual([]);
  },
  10_000 + RUNS * RUN_MS_MAX,
);

test("serveHttp does the same again in the same chaos", async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + REPLAYS; seed++)
    expect(transcriptOf(await runOf(seed)), again(seed)).toEqual(transcriptOf(await runOf(seed)));
}, 10_000);

function again(seed: number): string {
  return `to see it again: CHAOS_SEED=${seed} CHAOS_RUNS=1\n${drawPlan(seed).clients.map(describeClient).join("\n")}`;
}

/** What is wrong with the run of `seed`, and what it saw: kinds of handlers at work, connections at rest. @throws what withServer does, with the seed */
async function outcomeOf(seed: number): Promise<{ faults: string[]; seen: string[]; resting: number }> {
  try {
    const run = await runOf(seed);
    await realTurns();
    return { faults: faultsOf(run), seen: sightsOf(run), resting: run.resting };
  } catch (cause) {
    playing = null;
    throw new Error(`A run failed, ${again(seed)}`, { cause });
  }
}

/** All that clients saw, with times. */
function transcriptOf({ peers, ledger }: ChaosRun): unknown {
  return { peers: peers.map(({ events, text }) => ({ events, text })), logged: ledger.logged, reached: ledger.reached };
}

/** Lets the real event loop turn: only then does an engine tell of rejections that nobody handles. */
async function realTurns(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}
