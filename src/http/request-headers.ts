// The fields of a request as a handler sees them: those of its head, looked up in the bytes where they lie, and those of its trailers.

import { FIELD_LOOKUPS_KEPT_MAX } from "../config.ts";
import { requestOver } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import type { HeaderField } from "./wire/headers.ts";

/** The header fields, or the trailers, of a request. Names may be given in any case; iteration gives them in lower case. */
export interface RequestHeaders extends Iterable<[name: string, value: string]> {
  /** The value of a field; several of one name joined by `, `; `null` when there is none. */
  get(name: string): string | null;
  has(name: string): boolean;
  /** All values of one name, in order. */
  getAll(name: string): string[];
}

/** The fields of a head. Nothing is read before it is asked for, and no map is built. */
export class HeadFields implements RequestHeaders {
  readonly #exchange: Exchange;
  readonly #number: number;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
    this.#number = exchange.number;
  }

  get(name: string): string | null {
    const exchange = this.#present();
    const { head } = exchange;
    const lower = name.toLowerCase();
    const { lookups } = head.fields;
    if (lookups === null) return this.#find(exchange, lower);
    const known = lookups.get(lower);
    if (known !== undefined) return known;
    const found = this.#find(exchange, lower);
    // The names come from handlers, who might take them from clients.
    if (lookups.size < FIELD_LOOKUPS_KEPT_MAX) lookups.set(lower, found);
    return found;
  }

  has(name: string): boolean {
    const { head, bytes, start } = this.#present();
    return head.find(bytes, start, name.toLowerCase()) !== -1;
  }

  getAll(name: string): string[] {
    const { head, bytes, start } = this.#present();
    const lower = name.toLowerCase();
    const values: string[] = [];
    for (let at = head.find(bytes, start, lower); at !== -1; at = head.findNext(bytes, start, lower, at)) {
      values.push(head.value(bytes, start, at));
    }
    return values;
  }

  *[Symbol.iterator](): Generator<[string, string], void, undefined> {
    const { head } = this.#present();
    const fields: [string, string][] = [];
    for (let index = 0; index < head.fields.count; index++) {
      const { bytes, start } = this.#exchange;
      fields.push([head.name(bytes, start, index), head.value(bytes, start, index)]);
    }
    yield* fields;
  }

  #find({ head, bytes, start }: Exchange, lower: string): string | null {
    const first = head.find(bytes, start, lower);
    if (first === -1) return null;
    const second = head.findNext(bytes, start, lower, first);
    if (second === -1) return head.value(bytes, start, first);
    // A list of cookies has a separator of its own, also where a gateway has cut it into fields (RFC 9113 section 8.2.3).
    return this.getAll(lower).join(lower === "cookie" ? "; " : ", ");
  }

  #present(): Exchange {
    if (this.#exchange.number !== this.#number) throw requestOver("the headers");
    return this.#exchange;
  }
}

/** The fields behind a chunked body. */
export class TrailerFields implements RequestHeaders {
  readonly #fields: readonly HeaderField[];

  constructor(fields: readonly HeaderField[]) {
    this.#fields = fields;
  }

  get(name: string): string | null {
    const values = this.getAll(name);
    return values.length === 0 ? null : values.join(", ");
  }

  has(name: string): boolean {
    return this.getAll(name).length > 0;
  }

  getAll(name: string): string[] {
    const lower = name.toLowerCase();
    return this.#fields.filter(([known]) => known === lower).map(([, value]) => value);
  }

  *[Symbol.iterator](): Generator<[string, string], void, undefined> {
    for (const [name, value] of this.#fields) yield* [[name, value] as [string, string]];
  }
}
