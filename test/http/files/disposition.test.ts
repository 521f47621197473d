// Names for downloads.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { attachment } from "../../../src/http/files/disposition.ts";

describe("attachment", () => {
  test.each([
    ["report.pdf", 'attachment; filename="report.pdf"'],
    ["a b.txt", 'attachment; filename="a b.txt"'],
    ["folder/report.pdf", 'attachment; filename="report.pdf"'],
    ["C:\\folder\\report.pdf", 'attachment; filename="report.pdf"'],
    ["", "attachment"],
    ["folder/", "attachment"],
    ["né.txt", "attachment; filename=\"n_.txt\"; filename*=UTF-8''n%C3%A9.txt"],
    ["€ rates", "attachment; filename=\"_ rates\"; filename*=UTF-8''%E2%82%AC%20rates"],
    ['a"b', "attachment; filename=\"a_b\"; filename*=UTF-8''a%22b"],
    ["100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"],
    ["it's (1)*€", "attachment; filename=\"it's (1)*_\"; filename*=UTF-8''it%27s%20%281%29%2A%E2%82%AC"],
    ["a\r\nSet-Cookie: b", 'attachment; filename="aSet-Cookie: b"'],
  ])("names %j", (name, expected) => {
    expect(attachment(name)).toBe(expected);
  });

  test("gives one field value that says the name, whatever the name", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (name) => {
        const value = attachment(name);
        expect(value).toMatch(/^[\x20-\x7e]*$/);
        const match = /^attachment(?:; filename="([^"\\]+)"(?:; filename\*=UTF-8''([\w!#$&+\-.^`|~%]+))?)?$/.exec(
          value,
        );
        expect(match).not.toBe(null);
        const said = match?.[2] === undefined ? (match?.[1] ?? "") : decodeURIComponent(match[2]);
        const last = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
        expect(said).toBe(last.toWellFormed().replace(/[\x00-\x1f\x7f]/g, ""));
      }),
    );
  });
});
