// The commands of SMTP, and the way from a line to the one that it asks for. A command answers by `session.say`; one that has to wait gives steps.

import type { Steps } from "millrace";
import { type Path, pathOf } from "./path.ts";
import type { SmtpSession, Transaction } from "./session.ts";

/** A command: `argument` is what stands behind its name and one space. */
type Command = (session: SmtpSession, argument: string) => Steps<void> | void;

const COMMANDS: Readonly<Record<string, Command>> = {
  HELO: (session, argument) => greet(session, argument, false),
  EHLO: (session, argument) => greet(session, argument, true),
  STARTTLS: startTls,
  MAIL: mail,
  RCPT: recipient,
  DATA: data,
  RSET: alone((session) => {
    session.transaction = null;
    session.say(250, "2.0.0", "Forgotten");
  }),
  NOOP: (session) => session.say(250, "2.0.0", "Nothing done"),
  VRFY: verify,
  HELP: (session) => session.say(214, "2.0.0", `Commands: ${Object.keys(COMMANDS).join(" ")}`),
  QUIT: alone((session) => {
    session.say(221, "2.0.0", "Goodbye");
    session.isLeaving = true;
  }),
};

/** What may be said before TLS where that is required: RFC 3207 section 4. */
const BEFORE_TLS: ReadonlySet<string> = new Set(["EHLO", "STARTTLS", "NOOP", "QUIT"]);
/** A browser that was talked into sending a form here: its body could hold commands. */
const NO_SMTP = /^(?:GET|POST|PUT|HEAD|OPTIONS) \S|^HOST:/i;
const NOT_ASCII = /[^\0-\x7F]/;

/** Carries out what `line` asks for; what is left to be done are the steps. */
export function* execute(session: SmtpSession, line: string): Steps<void> {
  const [, word = "", argument = ""] = /^([A-Za-z]+)(?: +(.*?))? *$/.exec(line) ?? [];
  const name = word.toUpperCase();
  const { server, conn } = session;
  if (NO_SMTP.test(line)) {
    session.say(421, "4.7.0", "This is no HTTP server");
    session.isLeaving = true;
  } else if (!Object.hasOwn(COMMANDS, name)) session.say(500, "5.5.1", "Unknown command, HELP names the others");
  else if (server.isTlsRequired && !conn.secure && !BEFORE_TLS.has(name))
    session.say(530, "5.7.0", "Say STARTTLS first");
  else {
    const steps = (COMMANDS[name] as Command)(session, argument);
    if (steps !== undefined) yield* steps;
  }
}

/** A command that takes no argument. */
function alone(command: (session: SmtpSession) => Steps<void> | void): Command {
  return (session, argument) => {
    if (argument === "") return command(session);
    session.say(501, "5.5.4", "This command takes no argument");
  };
}

function greet(session: SmtpSession, argument: string, isExtended: boolean): void {
  const { server, conn } = session;
  if (!/^[\x21-\x7E]{1,255}$/.test(argument)) {
    session.say(501, "5.5.4", "Say who you are behind it: a name of a host, or an address in brackets");
    return;
  }
  session.clientName = argument;
  session.transaction = null;
  const lines = [`${server.name} greets ${argument}`];
  if (isExtended) {
    lines.push("PIPELINING", `SIZE ${server.limits.sizeMax}`, "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES");
    if (server.tls !== null && !conn.secure) lines.push("STARTTLS");
    lines.push("HELP");
  }
  session.sayPlain(250, ...lines);
}

function startTls(session: SmtpSession, argument: string): Steps<void> | void {
  const { tls } = session.server;
  if (argument !== "") session.say(501, "5.5.4", "This command takes no argument");
  else if (tls === null) session.say(502, "5.5.1", "There is no TLS here");
  else if (session.conn.secure) session.say(503, "5.5.1", "This is TLS already");
  else return session.secure(tls);
}

// --- the envelope ------------------------------------------------------------------------------------------------------------

function mail(session: SmtpSession, argument: string): void {
  const path = /^FROM:/i.test(argument) ? pathOf(argument.slice("FROM:".length)) : null;
  if (session.clientName === null) session.say(503, "5.5.1", "Say EHLO first");
  else if (session.transaction !== null) session.say(503, "5.5.1", "A mail is under way, RSET forgets it");
  else if (path === null) session.say(501, "5.1.7", "Expected MAIL FROM:<address>, and parameters behind it");
  else {
    const transaction = transactionOf(session, path);
    if (transaction === null) return;
    session.transaction = transaction;
    session.say(250, "2.1.0", "Sender taken");
  }
}

/** `null` after an error was answered. */
function transactionOf(session: SmtpSession, { address, parameters }: Path): Transaction | null {
  let isUtf8 = false;
  for (const [name, value] of parameters) {
    if (name === "SMTPUTF8" && value === null) isUtf8 = true;
    else if (name === "BODY" && /^(?:7BIT|8BITMIME)$/i.test(value ?? "")) continue;
    else if (name !== "SIZE" || !/^\d{1,20}$/.test(value ?? "")) {
      if (/^(?:SMTPUTF8|BODY|SIZE)$/.test(name)) session.say(501, "5.5.4", "A parameter has no such value");
      else session.say(555, "5.5.4", "Unknown parameter");
      return null;
    } else if (Number(value) > session.server.limits.sizeMax) {
      session.say(552, "5.3.4", "The mail is too large");
      return null;
    }
  }
  if (!isUtf8 && NOT_ASCII.test(address)) {
    session.say(553, "5.6.7", "The address takes SMTPUTF8");
    return null;
  }
  return { from: address, to: [], isUtf8 };
}

function recipient(session: SmtpSession, argument: string): void {
  const { transaction, server } = session;
  const path = /^TO:/i.test(argument) ? pathOf(argument.slice("TO:".length)) : null;
  if (transaction === null) session.say(503, "5.5.1", "Say MAIL first");
  else if (path === null || path.address === "")
    session.say(501, "5.1.3", "Expected RCPT TO:<address>, and parameters behind it");
  else if (path.parameters.size > 0) session.say(555, "5.5.4", "Unknown parameter");
  else if (!transaction.isUtf8 && NOT_ASCII.test(path.address)) session.say(553, "5.6.7", "The address takes SMTPUTF8");
  else if (transaction.to.length >= server.limits.recipientsMax)
    session.say(452, "4.5.3", `A mail has at most ${server.limits.recipientsMax} recipients`);
  else {
    transaction.to.push(path.address);
    session.say(250, "2.1.5", "Recipient taken");
  }
}

function data(session: SmtpSession, argument: string): Steps<void> | void {
  const { transaction } = session;
  if (argument !== "") session.say(501, "5.5.4", "This command takes no argument");
  else if (transaction === null) session.say(503, "5.5.1", "Say MAIL first");
  else if (transaction.to.length === 0) session.say(554, "5.5.1", "No recipient was taken");
  else return session.receive(transaction);
}

function verify(session: SmtpSession, argument: string): void {
  if (argument === "") session.say(501, "5.5.4", "Say whom behind it");
  else session.say(252, "2.0.0", "Nobody is known here, and everybody gets mail");
}
