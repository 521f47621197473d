// Which requests are for this server (RFC 9110 section 7.4). One for another host, or for an `https` resource over a connection without TLS,
// was sent here by mistake or by somebody who hopes that two servers read it in two ways: it gets 421.

import type { Conn } from "../net/conn.ts";
import type { Exchange } from "./exchange.ts";
import { Rejection } from "./wire/rejection.ts";
import { sliceLatin1 } from "./wire/text.ts";

/** The door of one server. */
export class Admission {
  /** Names in lower case; `null` for any. */
  readonly #hosts: ReadonlySet<string> | null;
  /** TLS may have ended at a proxy that is trusted. */
  readonly #behindProxy: boolean;

  /** @throws RangeError for a host with a port, a scheme or a path. */
  constructor(hosts: readonly string[] | undefined, behindProxy: boolean) {
    this.#hosts = hosts === undefined ? null : new Set(hosts.map(nameOf));
    this.#behindProxy = behindProxy;
  }

  /** @throws Rejection (421) when the request is not for this server. */
  check(exchange: Exchange, conn: Conn): void {
    const { framing } = exchange;
    if (framing.secure && !conn.secure && !this.#behindProxy) throw misdirected("its target wants TLS");
    if (this.#hosts === null) return;
    const { bytes, start } = exchange;
    const authority = sliceLatin1(bytes, start + framing.hostStart, start + framing.hostEnd);
    if (!isAmong(this.#hosts, hostOf(authority))) throw misdirected("it is for another host");
  }
}

function misdirected(reason: string): Rejection {
  return new Rejection(421, "ERR_HTTP_MISDIRECTED", reason);
}

function nameOf(host: string): string {
  const name = host.toLowerCase();
  if (hostOf(name) === name && /^(?:\*\.)?[^/*@\s]+$/.test(name)) return name;
  throw new RangeError(
    `Cannot serve the host ${JSON.stringify(host)}: not a name or an address without a port, such as "example.org" or "*.example.org"`,
  );
}

/** The host of an authority: no port, no dot at its end, lower case. */
function hostOf(authority: string): string {
  const port = /:\d*$/.exec(authority);
  const isLiteral = authority.startsWith("[") && authority.endsWith("]");
  const host = port === null || isLiteral ? authority : authority.slice(0, port.index);
  return (host.endsWith(".") ? host.slice(0, -1) : host).toLowerCase();
}

/** `*.example.org` stands for every name below it, at any depth, and not for itself. */
function isAmong(hosts: ReadonlySet<string>, host: string): boolean {
  if (hosts.has(host)) return true;
  for (let dot = host.indexOf("."); dot !== -1; dot = host.indexOf(".", dot + 1))
    if (hosts.has(`*${host.slice(dot)}`)) return true;
  return false;
}
