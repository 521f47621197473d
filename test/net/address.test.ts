// Addresses as people read them.

import { expect, test } from "bun:test";
import { describeAddress } from "../../src/net/address.ts";

test("describeAddress writes addresses as people do", () => {
  expect(describeAddress({ hostname: "127.0.0.1", port: 7_000 })).toBe("127.0.0.1:7000");
  expect(describeAddress({ hostname: "::1", port: 80 })).toBe("[::1]:80");
  expect(describeAddress({ hostname: "example.org" })).toBe("example.org:0");
  expect(describeAddress({ unix: "/run/app.sock" })).toBe("unix:/run/app.sock");
  expect(describeAddress({ unix: "\0abstract" })).toBe("unix:@abstract");
});
