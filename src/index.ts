// millrace: a network runtime for Bun. This is the table of contents, in reading order, bound to the Bun host. HTTP is in
// "millrace/http", the simulated host for tests in "millrace/sim".

import type { Instrument } from "./core/instrument.ts";
import type { Body } from "./core/operation.ts";
import { runOn, type RunOptions } from "./core/run.ts";

import { bunScheduler } from "./bun/scheduler.ts";
import type { Task } from "./core/task.ts";

/**
 * Starts `body` as a task of its own on Bun's event loop and gives the task: `await run(body).promise` works inside a Bun.serve handler or a
 * test. The first step is taken in a later turn of the loop. `options` may be just its name. Touches no signals and never ends the process;
 * programs use `main`.
 * @throws ProtocolError when `body` is no operation; what a plain function throws that is given as `body`.
 *
 * @example
 * ```ts
 * import { run, sleep } from "millrace";
 *
 * const task = run(function* () {
 *   yield* sleep(5);
 *   return "slept";
 * });
 * console.log(await task.promise); // => "slept"
 * ```
 */
export function run<T>(body: Body<T>, options?: string | RunOptions): Task<T> {
  return runOn(bunScheduler(), body, options);
}

/**
 * Watches every task of this process until the result is disposed of. One instrument at a time: a second one replaces the first. A hook that
 * throws ends the process.
 *
 * @example
 * ```ts
 * import { instrument, run, sleep } from "millrace";
 *
 * const ended: string[] = [];
 * using _watching = instrument({ taskExited: (task) => ended.push(`${task.name} ${task.ending}`) });
 * await run(() => sleep(1), "nap").promise;
 * console.log(ended); // => ["nap returned"]
 * ```
 */
export function instrument(hooks: Instrument): Disposable {
  const scheduler = bunScheduler();
  scheduler.instrument = hooks;
  return {
    [Symbol.dispose]: () => {
      if (scheduler.instrument === hooks) scheduler.instrument = null;
    },
  };
}

export { main, type MainOptions } from "./main.ts";

// Operations and tasks.
export type { Body, Operation, Steps } from "./core/operation.ts";
export type { Task } from "./core/task.ts";
export { now, random, type RunOptions } from "./core/run.ts";
export { sleep, sleepForever } from "./core/sleep.ts";
export { checkpoint } from "./concurrency/checkpoint.ts";

// Structured concurrency.
export { scope, type Scope, type ScopeOptions } from "./concurrency/scope.ts";
export { suppressedErrors } from "./concurrency/suppressed.ts";
export { all } from "./concurrency/all.ts";
export { race, type RaceResult } from "./concurrency/race.ts";
export { moveOnAfter, timeout } from "./concurrency/timeout.ts";
export { shield } from "./concurrency/shield.ts";
export { type Cancelled, isCancelled } from "./core/cancel-tree.ts";
export { Latch, type LatchOptions, type LatchStatistics } from "./concurrency/latch.ts";
export {
  channel,
  type ChannelOptions,
  type ChannelStatistics,
  type Receiver,
  type Sender,
} from "./concurrency/channel.ts";
export { type Broadcast, broadcast, type BroadcastOptions, type BroadcastStatistics } from "./concurrency/broadcast.ts";
export type { Subscription, SubscriptionStatistics } from "./concurrency/subscription.ts";
export { Semaphore, type SemaphoreOptions, type SemaphoreStatistics } from "./concurrency/semaphore.ts";
export { Mutex, type MutexOptions, type MutexStatistics } from "./concurrency/mutex.ts";
export type { Permit } from "./concurrency/permits.ts";
export { osSignal, osSignals, type SignalStream } from "./concurrency/os-signal.ts";
export type { OsSignalName } from "./core/os-signals.ts";
export { type TaskLocal, taskLocal } from "./concurrency/task-local.ts";

// Bridges to promise code.
export { until } from "./concurrency/until.ts";
export { each, type Items } from "./concurrency/each.ts";
export { toAsyncIterable } from "./concurrency/to-async-iterable.ts";
export { fromReadable, fromWritable, type StreamSink, toReadable, toWritable } from "./concurrency/web-streams.ts";
export type { StreamChunks, StreamWriter } from "./concurrency/stream-task.ts";

// Supervision.
export {
  supervise,
  type Supervision,
  type SupervisorOptions,
  type SupervisorStatistics,
  type SupervisorStrategy,
} from "./concurrency/supervise.ts";
export {
  type Backoff,
  type ChildExit,
  type ChildSpec,
  type ChildState,
  SupervisorError,
} from "./concurrency/supervisor-child.ts";

// Connections.
export { listen } from "./net/listen.ts";
export type { Listener, ListenerStatistics, ListenOptions } from "./net/listener.ts";
export type { AdmissionOptions, Refusals } from "./net/admission.ts";
export { type ConnHandler, serve, type ServeOptions } from "./net/serve.ts";
export { connect } from "./net/connect.ts";
export type { ConnectOptions } from "./net/connecting.ts";
export { acceptTls, startTls, type StartTlsOptions } from "./net/start-tls.ts";
export type { Conn, ReadUntilOptions, TryWriteOptions } from "./net/conn.ts";
export type { KeepAlive } from "./net/keep-alive.ts";
export type { ListenAddress, SocketAddress } from "./net/transport.ts";
export type {
  ClientCertificates,
  PeerCertificate,
  Pem,
  TlsClientOptions,
  TlsDetails,
  TlsIdentities,
  TlsIdentity,
  TlsServerOptions,
} from "./net/tls.ts";

// Watching.
export type { Instrument } from "./core/instrument.ts";
export { whereIsTask } from "./core/where.ts";

// Errors.
export {
  AbortError,
  BusyError,
  DeadlockError,
  MillraceError,
  ProtocolError,
  ScopeCancelledError,
  TaskCancelledError,
  TimeoutError,
} from "./core/errors.ts";
export { ChannelClosedError, LaggedError, SlowReceiverError } from "./concurrency/channel-errors.ts";
export { FileError } from "./core/files.ts";
export {
  type ConnectAttempt,
  ConnectError,
  ConnectionClosedError,
  ConnectionLostError,
  LineTooLongError,
  ListenError,
  TlsError,
  UnexpectedEndError,
} from "./net/errors.ts";
