// The jobs of the bench, as data: what is asked for, how, and of which arms. A new job is one entry here, and a path that its arms answer.
// The order of jobs is that of the report.

import { BROWSER_REQUEST, getRequest } from "../load/shared/request.ts";

/** One thing to measure. */
export interface Job {
  readonly name: string;
  /** What drives it: requests, echoes, or open connections that say nothing. */
  readonly load: "http" | "echo" | "idle";
  /** The request, whole; empty where the load is none of requests. */
  readonly request: string;
  /** Requests that a connection sends at once. */
  readonly pipelining: number;
  /** Arms by name. The first one is held against each of the others. */
  readonly arms: readonly [string, ...string[]];
  /** What the first one may cost at most of another, where that is laid down. */
  readonly atMost: Readonly<Record<string, number>>;
  /** What it is, for the report. */
  readonly about: string;
}

const TWINS = ["generator", "async-await", "raw"] as const;
const HONO_ARMS = ["hono-on-millrace", "hono"] as const;
const GREETING_REQUEST = getRequest("/");
const ONE_AGENT = ["User-Agent: millrace-bench/1"];

/** All jobs. */
export const JOBS: readonly Job[] = [
  {
    name: "http",
    load: "http",
    request: GREETING_REQUEST,
    pipelining: 1,
    arms: [...TWINS, "bun-serve", "bun-static"],
    atMost: { "bun-serve": 0.9 },
    about: "GET / with Host only: 13 bytes of text",
  },
  {
    name: "http16",
    load: "http",
    request: GREETING_REQUEST,
    pipelining: 16,
    arms: [...TWINS, "bun-serve", "bun-static"],
    atMost: { "bun-serve": 0.22 },
    about: "the same, 16 requests sent ahead on each connection",
  },
  {
    name: "browser",
    load: "http",
    request: BROWSER_REQUEST,
    pipelining: 1,
    arms: [...TWINS, "bun-serve", "bun-static"],
    atMost: { "bun-serve": 0.95 },
    about: "GET / with the head of a browser, 600 bytes",
  },
  {
    name: "add-header",
    load: "http",
    request: getRequest("/add-header"),
    pipelining: 1,
    arms: [...TWINS, "bun-serve"],
    atMost: {},
    about: "the handler adds a field to its answer",
  },
  {
    name: "read-header",
    load: "http",
    request: getRequest("/read-header", ["Accept: */*", ...ONE_AGENT]),
    pipelining: 1,
    arms: [...TWINS, "bun-serve"],
    atMost: {},
    about: "the handler answers with a field of the request",
  },
  {
    name: "json1k",
    load: "http",
    request: getRequest("/json"),
    pipelining: 1,
    arms: [...TWINS, "bun-serve"],
    atMost: {},
    about: "a value of 1,024 bytes as JSON, made into text for each request",
  },
  {
    name: "hono",
    load: "http",
    request: GREETING_REQUEST,
    pipelining: 1,
    arms: HONO_ARMS,
    atMost: { hono: 1.05 },
    about: "GET / through Hono",
  },
  {
    name: "hono-json",
    load: "http",
    request: getRequest("/mills/cresswheel", ["Accept: */*", ...ONE_AGENT]),
    pipelining: 1,
    arms: HONO_ARMS,
    atMost: { hono: 1.05 },
    about: "JSON through Hono, with a parameter of the path and a field of the request",
  },
  {
    name: "echo",
    load: "echo",
    request: "",
    pipelining: 1,
    arms: TWINS,
    atMost: {},
    about: "64 bytes of TCP there and back",
  },
  {
    name: "idle",
    load: "idle",
    request: "",
    pipelining: 1,
    arms: TWINS,
    atMost: {},
    about: "memory of connections that say nothing",
  },
];

/** The jobs called `names`, or all. @throws RangeError for a name that is none. */
export function jobsNamed(names: readonly string[]): readonly Job[] {
  const unknown = names.find((name) => !JOBS.some((job) => job.name === name));
  if (unknown !== undefined) throw new RangeError(`Cannot run the job ${JSON.stringify(unknown)}: it is none of ours`);
  return names.length === 0 ? JOBS : JOBS.filter((job) => names.includes(job.name));
}
