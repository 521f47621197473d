// Cuts what a client received into responses, after RFC 9112 alone: no line of src/http is used, and no byte is trusted. Unlike the reader in
// test/http/support.ts it never fails a test: what makes no response is `rest`, and the judge says what that means.

const HEAD_END = Buffer.from("\r\n\r\n");
const LINE_END = Buffer.from("\r\n");

/** A response as it was read off the wire. */
export interface WireResponse {
  readonly status: number;
  /** Values by name in lower case; several of one name joined by `, `. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** What a client received, in order. */
export interface WireResponses {
  /** Final responses; after a 101 that one alone. */
  readonly final: readonly WireResponse[];
  /** Statuses of the 1xx responses, 101 aside. */
  readonly interim: readonly number[];
  /** Bytes that make no whole response. */
  readonly rest: Buffer;
}

/** Reads all of `received`; the first final response has no body when the request was HEAD. */
export function readResponses(received: Buffer, toHead: boolean): WireResponses {
  const all: WireResponse[] = [];
  let rest = received;
  while (rest.length > 0) {
    const next = readResponse(rest, toHead && !all.some(isFinal));
    if (next === null) break;
    all.push(next.response);
    rest = next.rest;
  }
  const switched = all.filter(({ status }) => status === 101);
  return {
    final: switched.length > 0 ? switched : all.filter(isFinal),
    interim: all.map(({ status }) => status).filter((status) => status < 200 && status !== 101),
    rest,
  };
}

function isFinal({ status }: WireResponse): boolean {
  return status >= 200;
}

interface Part {
  readonly body: Buffer;
  readonly rest: Buffer;
}

function readResponse(bytes: Buffer, toHead: boolean): { response: WireResponse; rest: Buffer } | null {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd === -1) return null;
  const [statusLine = "", ...lines] = bytes.toString("latin1", 0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1] ?? "0");
  if (status < 100) return null;
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1) return null;
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    const known = headers.get(name);
    headers.set(name, known === undefined ? value : `${known}, ${value}`);
  }
  const bodyless = status < 200 || status === 204 || status === 304 || toHead;
  const behind = bytes.subarray(headEnd + 4);
  const part = bodyless ? { body: behind.subarray(0, 0), rest: behind } : readBody(behind, headers);
  return part && { response: { status, headers, body: part.body }, rest: part.rest };
}

function readBody(bytes: Buffer, headers: ReadonlyMap<string, string>): Part | null {
  if (headers.get("transfer-encoding")?.toLowerCase().includes("chunked") === true) return readChunks(bytes);
  const length = headers.get("content-length");
  // Without a length the body goes on to the end of the connection: everything that is there belongs to it.
  if (length === undefined) return { body: bytes, rest: bytes.subarray(bytes.length) };
  if (!/^\d+$/.test(length) || bytes.length < Number(length)) return null;
  return { body: bytes.subarray(0, Number(length)), rest: bytes.subarray(Number(length)) };
}

function readChunks(bytes: Buffer): Part | null {
  const chunks: Buffer[] = [];
  for (let at = 0; ;) {
    const lineEnd = bytes.indexOf(LINE_END, at);
    if (lineEnd === -1) return null;
    const [size = ""] = bytes.toString("latin1", at, lineEnd).split(";", 1);
    if (!/^[0-9a-f]+$/i.test(size)) return null;
    const from = lineEnd + 2;
    const to = from + Number.parseInt(size, 16);
    if (to === from) {
      const end = endOfTrailers(bytes, from);
      return end === -1 ? null : { body: Buffer.concat(chunks), rest: bytes.subarray(end) };
    }
    if (bytes.length < to + 2 || bytes.indexOf(LINE_END, to) !== to) return null;
    chunks.push(bytes.subarray(from, to));
    at = to + 2;
  }
}

function endOfTrailers(bytes: Buffer, from: number): number {
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf(LINE_END, at);
    if (lineEnd === -1) return -1;
    if (lineEnd === at) return at + 2;
    at = lineEnd + 2;
  }
}
