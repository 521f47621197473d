// The type of `request.params`, read from a route's pattern. Types only: at run time rou3 fills the parameters in, and the tests hold both
// together. The reading itself is rou3's `InferRouteParams`; here its result is put into the form that a handler sees.
//
// A parameter that may be absent is an optional property, not one that may be undefined: rou3 leaves it out, and a handler for any route
// (whose `params` is a record of strings) then still fits.

import type { InferRouteParams } from "rou3";
import type { RouteParams } from "./handler.ts";

/**
 * The parameters that a pattern gives: by name, or by number for what has no name. A pattern that is no literal may have any.
 *
 * | pattern | parameters |
 * | --- | --- |
 * | `/users/:id` | `{ id: string }` |
 * | `/users/:id?` | `{ id?: string }` |
 * | `/files/**` | `{ 0?: string, _?: string }`, the same value twice: all segments that follow, if any |
 * | `/files/**:path`, `/files/:path+` | `{ path: string }`: at least one segment |
 * | `/files/:path*` | `{ path?: string }` |
 * | `/files/*` | `{ 0?: string }` |
 * | `/:year(\\d+)-:month` | `{ year: string, month: string }` |
 */
export type PathParams<Pattern extends string> = Pattern extends string
  ? // A record over a pattern that is no literal has an index signature, which an empty object satisfies.
    {} extends Readonly<Record<Pattern, 1>>
    ? RouteParams
    : Handed<InferRouteParams<Pattern>>
  : never;

/** The same properties, read-only, and those that may be undefined optional. */
type Handed<Params> = Flat<
  {
    readonly [Name in keyof Params as undefined extends Params[Name] ? never : Name]: Params[Name];
  } & {
    readonly [Name in keyof Params as undefined extends Params[Name] ? Name : never]?: Exclude<Params[Name], undefined>;
  }
>;

/** An intersection as one object type, as errors and editors should show it. */
type Flat<Params> = { [Name in keyof Params]: Params[Name] };
