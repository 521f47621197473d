// What the load generators hold answers against: that a right one is right however it is cut, and that every wrong one is noticed.

import { describe, expect, test } from "bun:test";

import { ChunkedChecker, ChunkedPattern } from "../../bench/load/shared/chunked-pattern.ts";
import { learnPattern } from "../../bench/load/shared/expectation.ts";
import { Pattern } from "../../bench/load/shared/pattern.ts";

describe("Pattern", () => {
  const answer = (date: string, body = "abc"): string =>
    `HTTP/1.1 200 OK\r\nDate: ${date}\r\nContent-Length: 3\r\n\r\n${body}`;
  const early = "Sun, 06 Nov 1994 08:49:37 GMT";
  const later = "Sun, 06 Nov 1994 08:49:38 GMT";
  const learned = (): Pattern => Pattern.learn(Buffer.from(answer(early).repeat(2)), 2) as Pattern;
  const wrongIn = (...answers: string[]): number => learned().wrongIn(Buffer.from(answers.join("")));

  test("accepts the answers it has learnt, with any date", () => {
    expect(wrongIn(answer(early), answer(early))).toBe(0);
    expect(wrongIn(answer(early), answer(later))).toBe(0);
  });

  test("counts each answer that differs in a byte, a malformed date included", () => {
    expect(wrongIn(answer(early), answer(later, "abd"))).toBe(1);
    expect(wrongIn(answer(early).replace("200 OK", "500 No"), answer(early, "xyz"))).toBe(2);
    expect(wrongIn(answer(early), answer("x".repeat(early.length)))).toBe(1);
  });

  test("waits for a whole answer and refuses one that is no success", () => {
    const whole = answer(early);
    for (let end = 0; end < whole.length; end++) expect(Pattern.learn(Buffer.from(whole.slice(0, end)), 1)).toBeNull();
    expect(() => Pattern.learn(Buffer.from(whole.replace("200 OK", "404 No")), 1)).toThrow("Cannot use the answer");
  });
});

describe("ChunkedPattern", () => {
  const early = "Sun, 06 Nov 1994 08:49:37 GMT";
  const later = "Sun, 06 Nov 1994 08:49:38 GMT";
  const answer = (chunks: readonly string[], date = early): string =>
    `HTTP/1.1 200 OK\r\nDate: ${date}\r\nTransfer-Encoding: chunked\r\n\r\n` +
    `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("")}0\r\n\r\n`;
  const whole = answer(["grain under ", "the stone"]);
  const learned = ChunkedPattern.learn(Buffer.from(whole)) as ChunkedPattern;

  /** Whether `parts`, as they come, are one right answer; `null` when it has no end. */
  function check(...parts: string[]): boolean | null {
    const checker = new ChunkedChecker();
    checker.begin(learned);
    return parts.reduce<boolean | null>((verdict, part) => verdict ?? checker.take(Buffer.from(part)), null);
  }

  test("is the head and the content without its coding", () => {
    expect(learned.content.toString()).toBe("grain under the stone");
    expect(learned.head).toContain("Transfer-Encoding: chunked");
  });

  test("waits for a whole answer and refuses one that is no success", () => {
    for (let end = 0; end < whole.length; end++) expect(learnPattern(Buffer.from(whole.slice(0, end)), 1)).toBeNull();
    expect(() => learnPattern(Buffer.from(whole.replace("200 OK", "404 No")), 1)).toThrow("Cannot use the answer");
    expect(() => learnPattern(Buffer.from(whole), 2)).toThrow("asked for one by one");
  });

  test("accepts the content in other chunks, at another date, cut anywhere", () => {
    for (let at = 0; at <= whole.length; at++) expect(check(whole.slice(0, at), whole.slice(at))).toBe(true);
    expect(check(answer(["g", "rain under the", " stone"], later))).toBe(true);
    expect(check(...answer(["grain under the stone"], later))).toBe(true);
  });

  test("notices content that differs, is missing, or is too much, and another head", () => {
    expect(check(answer(["grain under the stome"]))).toBe(false);
    expect(check(answer(["grain under the ston"]))).toBe(false);
    expect(check(answer(["grain under the stone", "s"]))).toBe(false);
    expect(check(whole.replace("200 OK", "201 OK"))).toBe(false);
    expect(check(whole.replace(early, "x".repeat(early.length)))).toBe(false);
    expect(check(`${whole}x`)).toBe(false);
    expect(check(whole.slice(0, -1))).toBeNull();
    expect(() => check(whole.replace("\r\n9\r\n", "\r\n8\r\n"))).toThrow();
  });
});
