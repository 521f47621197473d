// Which of several addresses is connected to: "happy eyeballs" (RFC 8305). The addresses of the two families take turns, the system's favourite
// first. The first is tried; when it has not answered within a quarter of a second, or has failed, the next one is tried beside it, and so on. Whoever
// stands first has won, and the others are given up. So one family that leads nowhere costs 250 ms, and not the system's two minutes.

import { CONNECT_ADDRESSES_MAX, CONNECT_DELAY_MS } from "../config.ts";
import type { Scheduler } from "../core/scheduler.ts";
import { Timer, type TimerOwner } from "../core/timers.ts";
import { describeAddress } from "./address.ts";
import type { ConnectAttempt, ConnectError } from "./errors.ts";
import type { RawSocket, ResolvedAddress, SocketAddress, SocketHandler, Transport } from "./transport.ts";

/** Whoever waits for the race. */
export interface AddressRaceOwner {
  /** An address has answered: gives the handler of its socket, as in Transport.connect. */
  raceWon(socket: RawSocket): SocketHandler | null;
  /** None has. `failures` has one for each address, in the order in which they were tried. */
  raceLost(failures: readonly ConnectError[]): void;
}

/** One race. Its owner is told within callbacks of the transport and of timers, and never after `abandon`. */
export class AddressRace implements TimerOwner {
  readonly #scheduler: Scheduler;
  readonly #transport: Transport;
  readonly #addresses: readonly SocketAddress[];
  readonly #owner: AddressRaceOwner;
  readonly #timer: Timer = new Timer(this);
  readonly #attempts: Attempt[] = [];
  #winner: Attempt | null = null;

  constructor(
    scheduler: Scheduler,
    transport: Transport,
    addresses: readonly SocketAddress[],
    owner: AddressRaceOwner,
  ) {
    this.#scheduler = scheduler;
    this.#transport = transport;
    this.#addresses = addresses;
    this.#owner = owner;
  }

  /** Tries the first address. */
  begin(): void {
    this.#tryNext();
  }

  /** Gives all attempts up. No effect twice. */
  abandon(): void {
    this.#scheduler.timers.cancel(this.#timer);
    for (const attempt of this.#attempts) if (attempt.error === null) attempt.abandon();
  }

  /** Each address that was tried so far: why it failed, `EINPROGRESS` when it has not answered yet, `ECANCELED` when another one was faster. */
  get attempts(): readonly ConnectAttempt[] {
    return this.#attempts.map(({ address, error, reason }) => ({
      address: describeAddress(address),
      reason: error?.reason ?? reason,
    }));
  }

  /** What the winner's owner made of it failed after all. */
  winnerFailed(reason: string): void {
    if (this.#winner !== null) this.#winner.reason = reason;
  }

  /** The one before has not answered for so long that the next one gets its chance. */
  expired(): void {
    this.#tryNext();
  }

  #tryNext(): void {
    const { timers } = this.#scheduler;
    timers.cancel(this.#timer);
    const address = this.#addresses[this.#attempts.length];
    if (address === undefined) return;
    const attempt: Attempt = { address, error: null, reason: "EINPROGRESS", abandon: () => {} };
    this.#attempts.push(attempt);
    attempt.abandon = this.#transport.connect(
      address,
      (socket) => this.#opened(attempt, socket),
      (error) => this.#failed(attempt, error as ConnectError),
    );
    if (this.#attempts.length < this.#addresses.length)
      timers.arm(this.#timer, this.#scheduler.now() + CONNECT_DELAY_MS);
  }

  #opened(winner: Attempt, socket: RawSocket): SocketHandler | null {
    this.#scheduler.enter();
    this.#scheduler.timers.cancel(this.#timer);
    this.#winner = winner;
    for (const attempt of this.#attempts) {
      if (attempt === winner || attempt.error !== null) continue;
      attempt.reason = "ECANCELED";
      attempt.abandon();
    }
    const handler = this.#owner.raceWon(socket);
    this.#scheduler.leaveLater();
    return handler;
  }

  #failed(attempt: Attempt, error: ConnectError): void {
    this.#scheduler.enter();
    attempt.error = error;
    if (this.#attempts.length < this.#addresses.length) this.#tryNext();
    else {
      const failures = this.#attempts.map((each) => each.error);
      if (failures.every((each) => each !== null)) this.#owner.raceLost(failures);
    }
    // Not later: a timer was armed, and the host must hear of it.
    this.#scheduler.leave();
  }
}

interface Attempt {
  readonly address: SocketAddress;
  error: ConnectError | null;
  /** What stands for the error where there is none. */
  reason: string;
  abandon: () => void;
}

/** The order in which the addresses of a name are tried: the families take turns, that of the first one first. No address twice. */
export function interleave(found: readonly ResolvedAddress[]): string[] {
  const first = found[0]?.family;
  const [own, other] = [new Set<string>(), new Set<string>()];
  for (const { address, family } of found) (family === first ? own : other).add(address);
  const [mine, others] = [[...own], [...other]];
  const order: string[] = [];
  for (let i = 0; i < Math.max(mine.length, others.length); i++) {
    for (const address of [mine[i], others[i]]) if (address !== undefined) order.push(address);
  }
  return order.slice(0, CONNECT_ADDRESSES_MAX);
}
