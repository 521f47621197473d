// The jobs of the bench, as data: what is asked for, how, and of which arms. A new job is one entry here, and a path that its arms answer.
// The order of jobs is that of the report.

import { BROWSER_REQUEST, getRequest, postRequest, ROTATING_REQUESTS } from "../load/shared/request.ts";
import type { Ports } from "../servers/shared/flags.ts";

/** One thing to measure. */
export interface Job {
  readonly name: string;
  /** What drives it: requests, echoes, echoes over TLS, or lines. */
  readonly load: "http" | "echo" | "tls-echo" | "line";
  /** The request, whole; empty where the load is none of requests. */
  readonly request: string;
  /** Further requests, which are sent in turn with the first. */
  readonly others: readonly string[];
  /** Requests, or lines, that a connection sends at once. */
  readonly pipelining: number;
  /** Connections at most, where each of them has much under way. */
  readonly connectionsMax: number;
  /** What must be running beside the arms. */
  readonly service: "redis" | null;
  /** Arms by name. The first one is held against each of the others. */
  readonly arms: readonly [string, ...string[]];
  /** What the first one may cost at most of another, where that is laid down. */
  readonly atMost: Readonly<Record<string, number>>;
  /** What it is, for the report. */
  readonly about: string;
}

const TWINS = ["generator", "async-await", "raw"] as const;
const NAIVE = ["async-naive", "raw-naive"] as const;
const BUN = ["bun-serve", "bun-static"] as const;
const FRAMEWORKS = ["hono", "elysia", "fastify"] as const;
const HONO_ARMS = ["hono-on-millrace", "hono"] as const;
const PROMISE_ARMS = ["generator", "async-await", "bun-serve"] as const;
const GREETING_REQUEST = getRequest("/");
const ONE_AGENT = ["User-Agent: millrace-bench/1"];
/** Connections with a megabyte under way each: with more the machine's caches are what is measured. */
const BULKY_CONNECTIONS_MAX = 16;

type Wanted = Pick<Job, "name" | "arms" | "about"> & Partial<Job>;

const DEFAULTS = {
  others: [],
  pipelining: 1,
  connectionsMax: Number.MAX_SAFE_INTEGER,
  service: null,
  atMost: {},
} as const;

function http(request: string, wanted: Wanted): Job {
  return { ...DEFAULTS, load: "http", request, ...wanted };
}

function lines(pipelining: number, atMost: Record<string, number>): Job {
  return {
    ...DEFAULTS,
    name: `line${pipelining}`,
    load: "line",
    request: "",
    pipelining,
    arms: [...TWINS, ...NAIVE, "raw-bulk", "node-net"],
    atMost,
    about: `a line protocol, ${pipelining === 1 ? "one line" : `${pipelining} lines`} a write`,
  };
}

function tlsEcho(name: string, ours: string, about: string): Job {
  const arms = [ours, "raw-tls"] as const;
  return { ...DEFAULTS, name, load: "tls-echo", request: "", arms, atMost: { "raw-tls": 1.05 }, about };
}

/** All jobs. */
export const JOBS: readonly Job[] = [
  http(GREETING_REQUEST, {
    name: "http",
    arms: [...TWINS, ...NAIVE, ...BUN, "node-http", ...FRAMEWORKS],
    atMost: { "async-await": 0.95, raw: 1.06, "bun-serve": 0.88, "bun-static": 1.1, "node-http": 0.47 },
    about: "GET / with Host only: 13 bytes of text",
  }),
  http(GREETING_REQUEST, {
    name: "http16",
    pipelining: 16,
    arms: [...TWINS, ...NAIVE, ...BUN, "node-http", ...FRAMEWORKS],
    atMost: { "async-await": 0.8, raw: 1.1, "bun-serve": 0.16, "bun-static": 0.85 },
    about: "the same, 16 requests sent ahead on each connection",
  }),
  http(GREETING_REQUEST, {
    name: "http16-task",
    pipelining: 16,
    arms: ["generator-task", "async-task", "bun-serve"],
    atMost: { "bun-serve": 0.2 },
    about: "the same, answered by a generator function, or an async one, instead of a plain function",
  }),
  http(BROWSER_REQUEST, {
    name: "browser",
    arms: [...TWINS, ...BUN],
    atMost: { "bun-serve": 0.92 },
    about: "GET / with the head of a browser, 600 bytes",
  }),
  http(ROTATING_REQUESTS[0] as string, {
    name: "rotating",
    others: ROTATING_REQUESTS.slice(1),
    arms: [...TWINS, "bun-serve"],
    about: "1,024 visitors' requests in turn, no two with the path or the cookies of another: no cache of either helps",
  }),
  http(getRequest("/json", ["Accept: */*", ...ONE_AGENT]), {
    name: "json",
    arms: [...TWINS, "async-naive", "bun-serve", "node-http", ...FRAMEWORKS],
    atMost: { "async-await": 0.94, "bun-serve": 0.88 },
    about: "an object as JSON, with a field of the request in it and a field added to the answer",
  }),
  http(postRequest("/echo", 1024), {
    name: "post1k",
    arms: [...TWINS, "async-naive", "bun-serve", "node-http", ...FRAMEWORKS],
    atMost: { "bun-serve": 0.85 },
    about: "a body of 1 KB, read whole and sent back",
  }),
  http(postRequest("/echo", 1024 * 1024), {
    name: "post1m",
    connectionsMax: BULKY_CONNECTIONS_MAX,
    arms: [...TWINS, "bun-serve", "node-http"],
    atMost: { "bun-serve": 1 },
    about: "a body of 1 MB, read whole and sent back",
  }),
  http(getRequest("/stream"), {
    name: "stream1m",
    connectionsMax: BULKY_CONNECTIONS_MAX,
    arms: [...TWINS, "async-naive", "bun-serve", "node-http"],
    about: "an answer of 1 MB, written in pieces of 16 KB without a length",
  }),
  http(GREETING_REQUEST, { name: "hono", arms: HONO_ARMS, atMost: { hono: 1 }, about: "GET / through Hono" }),
  http(getRequest("/mills/cresswheel", ["Accept: */*", ...ONE_AGENT]), {
    name: "hono-json",
    arms: HONO_ARMS,
    atMost: { hono: 1 },
    about: "JSON through Hono, with a parameter of the path and a field of the request",
  }),
  {
    ...DEFAULTS,
    name: "echo",
    load: "echo",
    request: "",
    arms: [...TWINS, "async-naive", "node-net"],
    atMost: { "async-await": 0.95, raw: 1.04, "node-net": 0.6 },
    about: "64 bytes of TCP there and back",
  },
  tlsEcho("tls-echo", "generator-tls", "64 bytes of TLS there and back, on connections whose handshakes are done"),
  tlsEcho("tls-echo-named", "generator-tls-named", "the same on a listener that has certificates by name"),
  lines(1, {}),
  lines(16, { "async-await": 0.85, raw: 1.15 }),
  lines(128, { "async-await": 0.65, raw: 1.15 }),
  http(getRequest("/redis"), {
    name: "redis-get",
    service: "redis",
    arms: PROMISE_ARMS,
    about: "one GET of Bun's Redis client, by promise: we may lose it",
  }),
  http(getRequest("/promises"), {
    name: "ten-promises",
    arms: PROMISE_ARMS,
    about: "ten settled promises awaited one after the other: we may lose it",
  }),
  http(getRequest("/deep"), {
    name: "deep",
    arms: PROMISE_ARMS,
    about: "a chain of nine calls with a wait at its bottom: we may lose it",
  }),
];

/** The jobs called `names`, or all. @throws RangeError for a name that is none. */
export function jobsNamed(names: readonly string[]): readonly Job[] {
  const unknown = names.find((name) => !JOBS.some((job) => job.name === name));
  if (unknown !== undefined) throw new RangeError(`Cannot run the job ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? JOBS : JOBS.filter((job) => names.includes(job.name));
}

/** The port that a job's load goes to, 0 when the server does not have its service. */
export function portFor({ load }: Job, ports: Ports): number {
  return load === "http" ? ports.http : load === "line" ? ports.line : ports.echo;
}
