// Who a request really came from, when it came through proxies that are trusted: X-Forwarded-For, -Proto and -Host, by proxy-addr. Nothing of
// this is believed by default, because every client can send these fields.
//
// A proxy adds what it saw at the end of a field. So fields are read from the end: as many members count as trusted proxies stand between
// the client and us, and what is further left anybody may have made up. An address that is none ends the chain; a protocol or host that
// cannot be one is passed over. RFC 7239's `Forwarded` is not read, as the library does not.

import { isAuthority } from "./wire/authority.ts";
import { latin1Bytes } from "./wire/text.ts";

type ProxyAddr = typeof import("proxy-addr").default;

let library: ProxyAddr | null = null;

/** Three modules that a server without proxies does not need: loaded with the first that is named. */
function proxyAddr(): ProxyAddr {
  // oxlint-disable-next-line typescript/no-require-imports -- an import() would make every caller wait
  library ??= require("proxy-addr") as ProxyAddr;
  return library;
}

/** Which proxies are trusted; see {@link compileTrust}. */
export type TrustProxy = boolean | number | readonly string[];

/** Whether the proxy at `address`, `hop` proxies away from us, is trusted. */
export type Trust = (address: string, hop: number) => boolean;

/** What the connection and the head of a request say by themselves. */
export interface ForwardedSource {
  /** IP address of the peer. */
  readonly remoteAddress: string;
  readonly protocol: "http" | "https";
  readonly host: string;
  readonly headers: { get(name: string): string | null };
}

/** What is known about a request with the help of its proxies. */
export interface Forwarded {
  /** IP address of the client: of the nearest peer that is no trusted proxy. */
  readonly remoteAddress: string;
  /** What the client spoke. */
  readonly protocol: "http" | "https";
  /** Host and port that the client asked for. */
  readonly host: string;
}

/**
 * Prepares an option for {@link forwardedOf}; `null` when nobody is trusted. `true` trusts every peer, so the server must not be reachable past
 * its proxy; a number trusts that many proxies, counted from us; a list names addresses, CIDR ranges, `loopback`, `linklocal` and `uniquelocal`.
 * @throws TypeError for what is no address or range, RangeError for a number that counts nothing.
 */
export function compileTrust(option: TrustProxy | undefined): Trust | null {
  if (option === undefined || option === false || option === 0) return null;
  if (option === true) return () => true;
  if (typeof option === "number") {
    if (Number.isSafeInteger(option) && option > 0) return (_address, hop) => hop < option;
    throw new RangeError(`Cannot trust ${option} proxies: expected a whole number from 0 on`);
  }
  for (const proxy of option) checkProxy(proxy);
  return option.length === 0 ? null : proxyAddr().compile([...option]);
}

function checkProxy(proxy: string): void {
  try {
    proxyAddr().compile([proxy]);
  } catch (error) {
    throw new TypeError(
      `Cannot trust the proxy ${JSON.stringify(proxy)}: expected an IP address, a range such as "10.0.0.0/8", or one of loopback, linklocal, uniquelocal`,
      { cause: error },
    );
  }
}

/** What `trust` lets us believe about a request. Without proxies in between, or with one that is not trusted, it is what `source` says. */
export function forwardedOf(source: ForwardedSource, trust: Trust | null): Forwarded {
  const { remoteAddress, protocol, host, headers } = source;
  if (trust === null || !trust(remoteAddress, 0)) return { remoteAddress, protocol, host };
  const hops = chain(headers.get("x-forwarded-for"));
  const addresses = proxyAddr().all(
    { headers: { "x-forwarded-for": hops.join(", ") }, socket: { remoteAddress } },
    trust,
  );
  // The last one is the client, the others are proxies that wrote what follows.
  const proxies = Math.max(1, addresses.length - 1);
  return {
    remoteAddress: addresses.at(-1) ?? remoteAddress,
    protocol: protocolOf(believed(headers.get("x-forwarded-proto"), proxies)) ?? protocol,
    host: hostOf(believed(headers.get("x-forwarded-host"), proxies)) ?? host,
  };
}

function membersOf(field: string | null): string[] {
  return (field ?? "")
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

/** The addresses at the end of X-Forwarded-For, in the order of the field: those behind the last member that is no address. */
function chain(field: string | null): string[] {
  const addresses = membersOf(field).map(addressOf);
  return addresses.slice(addresses.lastIndexOf("") + 1);
}

/** The member that the outermost of `proxies` wrote. One that replaced the field, as most do, left a single member. */
function believed(field: string | null, proxies: number): string {
  const members = membersOf(field);
  return members[Math.max(0, members.length - proxies)] ?? "";
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$|:)|(?=$|:))){4}(?::\d{1,5})?$/;
const IPV6 = /^(?:\[([\da-f:.]+)\](?::\d{1,5})?|([\da-f:.]+))$/i;

/** The IP address in `member`, which may have a port or brackets; empty when there is none. */
function addressOf(member: string): string {
  if (IPV4.test(member)) return member.replace(/:\d+$/, "");
  const match = IPV6.exec(member);
  const address = match?.[1] ?? match?.[2] ?? "";
  return address.includes(":") && URL.canParse(`http://[${address}]/`) ? address : "";
}

function protocolOf(member: string): "http" | "https" | null {
  const protocol = member.toLowerCase();
  return protocol === "http" || protocol === "https" ? protocol : null;
}

function hostOf(member: string): string | null {
  const bytes = latin1Bytes(member);
  return isAuthority(bytes, 0, bytes.length) ? member : null;
}
