// One client: a task that reads commands and answers them in order (RFC 5321). All commands that have come are carried out before the first answer leaves,
// so a group of them (RFC 2920) costs one write. What each command does is in commands.ts.
//
// STARTTLS begins anew (RFC 3207): what the client has said before it is forgotten, and nothing that came in plain text behind it is ever taken for
// something that came over TLS (CVE-2011-0411). What a client can make it hold or wait for is bounded: lines, mails, recipients, mistakes, times.

import {
  acceptTls,
  type Conn,
  ConnectionClosedError,
  ConnectionLostError,
  moveOnAfter,
  type Steps,
  timeout,
  TimeoutError,
  TlsError,
  type TlsServerOptions,
} from "millrace";
import { execute } from "./commands.ts";
import { type Allowance, MailBody, type MailFault } from "./mail-body.ts";
import type { Mail, Mailbox } from "./mailbox.ts";
import { LineFault, SmtpReader } from "./reader.ts";

/** Bounds of a session. */
export interface SmtpLimits {
  /** Bytes of a mail. */
  readonly sizeMax: number;
  readonly recipientsMax: number;
  /** Commands that are refused, before the client is. */
  readonly mistakesMax: number;
  /** Ms until a command is whole; RFC 5321 section 4.5.3.2.7 asks for five minutes at least. */
  readonly commandMs: number;
  /** Ms between two pieces of a mail, section 4.5.3.2.5, */
  readonly pieceMs: number;
  /** and until all of it is there. */
  readonly mailMs: number;
  /** Ms in which a client must take its answers. */
  readonly answerMs: number;
}

export const SMTP_LIMITS: SmtpLimits = {
  sizeMax: 25 * 1024 * 1024,
  recipientsMax: 100,
  mistakesMax: 10,
  commandMs: 5 * 60_000,
  pieceMs: 3 * 60_000,
  mailMs: 30 * 60_000,
  answerMs: 60_000,
};

/** What all sessions of a server share. */
export interface Server {
  readonly name: string;
  readonly limits: SmtpLimits;
  readonly mailbox: Mailbox;
  /** Memory for mails that are under way. */
  readonly allowance: Allowance;
  /** Offers STARTTLS. */
  readonly tls: TlsServerOptions | null;
  /** Mail is taken over TLS only. */
  readonly isTlsRequired: boolean;
  /** Told of each mail. */
  readonly onMail: (mail: Mail) => void;
  /** Told of what somebody should know. */
  readonly onFault: (text: string) => void;
}

/** The envelope of a mail under way. */
export interface Transaction {
  readonly from: string;
  readonly to: string[];
  /** It was announced as mail with addresses in UTF-8 (RFC 6531). */
  readonly isUtf8: boolean;
}

/** Bytes of answers that are gathered before they are written. */
const ANSWER_BYTES = 16 * 1024;
/** A mail that is too large is read to its end, so that the client gets its answer; but not for ever: so many times what is allowed. */
const PATIENCE = 4;

const FAULTS: Readonly<Record<MailFault, readonly [code: number, status: string, text: string]>> = {
  size: [552, "5.3.4", "The mail is too large"],
  line: [554, "5.6.0", "A line of the mail has more than 998 bytes"],
  bare: [554, "5.6.0", "The mail has a CR or LF that stands alone"],
  room: [452, "4.3.1", "Too many mails are under way, try again"],
};

/** What is known of a client, and its task. */
export class SmtpSession {
  readonly server: Server;
  readonly conn: Conn;
  /** What the client calls itself; `null` until it has said so. */
  clientName: string | null = null;
  transaction: Transaction | null = null;
  /** It gets no more answers. */
  isLeaving = false;
  mistakes = 0;
  #reader = new SmtpReader();
  #answers = "";
  /** It is waited for, and is owed nothing. */
  #isIdle = false;
  #isDraining = false;

  constructor(server: Server, conn: Conn) {
    this.server = server;
    this.conn = conn;
  }

  /** Answers until the client leaves. */
  *serve(): Steps<void> {
    const { name } = this.server;
    try {
      this.sayPlain(220, `${name} ESMTP takes all mail and sends none`);
      while (!this.isLeaving) yield* this.#turn();
      yield* this.#send();
    } catch (error) {
      // It takes no answers, is gone, or the server has closed.
      if (error instanceof TimeoutError) this.conn.terminate();
      else if (!(error instanceof ConnectionLostError || error instanceof ConnectionClosedError)) throw error;
    }
  }

  /** The server closes: a client that is owed nothing is let go at once, others as soon as that is so. */
  drain(): void {
    this.#isDraining = true;
    if (!this.#isIdle) return;
    this.#leave(421, "4.3.2", "The server closes");
    this.conn.tryWrite(this.#answers);
    this.conn.close();
  }

  // --- answers ---------------------------------------------------------------------------------------------------------------

  /** An answer with a status of RFC 2034; one from 500 on counts as a mistake. */
  say(code: number, status: string, text: string): void {
    this.#answers += `${code} ${status} ${text}\r\n`;
    if (code >= 500) this.mistakes++;
  }

  /** One without: the greeting, what answers HELO and EHLO, and what asks for more. All but the last line promise another one. */
  sayPlain(code: number, ...lines: readonly string[]): void {
    for (const [i, line] of lines.entries()) this.#answers += `${code}${i < lines.length - 1 ? "-" : " "}${line}\r\n`;
  }

  /** Nothing came in time, too much went wrong, or there is nothing to stay for. */
  #leave(code: number, status: string, text: string): void {
    this.say(code, status, text);
    this.isLeaving = true;
  }

  *#send(): Steps<void> {
    const answers = this.#answers;
    this.#answers = "";
    if (answers !== "") yield* timeout(this.server.limits.answerMs, this.conn.write(answers));
  }

  // --- commands --------------------------------------------------------------------------------------------------------------

  /** Carries out one command, or waits for it. */
  *#turn(): Steps<void> {
    const { commandMs, mistakesMax } = this.server.limits;
    try {
      let line: string | null | undefined = this.#reader.line();
      if (line === null) {
        yield* this.#send();
        if (!this.#isDraining) line = yield* this.#await(commandMs);
      }
      if (this.#isDraining) this.#leave(421, "4.3.2", "The server closes");
      else if (line === undefined) this.#leave(421, "4.4.2", `No command came within ${commandMs} ms`);
      else if (line === null) this.isLeaving = true;
      else yield* execute(this, line);
    } catch (error) {
      if (!(error instanceof LineFault)) throw error;
      if (error.isFatal) this.#leave(521, "5.5.2", `No command: ${error.message}`);
      else this.say(500, "5.5.2", `No command: ${error.message}`);
    }
    if (this.mistakes > mistakesMax && !this.isLeaving) this.#leave(421, "4.7.0", "Too many mistakes");
    if (this.#answers.length >= ANSWER_BYTES) yield* this.#send();
  }

  /** The next command, which is not there yet: `null` when the client has left, `undefined` when it took too long. @throws LineFault */
  *#await(commandMs: number): Steps<string | null | undefined> {
    this.#isIdle = true;
    try {
      return yield* moveOnAfter(commandMs, this.#readLine());
    } finally {
      this.#isIdle = false;
    }
  }

  *#readLine(): Steps<string | null> {
    for (let chunk: Uint8Array | null; (chunk = yield* this.conn.read()) !== null;) {
      this.#reader.push(chunk);
      const line = this.#reader.line();
      if (line !== null) return line;
    }
    return null;
  }

  // --- mail ------------------------------------------------------------------------------------------------------------------

  /** Takes the mail of the transaction, which ends with it. */
  *receive({ from, to }: Transaction): Steps<void> {
    const { limits, allowance, mailbox, onMail } = this.server;
    this.sayPlain(354, "Go ahead, and end with a dot on a line of its own");
    yield* this.#send();
    using body = new MailBody(limits.sizeMax, allowance);
    const outcome = yield* moveOnAfter(limits.mailMs, this.#read(body));
    this.transaction = null;
    if (outcome === "gone") this.isLeaving = true;
    else if (outcome === "flood") this.#leave(552, "5.3.4", "The mail is far too large");
    else if (outcome !== "whole") this.#leave(421, "4.4.2", "The mail did not come in time");
    else if (body.fault !== null) this.say(...FAULTS[body.fault]);
    else {
      const { clientName, conn } = this;
      const mail = mailbox.add({ from, to, client: clientName ?? "", isSecure: conn.secure, bytes: body.copy() });
      this.say(250, "2.0.0", `Taken as mail ${mail.id}`);
      onMail(mail);
    }
  }

  *#read(body: MailBody): Steps<"whole" | "gone" | "late" | "flood"> {
    const { pieceMs, sizeMax } = this.server.limits;
    let bytes = 0;
    while (!this.#reader.data(body)) {
      const chunk = yield* moveOnAfter(pieceMs, this.conn.read());
      if (chunk === undefined) return "late";
      if (chunk === null) return "gone";
      bytes += chunk.length;
      if (bytes > sizeMax * PATIENCE) return "flood";
      this.#reader.push(chunk);
    }
    return "whole";
  }

  // --- TLS -------------------------------------------------------------------------------------------------------------------

  /** Goes on over TLS, as if the client had just come. */
  *secure(tls: TlsServerOptions): Steps<void> {
    if (this.#reader.size > 0) {
      // Whoever sits in between can have put it there. A client that waits for its answer, as it must, never comes here.
      this.#leave(503, "5.5.1", "Nothing may stand behind STARTTLS");
      return;
    }
    this.say(220, "2.0.0", "Go ahead");
    yield* this.#send();
    try {
      yield* acceptTls(this.conn, tls);
    } catch (error) {
      if (!(error instanceof TlsError)) throw error;
      this.server.onFault(error.message);
      this.isLeaving = true;
      return;
    }
    this.clientName = null;
    this.transaction = null;
    this.#reader = new SmtpReader();
  }
}
