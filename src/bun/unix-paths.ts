// Unix paths, which outlive the sockets that were bound to them. A killed process leaves its path behind, and nobody can bind it again: it may be
// removed, but only when nobody answers on it, and never when it is anything else. Bun removes a path when its listener stops, even if
// somebody else has bound it meanwhile: that one is put back.

import type { BigIntStats } from "node:fs";
import type { StalePath } from "../net/transport.ts";
import { dial } from "./dial.ts";

/** The module is loaded when somebody listens on a path: a server that does not starts without it. */
const fs = (): typeof import("node:fs") => process.getBuiltinModule("node:fs");

/** Removes the socket at `path` if nobody answers on it; see Transport.removeStale. */
export function removeStale(path: string, done: (outcome: StalePath) => void): void {
  const found = statOf(path);
  if (found === null || !found.isSocket()) {
    queueMicrotask(() => done(found === null ? "gone" : "foreign"));
    return;
  }
  dial(
    { unix: path },
    (raw) => {
      raw.terminate();
      done("alive");
    },
    // Whoever has a full queue, or does not let us in, is alive. Only a refusal says that nobody listens.
    (reason) => done(reason === "ECONNREFUSED" ? remove(path, found) : reason === "ENOENT" ? "gone" : "alive"),
  );
}

/** Moves `found` aside before it is removed: somebody else may have bound the path since it was looked at. */
function remove(path: string, found: BigIntStats): StalePath {
  const aside = asideOf(path);
  try {
    fs().renameSync(path, aside);
  } catch {
    return statOf(path) === null ? "gone" : "alive";
  }
  const moved = statOf(aside);
  if (moved === null || isSame(moved, found)) {
    if (moved !== null) fs().unlinkSync(aside);
    return "removed";
  }
  putBack(aside, path);
  return "alive";
}

/** Binds a path that has these permissions from its first moment: a later `chmod` would leave it open to all until then. */
export function withMode<T>(mode: number | undefined, bind: () => T): T {
  if (mode === undefined) return bind();
  const before = process.umask(0o777 & ~mode);
  try {
    return bind();
  } finally {
    process.umask(before);
  }
}

/** The path of a listener, from its binding to its stop. */
export class BoundPath {
  readonly #path: string;
  readonly #bound: BigIntStats | null;

  constructor(path: string) {
    this.#path = path;
    this.#bound = statOf(path);
  }

  /** Runs `stop`, which removes the path, and has whoever bound it meanwhile keep it. */
  stop(stop: () => void): void {
    const path = this.#path;
    const present = statOf(path);
    if (present === null || this.#bound === null || isSame(present, this.#bound)) {
      stop();
      return;
    }
    const aside = asideOf(path);
    fs().renameSync(path, aside);
    stop();
    putBack(aside, path);
  }
}

/** Gives a path that was moved aside its name again, unless somebody has taken that by now. */
function putBack(aside: string, path: string): void {
  try {
    fs().linkSync(aside, path);
  } finally {
    fs().unlinkSync(aside);
  }
}

let lastAside = 0;

/** A name beside `path` that nobody else uses. A socket's path may have 107 bytes, a file's more. */
function asideOf(path: string): string {
  return `${path}.${process.pid}-${++lastAside}`;
}

function statOf(path: string): BigIntStats | null {
  return fs().lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

/** The number alone is given again to the next file; a move leaves the time alone. */
function isSame(one: BigIntStats, other: BigIntStats): boolean {
  return one.ino === other.ino && one.dev === other.dev && one.mtimeNs === other.mtimeNs;
}
