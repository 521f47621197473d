// Files that were compressed beforehand and lie beside the original as `name.br`, `name.zst` or `name.gz`.

import Negotiator from "negotiator";
import type { OpenFile } from "../../core/files.ts";
import type { Wait } from "../../core/task.ts";
import { openFile } from "./opening.ts";

/** Endings by content coding, in the order we prefer where the client has no preference: by size as a rule. */
const ENDINGS: ReadonlyMap<string, string> = new Map([
  ["br", ".br"],
  ["zstd", ".zst"],
  ["gzip", ".gz"],
]);
const PREFERRED = [...ENDINGS.keys()];
const OFFERED = [...PREFERRED, "identity"];

/** A file and the coding its bytes are in. */
export interface Coded {
  readonly file: OpenFile;
  /** Empty for none. */
  readonly coding: string;
}

/**
 * The one of `original` and its compressed siblings that `accept`, the Accept-Encoding of the request, likes best. Takes the original over and closes
 * what is not chosen. A sibling older than its original is stale, and passed over. When nothing is acceptable it is the original.
 */
export function* chooseCoding(
  root: string,
  path: string,
  original: OpenFile,
  accept: string | null,
): Generator<Wait, Coded, unknown> {
  let chosen = false;
  try {
    const negotiator = new Negotiator({ headers: { "accept-encoding": accept ?? "" } });
    for (const coding of negotiator.encodings(OFFERED, { preferred: PREFERRED })) {
      const ending = ENDINGS.get(coding);
      if (ending === undefined) break;
      const sibling = yield* openFile(root, path + ending);
      if (sibling === null) continue;
      // In whole seconds: unpacking an archive writes the two in any order.
      if (Math.floor(sibling.mtimeMs / 1000) >= Math.floor(original.mtimeMs / 1000)) {
        chosen = true;
        original.close();
        return { file: sibling, coding };
      }
      sibling.close();
    }
    chosen = true;
    return { file: original, coding: "" };
  } finally {
    if (!chosen) original.close();
  }
}
