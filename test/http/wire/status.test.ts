import { describe, expect, test } from "bun:test";

import { isStatus, reasonPhrase, statusForbidsBody } from "../../../src/http/wire/status.ts";

describe("reasonPhrase", () => {
  test("names the usual ones and is empty for the others", () => {
    expect([200, 404, 431].map(reasonPhrase)).toEqual(["OK", "Not Found", "Request Header Fields Too Large"]);
    expect([299, 0, 600].map(reasonPhrase)).toEqual(["", "", ""]);
  });
});

describe("isStatus", () => {
  test("is true for whole numbers from 100 to 599", () => {
    expect([100, 200, 599].map(isStatus)).toEqual([true, true, true]);
    expect([99, 600, 200.5, NaN, Infinity, -200].some(isStatus)).toBe(false);
  });
});

describe("statusForbidsBody", () => {
  test("is true for 1xx, 204 and 304 alone", () => {
    const statuses = Array.from({ length: 500 }, (_, index) => index + 100).filter(statusForbidsBody);
    expect(statuses).toEqual([...Array.from({ length: 100 }, (_, index) => index + 100), 204, 304]);
  });
});
