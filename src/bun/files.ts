// Files of the disk. Opening and short reads are synchronous calls: 2 to 8 us of CPU where each trip through Bun's thread pool takes 75
// (docs/decisions/0006-the-file-port.md). Longer reads go through the pool, so that a slow disk does not hold up the other tasks for them.
//
// `Bun.file` is not used: it opens its path again for every read, so a file that is replaced while it is sent would be sent half and half, and
// a slice of one that is open costs 1,100 us for 256 KiB where `read` takes 84.

import type { Stats } from "node:fs";
import etag from "etag";
import { FILE_READ_NOW_BYTES, FILE_ROOTS_REMEMBERED_MAX } from "../config.ts";
import { FileError, type FileStore, type OpenFile } from "../core/files.ts";

// As in compression.ts.
const { closeSync, constants, fstatSync, openSync, read, readSync, readlinkSync, realpathSync, statSync } =
  process.getBuiltinModule("node:fs");
const { resolve, sep } = process.getBuiltinModule("node:path");

/** Not to wait at a pipe without a writer. Windows has neither flag nor such pipes. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** Codes that say: there is no such file. ENXIO is a unix socket, EISDIR a folder on Windows. */
const NOTHING_THERE = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "ENXIO", "EISDIR", "EINVAL"]);

/** The disk. */
export class BunFiles implements FileStore {
  readonly #descriptors: string;
  /** Where roots really are. A root may be a link that is set to the next release, so an entry only ever saves a look. */
  readonly #roots = new Map<string, string>();

  /** `descriptors` is the folder in which the kernel links each open descriptor to its file: Linux has it. */
  constructor(descriptors = "/proc/self/fd") {
    this.#descriptors = descriptors;
  }

  async open(path: string): Promise<OpenFile | null> {
    return openFile(path);
  }

  async openBelow(root: string, path: string): Promise<OpenFile | null> {
    // Joined as text: `..` behind a link means what it means to the kernel.
    const folder = resolve(root);
    const joined = `${folder}/${path}`;
    const file = openFile(joined);
    if (file === null || this.#liesBelow(folder, this.#whereabouts(file, joined))) return file;
    file.close();
    return null;
  }

  /** Where the open file really is; `null` when that cannot be told. */
  #whereabouts(file: DiskFile, path: string): string | null {
    return attempt(() => readlinkSync(`${this.#descriptors}/${file.fd}`)) ?? attempt(() => realPathOf(file, path));
  }

  #liesBelow(root: string, path: string | null): boolean {
    if (path === null) return false;
    const known = this.#roots.get(root);
    if (known !== undefined && isBelow(known, path)) return true;
    const found = attempt(() => realpathSync.native(root));
    if (found === null) return false;
    if (this.#roots.size >= FILE_ROOTS_REMEMBERED_MAX) this.#roots.clear();
    this.#roots.set(root, found);
    return isBelow(found, path);
  }
}

/**
 * The real path, where the kernel does not tell the path of a descriptor: that of `path`, if it leads to the same file still. Somebody who
 * may write below the root and exchanges folders for links three times between our calls could deceive it.
 */
function realPathOf(file: DiskFile, path: string): string | null {
  const real = realpathSync.native(path);
  const { dev, ino } = statSync(real);
  return dev === file.dev && ino === file.ino ? real : null;
}

function isBelow(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

function attempt<T>(look: () => T): T | null {
  try {
    return look();
  } catch {
    return null;
  }
}

function openFile(path: string): DiskFile | null {
  // No path has a NUL in it; Bun would throw a TypeError.
  if (path.includes("\0")) return null;
  let fd = -1;
  try {
    fd = openSync(path, FLAGS);
    const stats = fstatSync(fd);
    if (stats.isFile()) return new DiskFile(fd, path, stats);
    closeSync(fd);
    return null;
  } catch (error) {
    if (fd !== -1) closeSync(fd);
    const code = codeOf(error);
    if (NOTHING_THERE.has(code)) return null;
    throw new FileError(`Cannot open ${JSON.stringify(path)}: ${code}`, code, { cause: error });
  }
}

/** Descriptors whose file nobody can reach any more: a reply was dropped unsent, by middleware say. */
const forgotten = new FinalizationRegistry<number>((fd) => closeSync(fd));

class DiskFile implements OpenFile {
  readonly fd: number;
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly tag: string;
  readonly #path: string;
  #reading = false;
  #closed = false;

  constructor(fd: number, path: string, stats: Stats) {
    this.fd = fd;
    this.#path = path;
    this.dev = stats.dev;
    this.ino = stats.ino;
    this.size = stats.size;
    this.mtimeMs = stats.mtimeMs;
    this.tag = etag(stats, { weak: false });
    forgotten.register(this, fd, this);
  }

  async read(into: Uint8Array, from: number): Promise<number> {
    if (this.#closed) throw new FileError(`Cannot read ${JSON.stringify(this.#path)}: it is closed`, "EBADF");
    try {
      return into.length <= FILE_READ_NOW_BYTES ? this.#readNow(into, from) : await this.#readInPool(into, from);
    } catch (error) {
      const code = codeOf(error);
      throw new FileError(`Cannot read ${JSON.stringify(this.#path)}: ${code}`, code, { cause: error });
    }
  }

  #readNow(into: Uint8Array, from: number): number {
    let at = 0;
    while (at < into.length) {
      const count = readSync(this.fd, into, at, into.length - at, from + at);
      if (count === 0) break;
      at += count;
    }
    return at;
  }

  async #readInPool(into: Uint8Array, from: number): Promise<number> {
    this.#reading = true;
    try {
      let at = 0;
      while (at < into.length) {
        const count = await this.#readPart(into, at, from + at);
        if (count === 0) break;
        at += count;
      }
      return at;
    } finally {
      this.#reading = false;
      if (this.#closed) closeSync(this.fd);
    }
  }

  #readPart(into: Uint8Array, at: number, from: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.fd, into, at, into.length - at, from, (error, count) => {
        if (error === null) resolve(count);
        else reject(error);
      });
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    forgotten.unregister(this);
    // The number of a descriptor that is closed may be given to another file at once, and a read in the pool would read that.
    if (!this.#reading) closeSync(this.fd);
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "EIO";
}
