// Content-Type by the ending of a file's name, from `mrmime`. Text is said to be UTF-8: what is not says so itself, by the `type` of an option.

import { lookup } from "mrmime";

/** The type of a file called `path`: `application/octet-stream` when its ending says nothing. */
export function contentTypeOf(path: string): string {
  // Names of Object.prototype, such as "constructor", find things in the table that are no types.
  const type: unknown = lookup(path.slice(path.lastIndexOf("/") + 1));
  if (typeof type !== "string") return "application/octet-stream";
  return type.startsWith("text/") ? `${type}; charset=utf-8` : type;
}
