// What the access-log hook is told, and the little that must be remembered for it. A server without the hook has none of this: the connection
// then holds `null` in its place.

import type { Conn } from "../net/conn.ts";
import type { HttpRequest } from "./request.ts";
import type { Answer } from "./answer.ts";

/** How one request was answered. */
export interface AnswerRecord {
  /** Good until the hook returns. */
  readonly request: HttpRequest<object>;
  /** Status that was sent; `null` when the client was gone before there was one. */
  readonly status: number | null;
  /** Bytes of the answer, head and body, that were accepted for sending. */
  readonly bytes: number;
  /** Ms from the last byte of the request's head to the last byte of the answer, or to its giving up. */
  readonly durationMs: number;
  /** The whole answer was accepted for sending: false for one that was cut short. */
  readonly complete: boolean;
}

/** Writes the records of one connection. */
export class AccessLog {
  readonly #conn: Conn;
  readonly #answer: Answer;
  readonly #onAnswer: (record: AnswerRecord) => void;
  #request: HttpRequest<object> | null = null;
  #beganAt = 0;
  #bytesBefore = 0;

  constructor(conn: Conn, answer: Answer, onAnswer: (record: AnswerRecord) => void) {
    this.#conn = conn;
    this.#answer = answer;
    this.#onAnswer = onAnswer;
  }

  /** A request goes to its handler. */
  begin(request: HttpRequest<object>): void {
    this.#request = request;
    this.#beganAt = this.#conn.scheduler.now();
    this.#bytesBefore = this.#conn.outbox.accepted;
  }

  /** The answer has ended, `complete` or not. No effect when none was begun. */
  end(complete: boolean): void {
    const request = this.#request;
    if (request === null) return;
    this.#request = null;
    const { begun, status } = this.#answer;
    this.#onAnswer({
      request,
      status: begun ? status : null,
      bytes: Math.max(this.#conn.outbox.accepted - this.#bytesBefore, 0),
      durationMs: this.#conn.scheduler.now() - this.#beganAt,
      complete,
    });
  }
}
