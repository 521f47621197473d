// From the path of a request to the path of a file below a folder, as text alone. It refuses more than it must, on every system alike, so that what
// passes here on Linux and in a simulation names no other file on Windows. That no link leads out of the folder is the store's to hold.

import { percentDecoded } from "../percent.ts";

/** Where a request points to below the folder. */
export interface FolderPath {
  /** Decoded names with `/` between them; empty for the folder itself. */
  readonly path: string;
  /** The request's path ends with a slash: it names a folder. */
  readonly isFolder: boolean;
}

// Control characters; slashes, which can only have been encoded; a backslash, which is a slash on Windows; a colon, which there names a drive or a
// second stream of a file; a dot or space at the end, which is dropped there. Among the last are `.` and `..`.
const REFUSED = /[\x00-\x1f\x7f/\\:]|[. ]$/;

/**
 * The place of `path` (as sent, from its first slash on) below `prefix`, which ends without a slash; `null` for what is not below it and for
 * what may not be asked for: names that are empty, cannot be decoded or are refused, and, unless `dotfiles`, those that begin with a dot.
 */
export function folderPath(path: string, prefix: string, dotfiles: boolean): FolderPath | null {
  if (path === prefix) return { path: "", isFolder: false };
  if (!path.startsWith(`${prefix}/`)) return null;
  const names = path.slice(prefix.length + 1).split("/");
  const isFolder = names.at(-1) === "";
  if (isFolder) names.pop();
  const decoded: string[] = [];
  for (const sent of names) {
    // Once: a percent sign that comes out of it stays one.
    const name = percentDecoded(sent);
    if (name === null || name === "" || REFUSED.test(name)) return null;
    if (!dotfiles && name.startsWith(".")) return null;
    decoded.push(name);
  }
  return { path: decoded.join("/"), isFolder };
}
