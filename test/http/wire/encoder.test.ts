import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import {
  CHUNK_OVERHEAD_BYTES_MAX,
  CLOSE,
  encodeChunkEnd,
  encodeChunkHead,
  encodeContinue,
  encodeError,
  encodeHead,
  encodeLastChunk,
  encodeText,
  headBytesBound,
  KEEP_ALIVE,
  LENGTH_CHUNKED,
  LENGTH_NONE,
  LENGTH_UNTIL_CLOSE,
  PERSIST,
} from "../../../src/http/wire/encoder.ts";
import type { HeaderField } from "../../../src/http/wire/headers.ts";
import { UnsendableError } from "../../../src/http/wire/unsendable.ts";

const NOW = Date.UTC(1994, 10, 6, 8, 49, 37, 500);
const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";
const AT = 5;

interface Response {
  readonly status: number;
  readonly phrase: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly body: Buffer;
}

/** A reader of its own, as simple as it can be: it shares no code with what it checks. */
function read(bytes: Uint8Array): Response {
  const buffer = Buffer.from(bytes);
  const headEnd = buffer.indexOf("\r\n\r\n");
  expect(headEnd).toBeGreaterThan(0);
  const [statusLine = "", ...lines] = buffer.toString("latin1", 0, headEnd).split("\r\n");
  const match = /^HTTP\/1\.1 (\d{3}) ([\x20-\x7e]*)$/.exec(statusLine);
  expect(match).not.toBeNull();
  const fields = lines.map((line) => {
    const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
    if (parts === null) throw new Error(`not a field line: ${JSON.stringify(line)}`);
    return [parts[1]!, parts[2]!] as const;
  });
  return { status: Number(match![1]), phrase: match![2]!, fields, body: buffer.subarray(headEnd + 4) };
}

/** Lets `encode` write at AT, and checks that it stayed inside what it says that it wrote. */
function written(encode: (out: Uint8Array, at: number) => number, room = 4096): Uint8Array {
  const out = new Uint8Array(AT + room).fill(0x7e);
  const end = encode(out, AT);
  expect(end).toBeGreaterThan(AT);
  expect(end).toBeLessThanOrEqual(out.length);
  expect(out.subarray(0, AT)).toEqual(new Uint8Array(AT).fill(0x7e));
  return out.slice(AT, end);
}

interface Given {
  status?: number;
  contentType?: string;
  fields?: readonly HeaderField[];
  length?: number;
  persistence?: number;
  now?: number;
}

function head({
  status = 200,
  contentType = "",
  fields = [],
  length = 0,
  persistence = PERSIST,
  now = NOW,
}: Given): Response {
  return read(written((out, at) => encodeHead(out, at, status, contentType, fields, length, persistence, now)));
}

describe("encodeHead", () => {
  test("writes status line, Date, Content-Type, Content-Length and the empty line", () => {
    const bytes = written((out, at) => encodeHead(out, at, 200, "text/plain", [], 13, PERSIST, NOW));
    expect(Buffer.from(bytes).toString()).toBe(
      `HTTP/1.1 200 OK\r\nDate: ${DATE}\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\n`,
    );
  });

  test("writes the fields in their order, before the framing field", () => {
    const fields: readonly HeaderField[] = [
      ["x-b", "1"],
      ["Set-Cookie", "a=1"],
      ["Set-Cookie", "b=\xe9"],
      ["x-long", "v".repeat(100)],
      ["x-empty", ""],
    ];
    expect(head({ contentType: "a/b", fields, length: 7, persistence: CLOSE }).fields).toEqual([
      ["Date", DATE],
      ["Content-Type", "a/b"],
      ...fields,
      ["Content-Length", "7"],
      ["Connection", "close"],
    ]);
  });

  test.each([
    [LENGTH_CHUNKED, PERSIST, [["Transfer-Encoding", "chunked"]]],
    [LENGTH_UNTIL_CLOSE, CLOSE, [["Connection", "close"]]],
    [LENGTH_NONE, PERSIST, []],
    [
      0,
      KEEP_ALIVE,
      [
        ["Content-Length", "0"],
        ["Connection", "keep-alive"],
      ],
    ],
    [Number.MAX_SAFE_INTEGER, PERSIST, [["Content-Length", "9007199254740991"]]],
  ] as const)("frames a body of length %p", (length, persistence, expected) => {
    const framed: readonly (readonly [string, string])[] = expected;
    expect(head({ length, persistence }).fields).toEqual([["Date", DATE], ...framed]);
    expect(head({ length, persistence, fields: [["x", "y"]] }).fields).toEqual([["Date", DATE], ["x", "y"], ...framed]);
  });

  test.each([100, 103, 204, 304])("writes no framing field for %p, whatever the length", (status) => {
    for (const length of [0, 5, LENGTH_CHUNKED, LENGTH_NONE]) {
      expect(head({ status, length }).fields).toEqual([["Date", DATE]]);
      expect(head({ status, length, fields: [["x", "y"]] }).fields).toEqual([
        ["Date", DATE],
        ["x", "y"],
      ]);
    }
  });

  test("lets Date and Content-Type of the handler replace ours", () => {
    const fields: readonly HeaderField[] = [
      ["DATE", "never"],
      ["content-type", "x/y"],
    ];
    expect(head({ contentType: "text/plain", fields }).fields).toEqual([...fields, ["Content-Length", "0"]]);
  });

  test("names Upgrade in Connection", () => {
    const fields: readonly HeaderField[] = [["Upgrade", "websocket"]];
    const connection = (persistence: number): string | undefined =>
      head({ status: 426, fields, persistence }).fields.at(-1)?.[1];
    expect(connection(PERSIST)).toBe("upgrade");
    expect(connection(CLOSE)).toBe("close, upgrade");
    expect(connection(KEEP_ALIVE)).toBe("keep-alive, upgrade");
  });

  test("follows the date that it is given, backwards as well", () => {
    const dateAt = (now: number): string => head({ contentType: "text/plain", now }).fields[0]![1];
    for (const now of [NOW, NOW + 499, NOW + 500, NOW - 501, NOW, 0, NOW + 86_400_000]) {
      expect(dateAt(now)).toBe(new Date(now).toUTCString());
    }
  });

  test("writes an empty phrase for a status without a name", () => {
    expect(head({ status: 299 })).toMatchObject({ status: 299, phrase: "" });
  });

  test.each([0, 99, 600, 804, 1000, 200.5, NaN, -1])("throws for the status %p", (status) => {
    head({ status: 204, fields: [["date", ""]] });
    expect(() => head({ status })).toThrow(expect.objectContaining({ code: "ERR_HTTP_STATUS" }));
  });

  test.each(["content-length", "Transfer-Encoding", "CONNECTION", "Keep-Alive", "proxy-connection"])(
    "throws for the header %p, which is the connection's",
    (name) => {
      expect(() => head({ fields: [[name, "1"]] })).toThrow(
        expect.objectContaining({ code: "ERR_HTTP_HEADER_RESERVED" }),
      );
    },
  );

  test.each(["", "a b", "a:", "a\r\nb", "\xe9", "\u0161", "a\0"])("throws for the header name %j", (name) => {
    expect(() => head({ fields: [[name, "1"]] })).toThrow(expect.objectContaining({ code: "ERR_HTTP_HEADER_NAME" }));
  });

  test.each(["a\r\nb: c", "a\nb", "a\0", "\x1b", "\x7f", "\u010d\u010a", `${"v".repeat(100)}\n`])(
    "throws for the header value %j",
    (value) => {
      const expected = expect.objectContaining({ code: "ERR_HTTP_HEADER_VALUE" });
      expect(() => head({ fields: [["x", value]] })).toThrow(expected);
      expect(() => head({ contentType: value })).toThrow(expected);
    },
  );

  test("leaves the value out of its error", () => {
    expect(() => head({ fields: [["x", "secret\n"]] })).toThrow(
      new UnsendableError("ERR_HTTP_HEADER_VALUE", "Cannot send the header x: its value holds U+000A"),
    );
  });

  test("answers -1 and stays inside when there is no room, and fits into its bound", () => {
    const fields: readonly HeaderField[] = [
      ["x-a", "1"],
      ["upgrade", "v".repeat(50)],
    ];
    for (const given of [[], fields]) {
      const bound = headBytesBound("text/plain", given);
      let fitted = 0;
      for (let room = 0; room <= bound; room++) {
        const memory = new Uint8Array(room + 8).fill(0x7e);
        const end = encodeHead(
          memory.subarray(0, room),
          0,
          431,
          "text/plain",
          given,
          Number.MAX_SAFE_INTEGER,
          KEEP_ALIVE,
          NOW,
        );
        if (end !== -1) fitted++;
        expect(end).toBeLessThanOrEqual(room);
        expect(memory.subarray(room)).toEqual(new Uint8Array(8).fill(0x7e));
        if (room === bound) expect(end).toBeGreaterThan(0);
      }
      expect(fitted).toBeGreaterThan(0);
    }
  });

  test("writes heads of more status and content type pairs than it keeps", () => {
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 600; index++) {
        const response = head({ status: 200 + (index % 7), contentType: `a/${index}`, length: LENGTH_NONE });
        expect(response.fields).toEqual([
          ["Date", DATE],
          ["Content-Type", `a/${index}`],
        ]);
      }
    }
  });

  test("writes what a reader takes back, for any fields that it lets through", () => {
    const name = fc
      .string({ unit: fc.constantFrom(..."abcXYZ09-_!~"), minLength: 1, maxLength: 20 })
      .map((text) => `x${text}`);
    const value = fc.string({ unit: fc.constantFrom(...'abc XYZ;=,\t"\xe9\xff'), maxLength: 60 });
    const fields = fc.array(fc.tuple(name, value), { maxLength: 20 });
    fc.assert(
      fc.property(fields, fc.integer({ min: 200, max: 599 }), fc.maxSafeNat(), (given, status, length) => {
        const { status: got, fields: found } = head({ status, fields: given, length });
        expect(got).toBe(status);
        const framing = status === 204 || status === 304 ? [] : [["Content-Length", String(length)] as const];
        expect(found).toEqual([["Date", DATE], ...given, ...framing]);
      }),
    );
  });

  test("never lets through what would be another line, for any name and value", () => {
    const any = fc.string({
      unit: fc.integer({ min: 0, max: 0x17f }).map((unit) => String.fromCharCode(unit)),
      maxLength: 40,
    });
    fc.assert(
      fc.property(any, any, (name, value) => {
        try {
          const { fields } = head({ fields: [[name, value]] });
          expect(fields.length).toBeLessThanOrEqual(4);
        } catch (error) {
          expect(error).toBeInstanceOf(UnsendableError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe("encodeText", () => {
  const text = (body: string, given: Given = {}, room = 65_536): Response => {
    const { status = 200, contentType = "text/plain", fields = [], persistence = PERSIST, now = NOW } = given;
    return read(written((out, at) => encodeText(out, at, status, contentType, fields, body, persistence, now), room));
  };
  const lengthOf = (response: Response): string | undefined =>
    response.fields.find(([name]) => name === "Content-Length")?.[1];

  test("writes head and body in one go", () => {
    const response = text("Hello, World!", { fields: [["x", "y"]] });
    expect(response.body.toString()).toBe("Hello, World!");
    expect(response.fields).toEqual([
      ["Date", DATE],
      ["Content-Type", "text/plain"],
      ["x", "y"],
      ["Content-Length", "13"],
    ]);
  });

  test("writes an answer that is sent again as it did the first time, and anew with each second, text, status and persistence", () => {
    const given: Given[] = [
      {},
      { now: NOW + 1000 },
      { status: 404 },
      { persistence: CLOSE },
      { contentType: "a/b" },
      {},
    ];
    for (const body of ["again", "again", "other", "agaim", "\u20ac", "again"]) {
      for (const each of given) {
        const first = text(body, each);
        for (let times = 0; times < 4; times++) expect(text(body, each)).toEqual(first);
        expect(first.body.toString()).toBe(body);
        expect(first.fields[0]).toEqual(["Date", new Date(each.now ?? NOW).toUTCString()]);
      }
    }
  });

  test("writes no kept answer where there is no room for it, and says so", () => {
    // A Buffer, whose slices are views.
    const out = Buffer.alloc(4_096);
    const put = (at: number): number => encodeText(out, at, 200, "text/room", [], "sent again", PERSIST, NOW);
    const end = put(0);
    for (let times = 0; times < 3; times++) expect(put(0)).toBe(end);
    for (let room = 0; room < end; room++) expect(put(out.length - room)).toBe(-1);
    out.fill(0);
    expect(put(0)).toBe(end);
    expect(out.toString("latin1", 0, end)).toEndWith("sent again");
  });

  test.each([
    "",
    "\xe9",
    "\u20ac".repeat(4),
    "\xe9".repeat(9),
    "a".repeat(98) + "\u{1f600}",
    "\u20ac".repeat(400),
    "\ud800x",
  ])("counts the bytes of %j, not its characters", (body) => {
    for (const fields of [[], [["x", "y"]]] as const) {
      const response = text(body, { fields });
      expect(response.body).toEqual(Buffer.from(body));
      expect(lengthOf(response)).toBe(String(Buffer.byteLength(body)));
    }
  });

  test("writes no body for a status that has none", () => {
    const response = text("x", { status: 204 });
    expect(response.body).toHaveLength(0);
    expect(response.fields).toEqual([
      ["Date", DATE],
      ["Content-Type", "text/plain"],
    ]);
  });

  test("answers -1 when there may be no room, and fits into its bound", () => {
    for (const body of ["abc", "\u20ac\u20ac"]) {
      const bound = headBytesBound("text/plain", []) + body.length * 3;
      for (let room = 0; room <= bound; room++) {
        const memory = new Uint8Array(room + 8).fill(0x7e);
        const end = encodeText(memory.subarray(0, room), 0, 200, "text/plain", [], body, KEEP_ALIVE, NOW);
        if (end !== -1) expect(read(memory.subarray(0, end)).body.toString()).toBe(body);
        expect(memory.subarray(room)).toEqual(new Uint8Array(8).fill(0x7e));
        if (room === bound) expect(end).toBeGreaterThan(0);
      }
    }
  });

  test("writes what a reader takes back, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (body) => {
        const response = text(body);
        expect(response.body).toEqual(Buffer.from(body));
        expect(lengthOf(response)).toBe(String(response.body.length));
      }),
      { numRuns: 500 },
    );
  });
});

describe("encodeError", () => {
  test("writes status and phrase as a text body, or the same head without it", () => {
    const whole = read(written((out, at) => encodeError(out, at, 400, CLOSE, true, NOW)));
    expect(whole).toMatchObject({ status: 400, phrase: "Bad Request" });
    expect(whole.body.toString()).toBe("400 Bad Request\n");
    expect(whole.fields).toContainEqual(["Connection", "close"]);
    const bare = read(written((out, at) => encodeError(out, at, 400, CLOSE, false, NOW)));
    expect(bare).toEqual({ ...whole, body: Buffer.alloc(0) });
  });
});

describe("encodeContinue", () => {
  test("writes the interim response, or -1 without room", () => {
    expect(Buffer.from(written(encodeContinue)).toString()).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    expect(encodeContinue(new Uint8Array(24), 0)).toBe(-1);
  });
});

describe("encodeChunkHead", () => {
  test.each([1, 9, 10, 15, 16, 255, 256, 65_535, 65_536, 0x0fff_ffff, 0x1000_0000, 0x7fff_ffff])(
    "writes %p in hexadecimal",
    (size) => {
      const line = `${size.toString(16)}\r\n`;
      expect(Buffer.from(written((out, at) => encodeChunkHead(out, at, size))).toString()).toBe(line);
      expect(encodeChunkHead(new Uint8Array(line.length), 0, size)).toBe(line.length);
      expect(encodeChunkHead(new Uint8Array(line.length - 1), 0, size)).toBe(-1);
      expect(line.length + 2).toBeLessThanOrEqual(CHUNK_OVERHEAD_BYTES_MAX);
    },
  );

  test("refuses a size of 0, which would end the body", () => {
    expect(() => encodeChunkHead(new Uint8Array(10), 0, 0)).toThrow("invariant");
  });
});

describe("encodeChunkEnd and encodeLastChunk", () => {
  test("write the CRLF and the end of the body, or -1 without room", () => {
    expect(Buffer.from(written(encodeChunkEnd)).toString()).toBe("\r\n");
    expect(Buffer.from(written(encodeLastChunk)).toString()).toBe("0\r\n\r\n");
    expect(encodeChunkEnd(new Uint8Array(1), 0)).toBe(-1);
    expect(encodeLastChunk(new Uint8Array(4), 0)).toBe(-1);
  });
});
