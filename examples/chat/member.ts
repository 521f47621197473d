// A member: one task that listens to what it types, one that writes to it what others say, and one that waits for the room's verdict that it is too
// slow. The connection is what ties them together: whoever closes it ends the others.
//
// Only the writing task waits in `conn.write`. Answers to the member itself go by `conn.tryWrite`, which waits for nobody: who does not take even those
// is too slow as well.

import {
  type Conn,
  ConnectionClosedError,
  ConnectionLostError,
  isCancelled,
  LineTooLongError,
  moveOnAfter,
  type Scope,
  scope,
  SlowReceiverError,
  type Steps,
  type Subscription,
  UnexpectedEndError,
} from "millrace";
import { Pace } from "./pace.ts";
import type { Line, Room } from "./room.ts";

/** Bounds of a member. */
export interface MemberLimits {
  /** Ms without a line after which a member has to leave. */
  readonly idleMs: number;
  /** Ms in which a newcomer says who it is. */
  readonly nameMs: number;
  /** Bytes of a line. */
  readonly lineBytesMax: number;
  /** Lines that it may say at once, and then each second; one that is faster is read more slowly. */
  readonly burst: number;
  readonly linesPerSecond: number;
}

export const MEMBER_LIMITS: MemberLimits = {
  idleMs: 10 * 60_000,
  nameMs: 30_000,
  lineBytesMax: 512,
  burst: 10,
  linesPerSecond: 4,
};

const NAME = /^[\p{L}\p{N}_-]{1,20}$/u;
const TRIES_MAX = 5;
/** What would move the cursor or change the colours of other people's terminals. */
const CONTROLS = /[\u0000-\u001F\u007F-\u009F]/g;
const HELP = "* /names, /nick NAME, /quit";

/** Asks who it is, lets it take part until it leaves, and says that it has left. */
export function* attend(room: Room, conn: Conn, limits: MemberLimits): Steps<void> {
  const name = yield* askInTime(room, conn, limits);
  if (name === null) return;
  const member = new Member(room, conn, limits, name);
  try {
    yield* member.takePart();
  } catch (error) {
    member.reason = reasonOf(error);
    if (isCancelled(error) || member.reason === FAILED) throw error;
  } finally {
    room.release(member.name);
    room.say(`* ${member.name} ${member.reason}`);
  }
}

const FAILED = "has failed";

/** Why somebody is no longer here. */
function reasonOf(error: unknown): string {
  if (error instanceof SlowReceiverError) return "was too slow";
  if (error instanceof LineTooLongError) return "said too much at once";
  if (error instanceof ConnectionLostError || error instanceof UnexpectedEndError) return "is gone";
  if (error instanceof ConnectionClosedError || isCancelled(error)) return "has left";
  return FAILED;
}

/** A name that nobody else has, taken; `null` for a newcomer who stays without one. */
function* askInTime(room: Room, conn: Conn, limits: MemberLimits): Steps<string | null> {
  room.newcomers.add(conn);
  try {
    const name = yield* moveOnAfter(limits.nameMs, askName(room, conn, limits));
    if (name === undefined) conn.tryWrite("* you did not say who you are\n");
    return name ?? null;
  } catch (error) {
    if (reasonOf(error) === FAILED || isCancelled(error)) throw error;
    return null;
  } finally {
    room.newcomers.delete(conn);
  }
}

/** A name that nobody else has, taken; `null` when the newcomer gives up, or does not find one. */
function* askName(room: Room, conn: Conn, { lineBytesMax }: MemberLimits): Steps<string | null> {
  yield* conn.write("* who are you?\n");
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const line = yield* conn.readLine({ max: lineBytesMax });
    if (line === null) return null;
    const name = line.trim();
    if (!NAME.test(name)) yield* conn.write("* a name has 1 to 20 letters, digits, _ and -\n");
    else if (room.take(name)) return name;
    else yield* conn.write(`* there is a ${name} already\n`);
  }
  return null;
}

class Member {
  name: string;
  /** How it ends, as others are told. */
  reason = "has left";
  readonly #room: Room;
  readonly #conn: Conn;
  readonly #limits: MemberLimits;

  constructor(room: Room, conn: Conn, limits: MemberLimits, name: string) {
    this.#room = room;
    this.#conn = conn;
    this.#limits = limits;
    this.name = name;
  }

  /** @throws SlowReceiverError when it was too slow, and what its connection throws */
  *takePart(): Steps<void> {
    const others = this.#room.names.filter((name) => name !== this.name);
    this.#answer(
      `* welcome, ${this.name}; here ${others.length === 0 ? "is nobody else" : `are ${others.join(", ")}`}`,
    );
    using heard = this.#room.listen();
    this.#room.say(`* ${this.name} has come`, this);
    yield* scope((tasks) => this.#live(tasks, heard));
  }

  *#live(tasks: Scope, heard: Subscription<Line>): Steps<void> {
    tasks.spawn(() => this.#tell(heard), "tells a member");
    tasks.spawn(() => this.#judge(heard), "judges a member");
    yield* this.#hear();
    tasks.cancel("it has left");
  }

  /** Writes to the member what others say; behind the last line the connection is closed. */
  *#tell(heard: Subscription<Line>): Steps<void> {
    for (let line: Line | null; (line = yield* heard.receive()) !== null;)
      if (line.from !== this) yield* this.#conn.write(line.bytes);
    this.#conn.close();
  }

  /** Cuts the connection of a member for whom too much waits, though its writer waits, too. */
  *#judge(heard: Subscription<Line>): Steps<void> {
    yield* heard.whenOver();
    if (!this.#room.isOpen) return;
    this.#conn.terminate();
    yield* heard.receive(); // throws what has happened
  }

  /** Listens to what the member types, until it leaves. */
  *#hear(): Steps<void> {
    const { lineBytesMax, idleMs, burst, linesPerSecond } = this.#limits;
    const pace = new Pace(burst, linesPerSecond);
    for (;;) {
      const line = yield* moveOnAfter(idleMs, this.#conn.readLine({ max: lineBytesMax }));
      if (line === null) return;
      if (line === undefined) {
        this.#answer("* you were silent for too long");
        this.reason = "was silent for too long";
        return;
      }
      yield* pace.take();
      const text = line.replaceAll(CONTROLS, "").trim();
      if (text === "/quit") return;
      if (text.startsWith("/")) this.#command(text);
      else if (text !== "") this.#room.say(`${this.name}: ${text}`, this);
    }
  }

  #command(text: string): void {
    const [command, name = ""] = text.split(/\s+/);
    if (command === "/names") this.#answer(`* here are ${this.#room.names.join(", ")}`);
    else if (command === "/nick") this.#rename(name);
    else this.#answer(HELP);
  }

  #rename(name: string): void {
    if (!NAME.test(name)) this.#answer("* a name has 1 to 20 letters, digits, _ and -");
    else if (!this.#room.take(name, this.name)) this.#answer(`* there is a ${name} already`);
    else {
      this.#room.say(`* ${this.name} is now ${name}`);
      this.name = name;
    }
  }

  #answer(text: string): void {
    if (!this.#conn.tryWrite(`${text}\n`)) this.#conn.terminate();
  }
}
