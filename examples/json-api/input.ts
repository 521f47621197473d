// What clients send, checked before it is believed: a `Problem` says what is wrong with it, all of it at once.

import type { Steps } from "millrace";
import type { HttpRequest } from "millrace/http";
import { Problem } from "./errors.ts";
import { type Line, type NewOrder, ORDER_STATES, type OrderState } from "./shop.ts";

/** The body as JSON. @throws Problem when it is none, or does not say that it is. */
export function* jsonOf(request: HttpRequest<object>): Steps<unknown> {
  const [type = ""] = (request.headers.get("content-type") ?? "").split(";");
  if (type.trim().toLowerCase() !== "application/json")
    throw new Problem(415, "the content-type must be application/json");
  return yield* request.json();
}

export function newOrderOf(value: unknown): NewOrder {
  const { customer, lines } = fieldsOf(value);
  const faults: string[] = [];
  if (typeof customer !== "string" || customer.trim() === "") faults.push("customer must be a name");
  if (!Array.isArray(lines) || lines.length === 0) faults.push("lines must be a list of at least one line");
  else
    for (const [index, line] of lines.entries()) {
      const { product, pieces } = fieldsOf(line);
      if (typeof product !== "string") faults.push(`lines[${index}].product must be the name of a product`);
      if (!Number.isSafeInteger(pieces) || (pieces as number) < 1)
        faults.push(`lines[${index}].pieces must be a whole number from 1 on`);
    }
  if (faults.length > 0) throw new Problem(400, faults.join("; "));
  return { customer: customer as string, lines: lines as Line[] };
}

export function stateOf(value: unknown): OrderState {
  const { state } = fieldsOf(value);
  const found = ORDER_STATES.find((known) => known === state);
  if (found === undefined) throw new Problem(400, `state must be one of ${ORDER_STATES.join(", ")}`);
  return found;
}

/** A parameter of the query that counts something. */
export function countOf(query: URLSearchParams, name: string, fallback: number, max: number): number {
  const value = query.get(name) ?? String(fallback);
  if (!/^\d{1,15}$/.test(value) || Number(value) > max)
    throw new Problem(400, `${name} must be a whole number up to ${max}`);
  return Number(value);
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
