// Makes the fuzzer's requests: takes a seed request, or puts one together by the grammar, and breaks it a few times. All of it is
// drawn from one generator, so a seed gives the same million requests on every machine. The bytes lie in one array
// that each request overwrites: a million requests allocate nothing.
//
// What lies behind and in front of a request in that array is rubbish of earlier ones on purpose: a reader that looks past its end sees
// something that looks like HTTP.

import type { Prng } from "../../src/sim/prng.ts";
import { fragments, numbers, oddParts, parts, seedRequests } from "./corpus.ts";

/** Bytes of a request at most; more than every limit but that of the body. */
export const REQUEST_BYTES_MAX = 40_000;

/** Where requests start in the array: room for the start to vary. */
const MARGIN = 16;

/** How often a request is broken: one of these. */
const TURNS = [0, 0, 0, 1, 1, 1, 1, 2, 2, 4];
/** The share of odd parts among those that the generator takes. */
const ODD = 0.01;

const CR = 0x0d;
const LF = 0x0a;

const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
const seedBytes = seedRequests.map(bytesOf);
const fragmentBytes = fragments.map(bytesOf);
const numberBytes = numbers.map(bytesOf);
const lineEnds = ["\n", "\r", "\r\r\n", "\n\r", "", " \r\n", "\r\n ", "\r\n\t", "\r\n\r\n", "\0\r\n", "\r \n"].map(
  bytesOf,
);
const spaces = [" ", "\t", "  ", " \t ", "\x0b", "\0", "\xa0", "\r\n "].map(bytesOf);

/** The choices for one part of a request: the usual ones, and the odd ones. */
type Choices = readonly [usual: readonly Uint8Array[], odd: readonly Uint8Array[]];
const choices = (part: keyof typeof parts): Choices => [parts[part].map(bytesOf), oddParts[part].map(bytesOf)];
const methods = choices("methods");
const targets = choices("targets");
const versions = choices("versions");
const names = choices("names");
const values = choices("values");
const hosts = choices("hosts");
const extensions = choices("extensions");
const blanks = spaces.slice(0, 4);
const spaceHttp = bytesOf(" HTTP/");
const lineEnd = bytesOf("\r\n");
const hostColon = bytesOf("Host: ");
const lengthColon = bytesOf("Content-Length: ");
const chunkedField = bytesOf("Transfer-Encoding: chunked\r\n");
const lastChunk = bytesOf("0");

/** A source of requests. */
export class Mutator {
  /** The present request lies here, from `start` to `end`. */
  readonly bytes: Uint8Array = new Uint8Array(MARGIN + REQUEST_BYTES_MAX);
  start = 0;
  end = 0;
  readonly #prng: Prng;
  readonly #inflated: number;

  /** `inflated` is the share of requests that some part is blown up in, to run into limits. */
  constructor(prng: Prng, inflated: number) {
    this.#prng = prng;
    this.#inflated = inflated;
  }

  /** The present request, as a view. */
  get view(): Uint8Array {
    return this.bytes.subarray(this.start, this.end);
  }

  /** Makes the next request. */
  next(): void {
    const prng = this.#prng;
    this.start = this.end = prng.between(0, MARGIN - 1);
    if (prng.chance(0.4)) this.#generate();
    else this.#append(this.#pick(seedBytes));
    // Few at a time: what is refused at its first byte tells nothing about the bytes behind it.
    for (let turns = TURNS[prng.between(0, TURNS.length - 1)]!; turns > 0; turns--) this.#mutate();
    if (prng.chance(this.#inflated)) this.#inflate();
    if (prng.chance(0.1)) this.#append(this.#pick(seedBytes));
  }

  // --- a request by the grammar ----------------------------------------------------------------------------------------------

  #generate(): void {
    const prng = this.#prng;
    this.#append(this.#choose(methods));
    this.#append(spaces[0]!);
    this.#append(this.#choose(targets));
    this.#append(spaceHttp);
    this.#append(this.#choose(versions));
    this.#append(lineEnd);
    if (prng.chance(0.95)) this.#field(hostColon, this.#choose(hosts));
    for (let fields = prng.between(0, 5); fields > 0; fields--) this.#anyField();
    const kind = prng.between(0, 2);
    if (kind === 1) this.#lengthBody();
    else if (kind === 2) this.#chunkedBody();
    else this.#append(lineEnd);
  }

  #anyField(): void {
    this.#append(this.#choose(names));
    this.#byte(0x3a);
    if (this.#prng.chance(0.8)) this.#append(this.#pick(blanks));
    this.#append(this.#choose(values));
    this.#append(lineEnd);
  }

  #field(nameAndColon: Uint8Array, value: Uint8Array): void {
    this.#append(nameAndColon);
    this.#append(value);
    this.#append(lineEnd);
  }

  #lengthBody(): void {
    const length = this.#prng.between(0, 99);
    this.#append(lengthColon);
    if (length > 9) this.#byte(0x30 + Math.floor(length / 10));
    this.#byte(0x30 + (length % 10));
    this.#append(lineEnd);
    this.#append(lineEnd);
    this.#content(length);
  }

  #chunkedBody(): void {
    const prng = this.#prng;
    this.#append(chunkedField);
    this.#append(lineEnd);
    for (let chunks = prng.between(0, 3); chunks > 0; chunks--) {
      const size = prng.between(1, 40);
      if (size > 15) this.#byte(0x30 + (size >> 4));
      this.#byte("0123456789abcdef".charCodeAt(size & 15));
      this.#append(this.#choose(extensions));
      this.#append(lineEnd);
      this.#content(size);
      this.#append(lineEnd);
    }
    this.#append(lastChunk);
    this.#append(this.#choose(extensions));
    this.#append(lineEnd);
    for (let fields = prng.chance(0.2) ? prng.between(1, 3) : 0; fields > 0; fields--) this.#anyField();
    this.#append(lineEnd);
  }

  /** Bytes of a body. They look like HTTP, so that a reader that lost its place does not notice by luck. */
  #content(length: number): void {
    for (let left = length; left > 0;) {
      const piece = this.#pick(fragmentBytes);
      const taken = Math.min(left, piece.length);
      for (let i = 0; i < taken; i++) this.#byte(piece[i]!);
      left -= taken;
    }
  }

  // --- breaking it -----------------------------------------------------------------------------------------------------------

  #mutate(): void {
    const prng = this.#prng;
    // Half of the time behind the first line, where most of the grammar is.
    const from = prng.chance(0.5) ? this.#lineStart(this.start) : this.start;
    const at = prng.between(from, this.end);
    const span = Math.min(prng.between(1, prng.chance(0.2) ? 200 : 8), this.end - at);
    switch (prng.between(0, 15)) {
      case 0:
        if (at < this.end) this.bytes[at]! ^= 1 << prng.between(0, 7);
        break;
      case 1:
        if (at < this.end) this.bytes[at] = prng.between(0, 255);
        break;
      case 2:
        this.#splice(at, 0, this.#pick(fragmentBytes));
        break;
      case 3:
        this.#splice(at, span, this.#pick(fragmentBytes));
        break;
      case 4:
        this.#splice(at, span, null);
        break;
      case 5:
        this.#splice(at, 0, this.bytes.slice(at, at + span));
        break;
      case 6:
        this.#crossOver(at);
        break;
      case 7:
      case 8:
        this.#lineEndGame(at);
        break;
      case 9:
      case 10:
        this.#numberGame(at);
        break;
      case 11:
        this.#duplicateLine(at);
        break;
      case 12:
        this.#insertAtLine(at);
        break;
      case 13:
        this.#spaceGame(at);
        break;
      case 14:
        this.#caseGame(at, span);
        break;
      default:
        if (prng.chance(0.3)) this.end = at;
        else this.#deleteLine(at);
    }
  }

  /** The front of this request, the back of another. */
  #crossOver(at: number): void {
    const other = this.#pick(seedBytes);
    this.end = at;
    this.#append(other.subarray(this.#prng.between(0, other.length)));
  }

  #lineEndGame(at: number): void {
    const found = this.#find(CR, at);
    if (found === -1) return;
    const whole = found + 1 < this.end && this.bytes[found + 1] === LF;
    this.#splice(found, whole ? 2 : 1, this.#pick(lineEnds));
  }

  #numberGame(at: number): void {
    let from = at;
    while (from < this.end && !isDigit(this.bytes[from]!)) from++;
    let to = from;
    while (to < this.end && isDigit(this.bytes[to]!)) to++;
    if (from < to) this.#splice(from, to - from, this.#pick(numberBytes));
  }

  /** Copies a line to behind another one. */
  #duplicateLine(at: number): void {
    const from = this.#lineStart(at);
    const to = this.#lineStart(from);
    const target = this.#lineStart(this.#prng.between(this.start, this.end));
    this.#splice(target, 0, this.bytes.slice(from, to));
  }

  #deleteLine(at: number): void {
    const from = this.#lineStart(at);
    this.#splice(from, this.#lineStart(from) - from, null);
  }

  #insertAtLine(at: number): void {
    this.#splice(this.#lineStart(at), 0, this.#pick(fragmentBytes));
  }

  /** White space around a colon, a line end or anywhere. */
  #spaceGame(at: number): void {
    const found = this.#find(this.#prng.chance(0.5) ? 0x3a : CR, at);
    const place = found === -1 ? at : found + this.#prng.between(0, 1);
    this.#splice(Math.min(place, this.end), 0, this.#pick(spaces));
  }

  #caseGame(at: number, span: number): void {
    for (let i = at; i < at + span; i++) {
      const lower = this.bytes[i]! | 0x20;
      if (lower >= 0x61 && lower <= 0x7a) this.bytes[i]! ^= 0x20;
    }
  }

  /** Repeats a few bytes up to thousands of times. */
  #inflate(): void {
    const prng = this.#prng;
    const at = prng.between(this.start, this.end);
    const span = prng.chance(0.5) ? Math.min(this.end - at, prng.between(1, 16)) : this.#lineStart(at) - at;
    if (span <= 0) return;
    const unit = this.bytes.slice(at, at + span);
    const room = REQUEST_BYTES_MAX - (this.end - this.start);
    const times = Math.floor(Math.min(room, prng.chance(0.5) ? 2_000 : 20_000) / span);
    const repeated = new Uint8Array(times * span);
    for (let i = 0; i < times; i++) repeated.set(unit, i * span);
    this.#splice(at, 0, repeated);
  }

  // --- tools -----------------------------------------------------------------------------------------------------------------

  #choose(choices: Choices): Uint8Array {
    return this.#pick(choices[this.#prng.chance(ODD) ? 1 : 0]);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#prng.between(0, list.length - 1)]!;
  }

  /** The offset of `byte` from `at` on, -1 without one. */
  #find(byte: number, at: number): number {
    const found = this.bytes.indexOf(byte, at);
    return found >= this.end ? -1 : found;
  }

  /** Where the line behind the one at `at` starts. */
  #lineStart(at: number): number {
    const found = this.#find(LF, at);
    return found === -1 ? this.end : found + 1;
  }

  #byte(byte: number): void {
    if (this.end < this.bytes.length) this.bytes[this.end++] = byte;
  }

  #append(piece: Uint8Array): void {
    this.#splice(this.end, 0, piece);
  }

  /** Puts `piece` in the place of `removed` bytes at `at`; does nothing when there is no room for it. */
  #splice(at: number, removed: number, piece: Uint8Array | null): void {
    const added = piece === null ? 0 : piece.length;
    if (this.end - this.start + added - removed > REQUEST_BYTES_MAX) return;
    if (at + removed < this.end) this.bytes.copyWithin(at + added, at + removed, this.end);
    if (piece !== null) this.bytes.set(piece, at);
    this.end += added - removed;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
