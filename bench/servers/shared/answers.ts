// What the arms answer, as data: whatever an arm is built on, its answers are these. Nothing of millrace is imported, so that the arms without
// it do not load it.

/** The body of `GET /`. */
export const GREETING = "Hello, World!";

/** The field that `GET /json` adds to its answer. */
export const ADDED_FIELD = { "cache-control": "private, max-age=60" } as const;

/** The field of the request that `GET /json` reads. */
export const READ_FIELD = "user-agent";

/** The value that `GET /json` turns into JSON for each request: one thing, as an API gives it, and who asked. */
export function millFor(agent: string): object {
  return { id: 4_117, name: "Brackwater", heightMetres: 2.75, open: true, tags: ["river", "weir"], agent };
}

/** The body of `GET /pages/NAME`. */
export function pageText(name: string): string {
  return `the page ${name}\n`;
}

/** The type of bodies that are bytes and no more. */
export const BYTES_TYPE = "application/octet-stream";

/** Bytes of a request body that an arm must accept. */
export const BODY_BYTES_MAX: number = 4 * 1024 * 1024;

/** Bytes of one piece of `GET /stream`. */
export const STREAM_PIECE_BYTES: number = 16 * 1024;

/** The pieces of `GET /stream`, in the order in which they are written: 1 MB, no two alike, so that one out of its place is noticed. */
export const STREAM_PIECES: readonly Buffer[] = Array.from({ length: 64 }, (_, i) =>
  Buffer.alloc(STREAM_PIECE_BYTES, `piece ${i} of a stream over the weir, `),
);

/** What Redis has under {@link REDIS_KEY}: the body of `GET /redis`. */
export const REDIS_VALUE = "grain under the stone";

/** The key that `GET /redis` asks for. */
export const REDIS_KEY = "millrace:bench";

/** Promises that `GET /promises` waits for, one after the other. */
export const PROMISES = 10;

/** Calls between the handler of `GET /deep` and the wait at its bottom. */
export const DEPTH = 9;

/** The answer to one line of the line protocol, both without their line ends. */
export function answerTo(line: string): string {
  return line.startsWith("PING ") ? `PONG ${line.slice(5)}` : "ERROR no such command";
}

/** Bytes that a line may have, its end aside. What sends more is cut off. */
export const LINE_BYTES_MAX: number = 64 * 1024;

/** Bytes of the body of `GET /big`. It is made while it is sent, and only as fast as the client takes it. */
export const BIG_BYTES = 10_000_000;

/** Bytes of one piece of it. */
export const BIG_PIECE_BYTES = 16_000;

/** A new piece of the big body: every connection holds pieces of its own, as one does that sends what it has computed. */
export function bigPiece(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(BIG_PIECE_BYTES).fill(0x6d);
}
