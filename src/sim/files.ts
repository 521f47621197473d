// Files in memory, on the virtual clock: the twin of src/bun/files.ts. Opening and reading take virtual time under the seed, and what they find is
// what is there when that time has passed. There are files and symbolic links; a folder is there while something lies in it. The working folder
// is `/`.
//
// Two ways to change a file must not be confused: `put` gives the path to another file, as a rename does, and who has the old one open reads on
// in it; `overwrite` changes the one file that there is, and whoever reads it sees that.

import { FileError, type FileStore, type OpenFile } from "../core/files.ts";
import type { Range } from "./network.ts";
import { type Clock, drawTime } from "./pipe.ts";

/** How the disk of a simulated world behaves. */
export interface DiskOptions {
  /** Virtual ms that an opening or a read takes. Default `[0.02, 0.5]`. */
  readonly latencyMs?: Range;
  /** Probability, for each opening and each read, that it fails with EIO. Default 0. */
  readonly faultChance?: number;
}

/** Content that is computed, for files larger than memory. */
export interface SimContent {
  readonly size: number;
  /** Fills `into` with the bytes from offset `from` on; all of them lie within the size. */
  read(into: Uint8Array, from: number): void;
}

/** What was done to the files of a world: exact counts for tests. */
export interface DiskStatistics {
  /** Files that are open now. */
  readonly open: number;
  readonly opened: number;
  readonly reads: number;
  readonly bytesRead: number;
}

interface SimFile {
  content: SimContent;
  mtimeMs: number;
  /** Reason that every opening, or every read, fails with. */
  faults: { open: string | null; read: string | null };
}

type Entry = { readonly file: SimFile } | { readonly target: string };

/** Links followed before a path counts as a loop, as Linux does. */
const LINKS_MAX = 40;

/**
 * A disk in memory: what the handlers of a simulated world read. Opening and reading take virtual time.
 *
 * @example
 * ```ts
 * import { until } from "millrace";
 * import { Simulation } from "millrace/sim";
 *
 * const world = new Simulation();
 * const { files } = world.host;
 * files.put("/srv/a.txt", "flour");
 * files.put("/srv/large.bin", { size: 2 ** 40, read: (into) => into.fill(7) }); // computed, and not kept
 * const size = await world.run(function* () {
 *   const opened = yield* until(files.open("/srv/large.bin"));
 *   opened?.close();
 *   return opened?.size;
 * });
 * console.log(size, files.statistics.opened); // => 2 ** 40, 1
 * ```
 */
export class SimFiles implements FileStore {
  readonly #clock: Clock & { wallClock(): number };
  readonly #latencyMs: Range;
  readonly #faultChance: number;
  readonly #entries = new Map<string, Entry>();
  readonly #counts = { open: 0, opened: 0, reads: 0, bytesRead: 0 };

  constructor(clock: Clock & { wallClock(): number }, options: DiskOptions = {}) {
    this.#clock = clock;
    this.#latencyMs = options.latencyMs ?? [0.02, 0.5];
    this.#faultChance = options.faultChance ?? 0;
  }

  /** Counts since the world began. */
  get statistics(): DiskStatistics {
    return { ...this.#counts };
  }

  /** Gives `path` to a new file, changed at `mtimeMs` (ms since 1970, default now). */
  put(path: string, content: string | Uint8Array | SimContent, mtimeMs: number = this.#clock.wallClock()): void {
    const file = { content: contentOf(content), mtimeMs, faults: { open: null, read: null } };
    this.#entries.set(absolute(path), { file });
  }

  /** Changes the content of the file at `path` itself. @throws FileError when there is none */
  overwrite(path: string, content: string | Uint8Array | SimContent, mtimeMs: number = this.#clock.wallClock()): void {
    const file = this.#known(path, "overwrite");
    file.content = contentOf(content);
    file.mtimeMs = mtimeMs;
  }

  /** Makes `path` a symbolic link to `target`, which is read from the link's own folder on. */
  link(path: string, target: string): void {
    this.#entries.set(absolute(path), { target });
  }

  /** Takes the entry at `path` away; who has the file open keeps it. */
  remove(path: string): void {
    this.#entries.delete(absolute(path));
  }

  /**
   * From now on every `open`, or `read`, of the file at `path` fails for `reason`, a code such as `EACCES`; `null` ends that.
   * @throws FileError when there is no such file
   */
  fail(path: string, on: "open" | "read", reason: string | null): void {
    this.#known(path, "inject a fault into").faults[on] = reason;
  }

  open(path: string): Promise<OpenFile | null> {
    return this.#later(() => this.#openFound(this.#find(path), path));
  }

  openBelow(root: string, path: string): Promise<OpenFile | null> {
    return this.#later(() => {
      const found = this.#find(`${root}/${path}`);
      const folder = this.#realPath(root);
      const isBelow = found !== null && folder !== null && found.path.startsWith(folder === "/" ? "/" : `${folder}/`);
      return this.#openFound(isBelow ? found : null, path);
    });
  }

  #openFound(found: { file: SimFile } | null, path: string): OpenFile | null {
    if (found === null) return null;
    const reason = found.file.faults.open ?? this.#chanceFault();
    if (reason !== null) throw new FileError(`Cannot open ${JSON.stringify(path)}: ${reason}`, reason);
    this.#counts.open++;
    this.#counts.opened++;
    return new OpenSimFile(found.file, {
      read: (into, from) => this.#later(() => this.#read(found.file, path, into, from)),
      closed: () => this.#counts.open--,
    });
  }

  #read(file: SimFile, path: string, into: Uint8Array, from: number): number {
    const reason = file.faults.read ?? this.#chanceFault();
    if (reason !== null) throw new FileError(`Cannot read ${JSON.stringify(path)}: ${reason}`, reason);
    const count = Math.max(0, Math.min(into.length, file.content.size - from));
    if (count > 0) file.content.read(into.subarray(0, count), from);
    this.#counts.reads++;
    this.#counts.bytesRead += count;
    return count;
  }

  #chanceFault(): string | null {
    return this.#faultChance > 0 && this.#clock.prng.chance(this.#faultChance) ? "EIO" : null;
  }

  /** What `work` gives once the disk has got to it. */
  #later<T>(work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#clock.schedule(drawTime(this.#clock.prng, this.#latencyMs), () => {
      try {
        resolve(work());
      } catch (error) {
        reject(error as Error);
      }
    });
    return promise;
  }

  #known(path: string, verb: string): SimFile {
    const entry = this.#entries.get(absolute(path));
    if (entry !== undefined && "file" in entry) return entry.file;
    throw new FileError(`Cannot ${verb} ${JSON.stringify(path)}: there is no such file`, "ENOENT");
  }

  #find(path: string): { path: string; file: SimFile } | null {
    const real = this.#realPath(path);
    const entry = real === null ? undefined : this.#entries.get(real);
    return entry !== undefined && "file" in entry ? { path: real as string, file: entry.file } : null;
  }

  /** `path` without links, as a kernel walks it; `null` where nothing is. */
  #realPath(path: string): string | null {
    if (path.includes("\0")) return null;
    let at = "";
    let links = 0;
    const pending = path.split("/").toReversed();
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (at !== "" && !this.#isFolder(at)) return null;
      if (name === "" || name === ".") continue;
      if (name === "..") {
        at = at.slice(0, Math.max(0, at.lastIndexOf("/")));
        continue;
      }
      const entry = this.#entries.get(`${at}/${name}`);
      if (entry === undefined || "file" in entry) {
        at = `${at}/${name}`;
        continue;
      }
      if (++links > LINKS_MAX) return null;
      if (entry.target.startsWith("/")) at = "";
      pending.push(...entry.target.split("/").toReversed());
    }
    if (at === "") return "/";
    return this.#entries.has(at) || this.#isFolder(at) ? at : null;
  }

  #isFolder(path: string): boolean {
    const prefix = `${path}/`;
    for (const known of this.#entries.keys()) if (known.startsWith(prefix)) return true;
    return false;
  }
}

interface Disk {
  read(into: Uint8Array, from: number): Promise<number>;
  closed(): void;
}

class OpenSimFile implements OpenFile {
  readonly size: number;
  readonly mtimeMs: number;
  readonly tag: string;
  readonly #disk: Disk;
  #closed = false;

  constructor(file: SimFile, disk: Disk) {
    this.size = file.content.size;
    this.mtimeMs = file.mtimeMs;
    this.tag = `"${this.size.toString(16)}-${Math.floor(this.mtimeMs).toString(16)}"`;
    this.#disk = disk;
  }

  async read(into: Uint8Array, from: number): Promise<number> {
    if (this.#closed) throw new FileError("Cannot read a file: it is closed", "EBADF");
    return this.#disk.read(into, from);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#disk.closed();
  }
}

function contentOf(content: string | Uint8Array | SimContent): SimContent {
  if (typeof content !== "string" && !(content instanceof Uint8Array)) return content;
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { size: bytes.length, read: (into, from) => into.set(bytes.subarray(from, from + into.length)) };
}

function absolute(path: string): string {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return `/${names.join("/")}`;
}
