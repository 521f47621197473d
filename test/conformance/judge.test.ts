// The judge of the conformance cases is no better than what it finds: for each thing that it looks at, an answer that is wrong in it.

import { describe, expect, test } from "bun:test";
import type { ConformanceCase, Expectation } from "./case.ts";
import { complaintsAbout, type Transcript, wantsFin } from "./judge.ts";

// Not thenable: the expectation of later answers is called so in the rows.
/* oxlint-disable unicorn/no-thenable */

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

function row(expectation: Partial<Expectation>, raw: string = GET): ConformanceCase {
  const expect = { status: [200], responses: 1, close: false, ...expectation };
  return { id: "x", group: "x", raw, expect, why: "x", ref: "x", level: "MUST" };
}

function got(text: string, closed = false, afterFin: Transcript["afterFin"] = null): Transcript {
  return { received: Buffer.from(text, "latin1"), closed, afterFin };
}

function answer(status: number, body = "", headers: readonly string[] = []): string {
  return [`HTTP/1.1 ${status} X`, `Content-Length: ${body.length}`, ...headers, "", body].join("\r\n");
}

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: v\r\n\r\n";

describe("complaintsAbout", () => {
  test.each<[string, Partial<Expectation>, Transcript]>([
    ["one answer on an open connection", {}, got(answer(200))],
    ["one of several statuses", { status: [400, 501], close: true }, got(answer(501), true)],
    ["no answer, where none is due", { status: null, responses: 0, close: null }, got("")],
    ["one of several counts", { responses: [1, 2] }, got(answer(200) + answer(200))],
    ["a chunked body with trailers", { body: "abcde" }, got(CHUNKED)],
    ["a body that ends with the connection", { body: "abc", close: true }, got("HTTP/1.0 200 OK\r\n\r\nabc", true)],
    [
      "a body that is not looked at, in an error",
      { status: [200, 413], body: "a", close: null },
      got(answer(413), true),
    ],
    ["an interim answer", { interim: [100] }, got(`HTTP/1.1 100 Continue\r\n\r\n${answer(200)}`)],
    ["a switch of protocols", { status: [101] }, got("HTTP/1.1 101 Switching Protocols\r\n\r\n")],
    ["the first of two names of a header", { headers: { "content-length|etag": "~^0$" } }, got(answer(200))],
    ["a refusal after the client's FIN", waiting(), got("", false, { received: refused(), closed: true })],
    ["silence and a close after the client's FIN", waiting(), got("", false, { received: nothing(), closed: true })],
    ["an early refusal", waiting(), got(answer(400), true)],
  ])("complaintsAbout has none about %s", (_, expectation, transcript) => {
    expect(complaintsAbout(row(expectation), transcript)).toEqual([]);
  });

  test.each<[string, Partial<Expectation>, Transcript, string]>([
    ["status", {}, got(answer(404)), "status 404, expected 200"],
    ["forbidden status", { status: [101, 200], not_status: [101] }, got(answer(101)), "status 101 is forbidden"],
    ["later status", { responses: 2, then: [[200]] }, got(answer(200) + answer(500)), "then 500, expected 200"],
    ["missing answer", {}, got(""), "0 final responses (), expected 1"],
    ["answer too many", {}, got(answer(200) + answer(200)), "2 final responses (200,200), expected 1"],
    ["close", {}, got(answer(200), true), "closed the connection"],
    ["connection left open", { close: true }, got(answer(200)), "left the connection open"],
    ["400 left open", { status: [400], close: null }, got(answer(400)), "answered 400 and left the connection open"],
    ["body", { body: "a" }, got(answer(200, "b")), 'body "b", expected "a"'],
    [
      "interim answer",
      { no_interim: true },
      got(`HTTP/1.1 100 X\r\n\r\n${answer(200)}`),
      "sent 100, which is not allowed",
    ],
    ["missing interim answer", { interim: [100] }, got(answer(200)), "sent nothing first, expected 100"],
    ["header", { headers: { a: "b" } }, got(answer(200, "", ["A: c"])), "header a is c, expected b"],
    ["missing header", { headers: { a: "~." } }, got(answer(200)), "header a is missing, expected ~."],
    ["forbidden header", { no_headers: ["a"] }, got(answer(200, "", ["a: 1"])), "has a header a"],
    ["junk behind an answer", {}, got(`${answer(200)}x`), 'sent what is no response: "x"'],
    ["bytes in the body of a 204", { status: [204] }, got("HTTP/1.1 204 X\r\n\r\nx"), 'sent what is no response: "x"'],
    ["leak into a body", { never: "/evil" }, got(answer(200, "see /evil")), "let /evil through"],
    ["leak into a target", { never: "/evil" }, got(answer(200, "", ["x-target: %2Fevil"])), "let /evil through"],
    ["method", { method_seen: "get" }, got(answer(200, "", ["x-method: GET"])), "x-method is GET, expected get"],
    ["host", { host_seen: "a" }, got(answer(200, "", ["x-host: b%3A1"])), "x-host is b:1, expected a"],
    ["target", { target_seen: "/" }, got(answer(200, "", ["x-target: %2Fa"])), "x-target is /a, expected /"],
    [
      "field of the request",
      { req_headers: { __proto__: "x", a: "1" } },
      got(answer(200, "", [`x-req: ${encodeURIComponent('{"a":"2"}')}`])),
      'the request\'s a is "2", expected "1"',
    ],
    [
      "success after the client's FIN",
      waiting(),
      got("", false, { received: Buffer.from(answer(200)), closed: true }),
      "answered 200 to an incomplete request",
    ],
    [
      "connection left open after the client's FIN",
      waiting(),
      got("", false, { received: nothing(), closed: false }),
      "still open after the client's FIN",
    ],
  ])("complaintsAbout finds a wrong %s", (_, expectation, transcript, complaint) => {
    expect(complaintsAbout(row(expectation), transcript)).toContain(complaint);
  });

  test("complaintsAbout takes the first answer to HEAD without a body, and the second with one", () => {
    const received = `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n${answer(200, "abc")}`;
    const head = row({ responses: 2, then: [[200]] }, `\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n${GET}`);
    expect(complaintsAbout(head, got(received))).toEqual([]);
    expect(complaintsAbout(row({ responses: 2 }), got(received))).not.toEqual([]);
  });
});

describe("wantsFin", () => {
  test("wantsFin is for a case that never ends, as long as nothing has come of it", () => {
    expect(wantsFin(row(waiting()), nothing(), false)).toBe(true);
    expect(wantsFin(row(waiting()), nothing(), true)).toBe(false);
    expect(wantsFin(row(waiting()), refused(), false)).toBe(false);
    expect(wantsFin(row({}), nothing(), false)).toBe(false);
  });
});

function waiting(): Partial<Expectation> {
  return { status: [400, 408], responses: 0, close: null, on_eof: "400-or-close" };
}

function nothing(): Buffer {
  return Buffer.alloc(0);
}

function refused(): Buffer {
  return Buffer.from(answer(400));
}
