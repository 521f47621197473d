// Types of packages whose published ones do not serve: they lack what is used here, or they pull in all of Node's, which the pure check must
// not see. Each declaration holds only what the sources use.

declare module "negotiator" {
  /** Reads the Accept fields of a request. */
  export default class Negotiator {
    constructor(request: { headers: Record<string, string | undefined> });
    /** The codings of `available` that the client accepts, best first; among equals in the order of `preferred`. */
    encodings(available: readonly string[], options?: { preferred?: readonly string[] }): string[];
  }
}

declare module "proxy-addr" {
  /** What is read of a request. */
  interface ProxiedRequest {
    headers: { "x-forwarded-for": string };
    socket: { remoteAddress: string };
  }
  /** Whether the proxy with `address`, `hop` proxies away, is believed. */
  type TrustFunction = (address: string, hop: number) => boolean;
  const proxyAddr: {
    /** The addresses that a request came through, the nearest first, up to the first that is not trusted, with that one. */
    all(request: ProxiedRequest, trust: TrustFunction): string[];
    /** Addresses, CIDR ranges and the names `loopback`, `linklocal`, `uniquelocal`. @throws TypeError */
    compile(trusted: string[]): TrustFunction;
  };
  export default proxyAddr;
}
