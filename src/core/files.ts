// The file port: the only door from handlers to files. `bun/files.ts` opens it on the disk, `sim/files.ts` on files in memory; one contract suite
// holds both. It only reads, and only regular files: what a server sends is all it is for.
//
// An open file is one version of it. When the path is given to another file meanwhile, what was opened is still read; when the file itself is
// written to, that shows.

import { MillraceError } from "./errors.ts";

/** Opens files. Paths are absolute or relative to the working folder. */
export interface FileStore {
  /**
   * Opens the regular file at `path`; `null` when there is none: nothing there, a folder, a pipe, a path that cannot be one.
   * Rejects with FileError when the file is there and cannot be opened.
   */
  open(path: string): Promise<OpenFile | null>;
  /**
   * The same for `path` below the folder `root`; `null` also when what was opened does not lie below `root`, whatever `..` or symbolic link led
   * there. It is decided by where the open file really is, so nobody can exchange it between the look and the opening.
   */
  openBelow(root: string, path: string): Promise<OpenFile | null>;
}

/** A regular file that is open for reading. */
export interface OpenFile {
  /** Bytes at the time of opening. */
  readonly size: number;
  /** When the content was last changed, in ms since 1970 UTC, with fractions where the system has them. */
  readonly mtimeMs: number;
  /** Names this version of the file by size and time, as an entity tag with its quotes and without `W/`. */
  readonly tag: string;
  /**
   * Fills `into` with the bytes from offset `from` on and gives how many there were: fewer than asked for only at the end of the file. Until it
   * has settled `into` belongs to the store, and no other read may begin. Rejects with FileError when the disk fails.
   */
  read(into: Uint8Array, from: number): Promise<number>;
  /** Lets go of the file, after a read under way. Never throws; a second call does nothing. */
  close(): void;
}

/**
 * A file that is there could not be opened or read. `reason` is the system's error code, such as `EACCES`.
 *
 * @example
 * ```ts
 * import { FileError, until } from "millrace";
 * import { Simulation } from "millrace/sim";
 *
 * const world = new Simulation();
 * const { files } = world.host;
 * files.put("/srv/a.txt", "flour");
 * files.fail("/srv/a.txt", "open", "EACCES");
 * await world
 *   .run(() => until(files.open("/srv/a.txt")))
 *   .catch((error: unknown) => {
 *     console.log(error instanceof FileError && error.reason); // => "EACCES"
 *   });
 * ```
 */
export class FileError extends MillraceError {
  override name = "FileError";
  readonly reason: string;
  constructor(message: string, reason: string, options?: ErrorOptions) {
    super("ERR_FILE", message, options);
    this.reason = reason;
  }
}
