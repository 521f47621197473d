// A request head as the parser found it: method, target, version, and the fields (field-section.ts). Reading and its states are in
// head-parser.ts, conclusions in framing.ts.
//
// Invariant: all offsets are relative to the head's first byte, which callers pass as `start` beside the array.

import { FieldSection, OFFSETS_PER_FIELD } from "./field-section.ts";
import { METHOD_OTHER, methodNames } from "./methods.ts";
import { sliceLatin1 } from "./text.ts";

/** What is known of a request head. The public fields hold once it is complete; callers only read them. */
export class RequestHead {
  /** Bytes of the head, from its first byte (an empty line before the request line included) to the LF of its last line. */
  length = 0;
  /** One of the METHOD_ codes. */
  methodCode: number = METHOD_OTHER;
  /** Where the request target starts and ends. */
  targetStart = 0;
  targetEnd = 0;
  /** The digit behind `HTTP/1.`; 1 and above are treated alike (RFC 9110 section 2.5). */
  minor = 0;
  /** The fields, and where their section starts. */
  fields: FieldSection;
  fieldsStart = 0;

  protected methodStart = 0;

  constructor(fieldsExpected: number) {
    this.fields = new FieldSection(new Int32Array(fieldsExpected * OFFSETS_PER_FIELD));
  }

  /** The method's name as sent. */
  method(bytes: Uint8Array, start: number): string {
    if (this.methodCode !== METHOD_OTHER) return methodNames[this.methodCode]!;
    return sliceLatin1(bytes, start + this.methodStart, start + this.targetStart - 1);
  }

  /** The request target as sent. */
  target(bytes: Uint8Array, start: number): string {
    return sliceLatin1(bytes, start + this.targetStart, start + this.targetEnd);
  }

  /** Index of the first field called `name`, which must be in lower case; -1 when there is none. */
  find(bytes: Uint8Array, start: number, name: string): number {
    return this.findNext(bytes, start, name, -1);
  }

  /** Index of the first field called `name` (lower case) behind the field `after`; -1 when there is none. */
  findNext(bytes: Uint8Array, start: number, name: string, after: number): number {
    return this.fields.findNext(bytes, start + this.fieldsStart, name, after);
  }

  /** The name of a field, in lower case. */
  name(bytes: Uint8Array, start: number, index: number): string {
    return this.fields.name(bytes, start + this.fieldsStart, index);
  }

  /** The value of a field as text, one character a byte, without the white space around it. */
  value(bytes: Uint8Array, start: number, index: number): string {
    return this.fields.value(bytes, start + this.fieldsStart, index);
  }

  /** Where the name of a field starts. */
  nameStart(index: number): number {
    return this.#offset(index, 0);
  }

  /** Where the name of a field ends. */
  nameEnd(index: number): number {
    return this.#offset(index, 1);
  }

  /** Where the value of a field starts, behind white space. */
  valueStart(index: number): number {
    return this.#offset(index, 2);
  }

  /** Where the value of a field ends, before white space; the same as its start when it is empty. */
  valueEnd(index: number): number {
    return this.#offset(index, 3);
  }

  #offset(index: number, which: number): number {
    return this.fieldsStart + this.fields.offsets[index * OFFSETS_PER_FIELD + which]!;
  }
}
