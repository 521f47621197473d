// What a job of the layer without a kernel is: bytes that come in on each of many connections, and what must go out for them. A side is a
// server of one concurrency model, ready to be fed.

/** Which side: ours, the twin in async/await, or the floor: what the bench itself costs, with a callback that answers without a look. */
export type SideName = "ours" | "twin" | "floor";

/** One side of one job, set up. */
export interface Side {
  /** Operations that one call of `round` does. */
  readonly operations: number;
  /** Does them. */
  round(): void;
  /** @throws Error unless every operation so far was answered as it has to be, by the number of bytes; called between samples, not within. */
  check(): void;
  /** What was done so far, by name, as far as it can be counted: the same rounds give the same counts, on any machine. */
  counts(): Counts;
}

/** Numbers of things done. */
export type Counts = Readonly<{ [what: string]: number }>;

/** Sets up a side. Twins load their code only then: it rests on inner parts of the sources, and a tree that lacks one can still run our side. */
export type MakeSide = () => Side | Promise<Side>;

/** One job. */
export interface LoneJob {
  readonly name: string;
  /** What one operation is, for the report. */
  readonly about: string;
  /** Makes a side; `null` where there is none. */
  readonly make: { readonly ours: MakeSide } & Readonly<Record<"twin" | "floor", MakeSide | null>>;
}

/** Connections that take turns: as many as the jobs over sockets have. */
export const CONNECTIONS = 64;
