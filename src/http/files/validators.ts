// What names the version of a file that is sent: its entity tag and its date (RFC 9110 section 8.8).
//
// The tag is made of size and modification time. Two changes within one tick of the file system's clock may leave both as they are, so the tag
// of a file that was changed just now is weak, and the same tag is strong once the file has been left alone for longer than any tick: whoever
// got it then got what is still there. What sets the time back by hand and keeps the size can deceive it.

import { FILE_SETTLED_MS } from "../../config.ts";
import type { OpenFile } from "../../core/files.ts";
import { formatDate } from "../wire/date.ts";

/** Validators of one version of one representation. */
export interface Validators {
  /** With quotes, and with `W/` where it is weak; `null` where none is wanted. */
  readonly etag: string | null;
  /** Ms since 1970 in whole seconds; -1 where it cannot be said. */
  readonly lastModifiedMs: number;
  /** The same as a date; `null` where it cannot be said. */
  readonly lastModified: string | null;
  /** Both validators are strong. */
  readonly isStrong: boolean;
}

/** Validators of `file` in the content coding `coding` (empty for none) at `nowMs`, ms since 1970. */
export function validatorsOf(file: OpenFile, coding: string, nowMs: number, withTag: boolean): Validators {
  const { mtimeMs } = file;
  const isStrong = nowMs - mtimeMs >= FILE_SETTLED_MS;
  // Codings of one file have tags of their own (RFC 9110 section 8.8.3.3).
  const tag = coding === "" ? file.tag : `${file.tag.slice(0, -1)}-${coding}"`;
  // A date to come would be a lie to caches (RFC 9110 section 8.8.2.1).
  const lastModifiedMs = mtimeMs >= 0 ? Math.floor(Math.min(mtimeMs, nowMs) / 1000) * 1000 : -1;
  return {
    etag: withTag ? `${isStrong ? "" : "W/"}${tag}` : null,
    lastModifiedMs,
    lastModified: lastModifiedMs < 0 ? null : formatDate(lastModifiedMs),
    isStrong,
  };
}
