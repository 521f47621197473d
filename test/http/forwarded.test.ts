// Which fields of proxies are believed. Addresses: 10.0.0.x are our proxies, 203.0.113.x clients, 198.51.100.x what somebody made up.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compileTrust, type Forwarded, forwardedOf, type TrustProxy } from "../../src/http/forwarded.ts";

interface Given {
  readonly from?: string;
  readonly for?: string;
  readonly proto?: string;
  readonly host?: string;
}

function seen(given: Given, trust: TrustProxy | undefined): Forwarded {
  const fields: Record<string, string | undefined> = {
    "x-forwarded-for": given.for,
    "x-forwarded-proto": given.proto,
    "x-forwarded-host": given.host,
  };
  const source = {
    remoteAddress: given.from ?? "10.0.0.1",
    protocol: "http",
    host: "inner:8080",
    headers: { get: (name: string) => fields[name] ?? null },
  } as const;
  return forwardedOf(source, compileTrust(trust));
}

const addressOf = (given: Given, trust: TrustProxy): string => seen(given, trust).remoteAddress;
const OURS = ["10.0.0.0/8"];
const PLAIN: Forwarded = { remoteAddress: "10.0.0.1", protocol: "http", host: "inner:8080" };

describe("compileTrust", () => {
  test("compileTrust trusts nobody by default, and for false, 0 and an empty list", () => {
    for (const option of [undefined, false, 0, []]) expect(compileTrust(option)).toBeNull();
  });

  test.each([
    [-1, RangeError, "Cannot trust -1 proxies"],
    [1.5, RangeError, "Cannot trust 1.5 proxies"],
    [Number.NaN, RangeError, "Cannot trust NaN proxies"],
    [["10.0.0.0/8", "proxy.local"], TypeError, 'Cannot trust the proxy "proxy.local": expected an IP address'],
    [["10.0.0.0/33"], TypeError, "10.0.0.0/33"],
    [["10.0.0.0/"], TypeError, "10.0.0.0/"],
    [[""], TypeError, 'Cannot trust the proxy ""'],
  ])("compileTrust refuses %j", (option, kind, message) => {
    expect(() => compileTrust(option)).toThrow(kind);
    expect(() => compileTrust(option)).toThrow(message);
  });
});

describe("forwardedOf", () => {
  const everything = { for: "203.0.113.7", proto: "https", host: "example.org" };

  test("forwardedOf believes nothing when no proxy is trusted", () => {
    expect(seen(everything, undefined)).toEqual(PLAIN);
    expect(seen(everything, false)).toEqual(PLAIN);
  });

  test("forwardedOf believes nothing that a peer says who is not trusted", () => {
    expect(seen({ ...everything, from: "198.51.100.1" }, OURS)).toEqual({ ...PLAIN, remoteAddress: "198.51.100.1" });
  });

  test("forwardedOf believes a proxy that is trusted as such, by number, by address, by range and by name", () => {
    for (const trust of [true, 1, ["10.0.0.1"], OURS, ["loopback", "uniquelocal"]])
      expect(seen(everything, trust)).toEqual({ remoteAddress: "203.0.113.7", protocol: "https", host: "example.org" });
  });

  test("forwardedOf gives what the connection says where a trusted proxy says nothing", () => {
    expect(seen({}, true)).toEqual(PLAIN);
    expect(seen({ for: "", proto: " ", host: "," }, true)).toEqual(PLAIN);
    expect(seen({ proto: "HTTPS" }, true)).toEqual({ ...PLAIN, protocol: "https" });
  });
});

describe("forwardedOf and X-Forwarded-For", () => {
  test("forwardedOf takes the last address that is no trusted proxy, whatever stands left of it", () => {
    const field = "198.51.100.9, 203.0.113.7, 10.0.0.3, 10.0.0.2";
    expect(addressOf({ for: field }, OURS)).toBe("203.0.113.7");
    expect(addressOf({ for: field }, 3)).toBe("203.0.113.7");
    expect(addressOf({ for: field }, 2)).toBe("10.0.0.3");
    expect(addressOf({ for: field }, 1)).toBe("10.0.0.2");
    expect(addressOf({ for: field }, true)).toBe("198.51.100.9");
    expect(addressOf({ for: field }, 100)).toBe("198.51.100.9");
  });

  test("forwardedOf stops at a stranger in the middle, even when trusted addresses stand left of it", () => {
    expect(addressOf({ for: "10.0.0.9, 10.0.0.8, 203.0.113.7, 10.0.0.2" }, OURS)).toBe("203.0.113.7");
  });

  test("forwardedOf gives the first of the chain when all of it is trusted", () => {
    expect(addressOf({ for: "10.0.0.3, 10.0.0.2" }, OURS)).toBe("10.0.0.3");
  });

  test.each([
    ["203.0.113.7, unknown", "10.0.0.1"],
    ["198.51.100.9, unknown, 203.0.113.7", "203.0.113.7"],
    ["198.51.100.9, _hidden, 10.0.0.2", "10.0.0.2"],
    ["198.51.100.9, 1.2.3.4.5, 203.0.113.7", "203.0.113.7"],
    ["1.2.3", "10.0.0.1"],
    ["256.1.1.1", "10.0.0.1"],
    ["2130706433", "10.0.0.1"],
    ["0x7f.0.0.1", "10.0.0.1"],
    ["010.0.0.1", "10.0.0.1"],
    ["203.0.113.7:99999999", "10.0.0.1"],
    ["203.0.113.7.", "10.0.0.1"],
    ["203.0.113.7:", "10.0.0.1"],
    ["<script>", "10.0.0.1"],
    ["1:2:3", "10.0.0.1"],
    ["fe80::1%eth0", "10.0.0.1"],
    ["[::1", "10.0.0.1"],
    ["localhost", "10.0.0.1"],
  ])("forwardedOf lets %j end the chain at what is no address", (field, address) => {
    expect(addressOf({ for: field }, true)).toBe(address);
  });

  test.each([
    ["203.0.113.7:4711", "203.0.113.7"],
    ["[2001:db8::7]:4711", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["2001:DB8::7", "2001:DB8::7"],
    ["::ffff:203.0.113.7", "::ffff:203.0.113.7"],
    [" ,, 203.0.113.7 ,, ", "203.0.113.7"],
    ["\t203.0.113.7\t", "203.0.113.7"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
  ])("forwardedOf reads the address in %j", (field, address) => {
    expect(addressOf({ for: field }, true)).toBe(address);
  });

  test("forwardedOf counts empty members as no hop", () => {
    expect(addressOf({ for: "203.0.113.7,, ,10.0.0.2" }, 2)).toBe("203.0.113.7");
  });

  test("forwardedOf trusts an IPv4 proxy that shows as IPv6, and not every IPv6 address for it", () => {
    expect(addressOf({ from: "::ffff:10.0.0.1", for: "203.0.113.7" }, OURS)).toBe("203.0.113.7");
    expect(addressOf({ from: "::1", for: "203.0.113.7" }, ["loopback"])).toBe("203.0.113.7");
    expect(addressOf({ from: "::10.0.0.1", for: "203.0.113.7" }, OURS)).toBe("::10.0.0.1");
    expect(addressOf({ from: "10.0.0.1", for: "203.0.113.7" }, ["fc00::/7"])).toBe("10.0.0.1");
  });

  test("forwardedOf trusts the peer of a unix socket by number, as it has no address", () => {
    expect(addressOf({ from: "", for: "203.0.113.7" }, 1)).toBe("203.0.113.7");
    expect(addressOf({ from: "", for: "203.0.113.7" }, OURS)).toBe("");
  });

  test("forwardedOf never gives the client's word for it: what an untrusted peer has sent stays behind what the proxies add", () => {
    const made = fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constant("10.0.0.7")), { maxLength: 6 });
    fc.assert(
      fc.property(made, (members) => {
        const field = [...members, "203.0.113.7", "10.0.0.2"].join(", ");
        for (const trust of [OURS, 2]) expect(addressOf({ for: field }, trust)).toBe("203.0.113.7");
      }),
    );
  });
});

describe("forwardedOf and the other fields", () => {
  test("forwardedOf takes the member that the outermost trusted proxy wrote, and not what the client put before it", () => {
    const given = { for: "203.0.113.7, 10.0.0.2", proto: "https, http, http", host: "evil.example, outer, inner" };
    expect(seen(given, OURS)).toEqual({ remoteAddress: "203.0.113.7", protocol: "http", host: "outer" });
    expect(seen({ ...given, for: "203.0.113.7" }, OURS)).toMatchObject({ protocol: "http", host: "inner" });
    expect(seen({ proto: "https, http", host: "evil.example, outer" }, 1)).toEqual({ ...PLAIN, host: "outer" });
  });

  test("forwardedOf takes the one member of a proxy that replaces the field", () => {
    expect(seen({ for: "203.0.113.7, 10.0.0.2", proto: "https", host: "a.example:8443" }, OURS)).toEqual({
      remoteAddress: "203.0.113.7",
      protocol: "https",
      host: "a.example:8443",
    });
  });

  test.each(["a b", "a/b", "user@a", "a:99999", "a:b", "[::1", "ä.example"])(
    "forwardedOf passes over the host %j",
    (host) => {
      expect(seen({ host }, true).host).toBe("inner:8080");
    },
  );

  test.each(["ws", "ftp", "https:", "javascript"])("forwardedOf passes over the protocol %j", (proto) => {
    expect(seen({ proto }, true).protocol).toBe("http");
  });
});
