// The arms of the bench: which program each is. What they do is in jobs.ts.

/** One server program. */
export interface Arm {
  readonly name: string;
  /** File below bench/servers, without `.ts`. */
  readonly program: string;
  readonly flags: readonly string[];
  /** It writes its own answers to the wire: byte for byte those of the others that do, but for the date. */
  readonly ownWire: boolean;
  /** Fields that its server insists on, by name in lower case: what stands there instead of what the others have, and why. */
  readonly exceptions: Readonly<Record<string, Exception>>;
  /** What it is, for the report. */
  readonly about: string;
}

/** A field that differs from the others'. */
export interface Exception {
  readonly value: string;
  readonly reason: string;
}

function arm(name: string, about: string, more: Partial<Arm> = {}): Arm {
  return { name, program: name, flags: [], ownWire: false, exceptions: {}, about, ...more };
}

const OWN_WIRE: Partial<Arm> = { ownWire: true };

/** All arms, in the order of the report. */
export const ARMS: readonly Arm[] = [
  arm("generator", "millrace", OWN_WIRE),
  arm("generator-task", "millrace, the greeting from a generator function", {
    ...OWN_WIRE,
    program: "generator",
    flags: ["--task"],
  }),
  arm("async-await", "the baseline: the same parser, handlers and buffers in async/await on Bun.listen", OWN_WIRE),
  arm("async-task", "the baseline, the greeting from an async function", {
    ...OWN_WIRE,
    program: "async-await",
    flags: ["--task"],
  }),
  arm("async-naive", "what people write: an async loop on Bun.listen, a promise a read, a write an answer", OWN_WIRE),
  arm("raw", "the ceiling: bare Bun.listen callbacks, hand-coalesced", OWN_WIRE),
  arm("raw-naive", "bare Bun.listen callbacks, a write for each answer", OWN_WIRE),
  arm(
    "raw-bulk",
    "bare callbacks that make all lines of a chunk into text at once, for the line protocol alone",
    OWN_WIRE,
  ),
  arm("generator-tls", "millrace over TLS"),
  arm("generator-tls-named", "millrace over TLS, the certificate chosen by the name that a client asks for", {
    program: "generator-tls",
    flags: ["--named"],
  }),
  arm("raw-tls", "bare callbacks on a listener of Bun's with tls"),
  arm("bun-serve", "Bun.serve with a handler a route"),
  arm("bun-static", "Bun.serve with static routes: no JavaScript runs", {
    program: "bun-serve",
    flags: ["--static"],
    exceptions: {
      etag: {
        value: '"c49aacf8080fe47f"',
        reason: "Bun gives a static route an entity tag and has no option against it",
      },
    },
  }),
  arm("node-http", "node:http on Bun"),
  arm("node-net", "node:net on Bun, read with an async iterator"),
  arm("hono", "Hono on Bun.serve", {
    exceptions: {
      "content-type": {
        value: "text/plain;charset=utf-8",
        reason:
          "Hono leaves the type of text to Bun, which writes it without the space; to set it would slow Hono down",
      },
    },
  }),
  arm("hono-on-millrace", "the same Hono application on millrace", OWN_WIRE),
  arm("elysia", "Elysia on Bun"),
  arm("fastify", "Fastify on Bun", {
    exceptions: {
      connection: {
        value: "keep-alive",
        reason: "Fastify names the persistence of a connection in every answer and has no option against it",
      },
      "keep-alive": {
        value: "timeout=72",
        reason: "Fastify tells its keep-alive timeout in every answer and has no option against it",
      },
      "content-type": {
        value: "application/json; charset=utf-8",
        reason: "Fastify adds charset=utf-8 to the type of JSON that it writes after a schema",
      },
    },
  }),
];

/** The arm called `name`. @throws RangeError for a name that is none. */
export function armNamed(name: string): Arm {
  const arm = ARMS.find((known) => known.name === name);
  if (arm === undefined) throw new RangeError(`Cannot run the arm ${JSON.stringify(name)}: it is none of ours`);
  return arm;
}

/** The arms called `names`, or all. @throws RangeError for a name that is none. */
export function armsNamed(names: readonly string[]): readonly Arm[] {
  return names.length === 0 ? ARMS : names.map(armNamed);
}
