// What a server made of a stream, in words: the messages that it accepted whole, in order, and how it went on from there. Both sides of the
// comparison are written down in this form.

import type { Exchange } from "../../src/http/exchange.ts";
import type { HttpLimits } from "../../src/http/wire/limits.ts";
import { CLEAN, CLOSED, REFUSED, Subject, type SubjectListener } from "./subject.ts";

/** A request with its whole body. Names of headers are in lower case; text has one character a byte. */
export interface Message {
  readonly method: string;
  readonly target: string;
  /** `1.0` and up. */
  readonly version: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** A stream as one server saw it. */
export interface Transcript {
  readonly messages: readonly Message[];
  /** "clean", "closed", "cut" (in the middle of a message), or what it was refused with. */
  readonly ending: string;
}

/** Our transcript, which also says where each message ended. */
export interface OurTranscript extends Transcript {
  readonly ends: readonly number[];
}

/** Writes down what our readers make of a stream. */
export class Transcriber implements SubjectListener {
  readonly #subject: Subject;
  #messages: Message[] = [];
  #ends: number[] = [];
  #head: Omit<Message, "body"> | null = null;

  constructor(limits: HttpLimits) {
    this.#subject = new Subject(limits, this);
  }

  /** Reads the stream. @throws Broken */
  read(stream: Uint8Array): OurTranscript {
    this.#messages = [];
    this.#ends = [];
    const subject = this.#subject;
    subject.readWhole(stream, 0, stream.length);
    return { messages: this.#messages, ends: this.#ends, ending: endingOf(subject) };
  }

  headRead({ bytes, head, start }: Exchange): void {
    this.#head = {
      method: head.method(bytes, start),
      target: head.target(bytes, start),
      version: `1.${head.minor}`,
      headers: Array.from({ length: head.fields.count }, (_, index) => {
        return [head.name(bytes, start, index), head.value(bytes, start, index)] as const;
      }),
    };
  }

  bodyRead(content: Uint8Array): void {
    if (this.#head === null) return;
    this.#messages.push({ ...this.#head, body: Buffer.from(content).toString("latin1") });
    this.#ends.push(this.#subject.consumed);
  }
}

function endingOf({ ended, rejection }: Subject): string {
  if (ended === REFUSED && rejection !== null) return `${rejection.status} ${rejection.code}: ${rejection.reason}`;
  if (ended === CLEAN) return "clean";
  return ended === CLOSED ? "closed" : "cut";
}
