// A folder in each of the two worlds for the file tests, behind one face: put files there, change them, count those that are open, and let the
// world go on until a promise has settled.

import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
} from "node:fs";
import { utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { BunFiles } from "../../src/bun/files.ts";
import type { FileStore } from "../../src/core/files.ts";
import { SimHost } from "../../src/sim/index.ts";

/** A folder under test; all paths are relative to it. */
export interface Disk extends AsyncDisposable {
  readonly store: FileStore;
  /** The folder's absolute path, without links. */
  readonly folder: string;
  /** Gives `path` to a new file. */
  put(path: string, content: string, mtimeMs?: number): void;
  /** A file of `size` bytes, all zero but for `tail` at its end. */
  putSparse(path: string, size: number, tail: string): void;
  /** Writes into the file at `path`. */
  overwrite(path: string, content: string): void;
  link(path: string, target: string): void;
  remove(path: string): void;
  /** Files below the folder that are open. */
  openFiles(): number;
  /** Lets the world go on until `promise` has settled. */
  settled<T>(promise: Promise<T>): Promise<T>;
}

export class SimDisk implements Disk {
  readonly host: SimHost = new SimHost({ seed: 1 });
  readonly folder = "/srv/disk";

  get store(): FileStore {
    return this.host.files;
  }

  put(path: string, content: string, mtimeMs?: number): void {
    this.host.files.put(this.#at(path), content, mtimeMs);
  }

  putSparse(path: string, size: number, tail: string): void {
    const start = size - tail.length;
    const read = (into: Uint8Array, from: number): void => {
      for (let i = 0; i < into.length; i++) into[i] = from + i < start ? 0 : tail.charCodeAt(from + i - start);
    };
    this.host.files.put(this.#at(path), { size, read });
  }

  overwrite(path: string, content: string): void {
    this.host.files.overwrite(this.#at(path), content);
  }

  link(path: string, target: string): void {
    this.host.files.link(this.#at(path), target);
  }

  remove(path: string): void {
    this.host.files.remove(this.#at(path));
  }

  openFiles(): number {
    return this.host.files.statistics.open;
  }

  async settled<T>(promise: Promise<T>): Promise<T> {
    const state = { over: false };
    const end = (): void => void (state.over = true);
    promise.then(end, end);
    for (;;) {
      for (let i = 0; i < 8 && !state.over; i++) await Promise.resolve();
      if (state.over) return promise;
      if (!this.host.advance()) throw new Error("nothing more happens, and the promise has not settled");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #at(path: string): string {
    return `${this.folder}/${path}`;
  }
}

/** A folder that is made for it, removed with everything in it. */
export class BunDisk implements Disk {
  readonly store: FileStore;
  readonly folder: string;

  /** `descriptors` as for BunFiles. */
  constructor(descriptors?: string) {
    this.store = new BunFiles(descriptors);
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), "millrace-disk-")));
  }

  put(path: string, content: string, mtimeMs?: number): void {
    const at = this.#at(path);
    const fresh = join(this.folder, ".fresh");
    writeFileSync(fresh, content);
    if (mtimeMs !== undefined) utimesSync(fresh, mtimeMs / 1000, mtimeMs / 1000);
    renameSync(fresh, at);
  }

  putSparse(path: string, size: number, tail: string): void {
    const at = this.#at(path);
    writeFileSync(at, "");
    truncateSync(at, size - tail.length);
    writeFileSync(at, tail, { flag: "a" });
  }

  overwrite(path: string, content: string): void {
    writeFileSync(this.#at(path), content);
  }

  link(path: string, target: string): void {
    symlinkSync(target, this.#at(path));
  }

  remove(path: string): void {
    rmSync(join(this.folder, path), { recursive: true });
  }

  openFiles(): number {
    const open = readdirSync("/proc/self/fd").map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    });
    return open.filter((path) => path.startsWith(this.folder)).length;
  }

  settled<T>(promise: Promise<T>): Promise<T> {
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.folder, { recursive: true });
  }

  #at(path: string): string {
    const at = join(this.folder, path);
    mkdirSync(dirname(at), { recursive: true });
    return at;
  }
}
