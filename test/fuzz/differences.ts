// Where our readers and Bun's node:http part, and who is right: ten classes, each with the section that says so. A class knows its members by
// what was sent, read a second time here with regular expressions from the RFCs, and not by what our readers claim: a
// request that they refuse wrongly as "bad Host" is in no class, and fails the test.
//
// There is no class for two readings of one request, as both accepted: that has never been seen, and would be a way to smuggle.

import { METHODS } from "node:http";

import type { Message, OurTranscript, Transcript } from "./transcript.ts";

/** One side accepted a message that the other did not, or they read it differently. */
export interface Difference {
  readonly kind: "only ours" | "only theirs" | "content";
  /** The message that was accepted; of "content" ours. */
  readonly message: Message;
  /** What the refusing side said. */
  readonly refusal: string;
  /** The message before it on the connection, as we read it. */
  readonly before: Message | null;
  /** The stream from where that message ended. */
  readonly rest: string;
}

/** A reason to differ. */
export interface DifferenceClass {
  readonly name: string;
  /** Where the RFCs decide it, or leave it to the server. */
  readonly section: string;
  /** Whether a message that we accept and they refuse belongs here. */
  readonly onlyOurs?: (difference: Difference) => boolean;
  /** Whether a message that they accept and we refuse belongs here. */
  readonly onlyTheirs?: (difference: Difference) => boolean;
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"(?:[\\t !#-\\[\\]-~\\x80-\\xff]|\\\\[\\t -~\\x80-\\xff])*"';
const extension = `[\\t ]*;[\\t ]*${token}(?:[\\t ]*=[\\t ]*(?:${token}|${quoted}))?`;
const sizeLine = new RegExp(`^[0-9A-Fa-f]{1,16}(?:${extension})*$`);
const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const group = "[0-9A-Fa-f]{1,4}";
const lastGroups = `(?:${group}:${group}|${octet}(?:\\.${octet}){3})`;
/** IPv6address of RFC 3986 section 3.2.2: its nine forms, by how many groups stand before the `::`. */
const ipv6 = [
  `(?:${group}:){6}${lastGroups}`,
  `::(?:${group}:){5}${lastGroups}`,
  `(?:${group})?::(?:${group}:){4}${lastGroups}`,
  ...[3, 2, 1].map((behind) => `(?:(?:${group}:){0,${4 - behind}}${group})?::(?:${group}:){${behind}}${lastGroups}`),
  `(?:(?:${group}:){0,4}${group})?::${lastGroups}`,
  `(?:(?:${group}:){0,5}${group})?::${group}`,
  `(?:(?:${group}:){0,6}${group})?::`,
].join("|");
const ipFuture = "[vV][0-9A-Fa-f]+\\.[-._~!$&'()*+,;=:0-9A-Za-z]+";
const host = `(?:\\[(?:${ipv6}|${ipFuture})\\]|(?:[-._~!$&'()*+,;=0-9A-Za-z]|%[0-9A-Fa-f]{2})+)(?::\\d{0,5})?`;
const hostValue = new RegExp(`^${host}$`);
const target = new RegExp(`^(?:/[^#]*|https?://${host}(?:[/?][^#]*)?)$`, "i");
const hugePort = /:(?:6553[6-9]|655[4-9]\d|65[6-9]\d\d|6[6-9]\d{3}|[7-9]\d{4})(?=$|[/?])/;

/** A list of expectations in which there is no other, or none at all. */
const onlyContinue = /^[\t ,]*(?:100-continue[\t ]*(?:,[\t ,]*|$))*$/i;

/** All the differences that there are. Where both ways are allowed, ours is the stricter. */
export const differenceClasses: readonly DifferenceClass[] = [
  {
    // They take 1.0 and 1.1 only; a later minor version is to be read as the highest that is known.
    name: "a later minor version",
    section: "RFC 9110 section 2.5",
    onlyOurs: ({ message, refusal }) => refusal === "HPE_INVALID_VERSION" && /^1\.[2-9]$/.test(message.version),
  },
  {
    // Which methods are served is the server's choice. They have a list of names; we leave it to the handler, but for TRACE.
    name: "the methods served",
    section: "RFC 9110 section 9.1",
    onlyOurs: ({ message, refusal }) => refusal === "HPE_INVALID_METHOD" && !METHODS.includes(message.method),
    onlyTheirs: ({ message }) => message.method === "TRACE",
  },
  {
    // They have no asterisk-form, take a fragment, and do not look into the authority of an absolute-form.
    name: "the form of the target",
    section: "RFC 9112 section 3.2",
    onlyOurs: ({ message, refusal }) =>
      refusal === "HPE_INVALID_CONSTANT" && message.method === "OPTIONS" && message.target === "*",
    onlyTheirs: ({ message }) => !target.test(message.target) || hugePort.test(message.target),
  },
  {
    // More than one Host, or one that is no host and port: MUST be answered with 400.
    name: "Host",
    section: "RFC 9112 section 3.2",
    onlyTheirs: ({ message }) => {
      const hosts = valuesOf(message, "host");
      return hosts.length > 1 || hosts.some((value) => !hostValue.test(value) || hugePort.test(value));
    },
  },
  {
    // They pass over any CR and LF before a request line. An empty line is CRLF, and at least one is to be passed over; we take four.
    name: "what stands before a request line",
    section: "RFC 9112 section 2.2",
    onlyTheirs: ({ rest }) => !/^(?:\r\n){0,4}[^\r\n]/.test(rest) && /^[\r\n]+[^\r\n]/.test(rest),
  },
  {
    // Equal values, in several lines or as a list, may be refused. They also refuse leading zeros from nineteen digits on.
    name: "Content-Length",
    section: "RFC 9110 section 8.6",
    onlyOurs: ({ message, refusal }) =>
      refusal === "HPE_UNEXPECTED_CONTENT_LENGTH" &&
      valuesOf(message, "content-length").some((value) => /^0\d{18,}$/.test(value)),
    onlyTheirs: ({ message }) => valuesOf(message, "content-length").length > 1,
  },
  {
    // They take any codings, an empty value, and HTTP/1.0. A coding that is not decoded is 501; what may hide a body is 400.
    name: "Transfer-Encoding",
    section: "RFC 9112 section 6.1",
    onlyTheirs: ({ message }) => {
      const codings = valuesOf(message, "transfer-encoding");
      return codings.length > 0 && (message.version === "1.0" || codings.join().toLowerCase() !== "chunked");
    },
  },
  {
    // They refuse white space in extensions, which the grammar has, and take faulty ones. A field that frames or routes does not
    // belong in a trailer. Leading zeros of a size end at sixteen digits with us.
    name: "chunked coding",
    section: "RFC 9112 section 7.1",
    onlyOurs: ({ message, refusal, rest }) => {
      const { sizes } = chunkLines(message, rest);
      const spaced = sizes.some((line) => /;|[\t ]/.test(line) && /[\t ]/.test(line));
      return refusal === "HPE_INVALID_CHUNK_SIZE" && spaced && sizes.every((line) => sizeLine.test(line));
    },
    onlyTheirs: ({ message, rest }) => {
      const { sizes, trailers } = chunkLines(message, rest);
      const forbidden = /^(?:host|content-length|transfer-encoding):/i;
      return sizes.some((line) => !sizeLine.test(line)) || trailers.some((line) => forbidden.test(line));
    },
  },
  {
    // They look for 100-continue anywhere in the value, and refuse a list without members. Another expectation, alone or in the list, may
    // be answered with 417.
    name: "an unknown expectation",
    section: "RFC 9110 section 10.1.1",
    onlyOurs: ({ message, refusal }) =>
      refusal === "417" && valuesOf(message, "expect").every((value) => onlyContinue.test(value)),
    onlyTheirs: ({ message }) => valuesOf(message, "expect").some((value) => !onlyContinue.test(value)),
  },
  {
    // They close although the client asked to go on; we go on.
    name: "a persistent HTTP/1.0 connection",
    section: "RFC 9112 section 9.3",
    onlyOurs: ({ before, refusal }) =>
      ["clean", "HPE_CLOSED_CONNECTION"].includes(refusal) &&
      before?.version === "1.0" &&
      valuesOf(before, "connection").some((value) => /(?:^|,)[\t ]*keep-alive[\t ]*(?:,|$)/i.test(value)),
  },
];

/** The first difference between two readings of a stream, or null. */
export function differenceOf(stream: Uint8Array, ours: OurTranscript, theirs: Transcript): Difference | null {
  for (let index = 0; ; index++) {
    const our = ours.messages[index];
    const their = theirs.messages[index];
    if (our === undefined && their === undefined) return null;
    if (our !== undefined && their !== undefined && isSame(our, their)) continue;
    const from = index === 0 ? 0 : ours.ends[index - 1]!;
    const rest = Buffer.from(stream.buffer, stream.byteOffset + from, stream.length - from).toString("latin1");
    const common = { before: ours.messages[index - 1] ?? null, rest };
    if (our === undefined) return { kind: "only theirs", message: their as Message, refusal: ours.ending, ...common };
    if (their === undefined) return { kind: "only ours", message: our, refusal: theirs.ending, ...common };
    return { kind: "content", message: our, refusal: JSON.stringify(their), ...common };
  }
}

/** The classes that a difference is in; none means that somebody must look at it. */
export function classesOf(difference: Difference): DifferenceClass[] {
  if (difference.kind === "content") return [];
  const side = difference.kind === "only ours" ? "onlyOurs" : "onlyTheirs";
  return differenceClasses.filter((candidate) => candidate[side]?.(difference) ?? false);
}

function isSame(a: Message, b: Message): boolean {
  return (
    JSON.stringify([a.method, a.target, a.version, a.headers, a.body]) ===
    JSON.stringify([b.method, b.target, b.version, b.headers, b.body])
  );
}

function valuesOf(message: Message, name: string): string[] {
  return message.headers.filter(([header]) => header === name).map(([, value]) => value);
}

/** The size lines and trailer lines of the chunked message that `rest` starts with; none of another message. */
function chunkLines(message: Message, rest: string): { sizes: string[]; trailers: string[] } {
  const sizes: string[] = [];
  const codings = valuesOf(message, "transfer-encoding");
  if (codings.length !== 1 || codings[0]!.toLowerCase() !== "chunked") return { sizes, trailers: [] };
  for (let at = rest.indexOf("\r\n\r\n", rest.search(/[^\r\n]/)) + 4; ;) {
    const end = rest.indexOf("\r\n", at);
    if (end === -1) return { sizes, trailers: [] };
    const line = rest.slice(at, end);
    const size = Number.parseInt(line, 16);
    sizes.push(line);
    if (!(size > 0)) return { sizes, trailers: rest.slice(end + 2, rest.indexOf("\r\n\r\n", end) + 2).split("\r\n") };
    at = end + 2 + size + 2;
  }
}
