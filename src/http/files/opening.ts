// Reaching the store from a handler, and waiting for it without losing a file: when the wait is cancelled, a file that is opened nevertheless is closed.

import { runningTask } from "../../concurrency/cancel.ts";
import { until } from "../../concurrency/until.ts";
import type { FileStore, OpenFile } from "../../core/files.ts";
import type { Operation } from "../../core/operation.ts";
import type { Wait } from "../../core/task.ts";
import type { NetHost } from "../../net/transport.ts";

/** The host of the running task. @throws ProtocolError outside of tasks */
export function fileHost(): NetHost {
  return runningTask("open a file").kernel.host as NetHost;
}

/** Opens the file at `path`, below `root` unless that is `null`. Gives `null` when there is none. @throws FileError */
export function openFile(root: string | null, path: string): Operation<OpenFile | null> {
  return waiting(
    (files) => (root === null ? files.open(path) : files.openBelow(root, path)),
    (file) => file?.close(),
  );
}

/** Fills `into` from offset `from` of `file` on; gives how many bytes there were. @throws FileError */
export function readFile(file: OpenFile, into: Uint8Array, from: number): Operation<number> {
  return waiting(
    () => file.read(into, from),
    () => {},
  );
}

function* waiting<T>(call: (files: FileStore) => Promise<T>, letGo: (value: T) => void): Generator<Wait, T, unknown> {
  const host = fileHost();
  const promise = call(host.files);
  // What the disk's cache had is there already.
  const value = host.peek?.(promise);
  if (value !== undefined) return value;
  try {
    return (yield* until(promise)) as T;
  } catch (error) {
    promise.then(letGo, () => {});
    throw error;
  }
}
