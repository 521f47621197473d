// What the connections of one HTTP server share.

import type { Scheduler } from "../core/scheduler.ts";
import type { Conn } from "../net/conn.ts";
import { Resting } from "../net/resting.ts";
import { PassClock } from "./pass-clock.ts";
import type { Admission } from "./admission.ts";
import type { AnswerRecord } from "./access-log.ts";
import type { Trust } from "./forwarded.ts";
import type { HttpHandler } from "./handler.ts";
import type { HttpRequest } from "./request.ts";
import { FieldSections } from "./wire/field-sections.ts";
import type { HttpLimits } from "./wire/limits.ts";
import type { Rejection } from "./wire/rejection.ts";

/** Clocks and hooks of a server, complete. The hooks are guarded: none of them throws. */
export interface HttpSettings {
  readonly headMs: number;
  readonly bodyStallMs: number;
  readonly bodyBytesPerSecondMin: number;
  readonly writeStallMs: number;
  readonly keepAliveMs: number;
  readonly drainBodyBytesMax: number;
  readonly halfCloseGraceMs: number;
  readonly trust: Trust | null;
  readonly onError: (error: unknown, request: HttpRequest<object>) => void;
  readonly onRejection: ((rejection: Rejection, conn: Conn) => void) | undefined;
  readonly onTimeout: ((conn: Conn) => void) | undefined;
  readonly onAnswer: ((record: AnswerRecord) => void) | undefined;
}

/** One of its connections, as far as the server deals with it. */
export interface DrainingConnection {
  drain(): void;
}

/** The state of one server. */
export class HttpServer {
  readonly handler: HttpHandler;
  readonly limits: HttpLimits;
  readonly options: HttpSettings;
  readonly clock: PassClock;
  readonly admission: Admission;
  readonly sections: FieldSections = new FieldSections();
  readonly resting: Resting;
  readonly connections: Set<DrainingConnection> = new Set();
  /** The server was cancelled: answers carry Connection: close. */
  draining = false;
  readonly #scheduler: Scheduler;

  constructor(
    scheduler: Scheduler,
    handler: HttpHandler,
    limits: HttpLimits,
    options: HttpSettings,
    admission: Admission,
  ) {
    this.#scheduler = scheduler;
    this.resting = new Resting(scheduler);
    this.admission = admission;
    this.handler = handler;
    this.limits = limits;
    this.options = options;
    this.clock = new PassClock(scheduler);
  }

  /** Idle connections close at once, the others after their present answer. */
  drain(): void {
    this.draining = true;
    // This is called while a cancel spreads over the tree of tasks: none of them may run, and change the tree, before that is over.
    this.#scheduler.enter();
    for (const connection of this.connections) connection.drain();
    this.resting.closeAll();
    this.#scheduler.leaveLater();
  }
}
