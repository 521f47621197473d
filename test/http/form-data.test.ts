// Forms: read back what Bun itself encodes, cut at every place; then what no browser sends, and the limits.

import { describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { moveOnAfter } from "../../src/concurrency/timeout.ts";
import { sleep } from "../../src/core/sleep.ts";
import { type FormLimits, Rejection, text } from "../../src/http/index.ts";
import { bodiesOf, request, responsesOf, serverSocket, SOON_MS, withServer } from "./support.ts";

type Entry = readonly [name: string, value: string | { name: string; type: string; bytes: readonly number[] }];

const MULTIPART = "Content-Type: multipart/form-data; boundary=X";
const URLENCODED = "Content-Type: application/x-www-form-urlencoded";

/** A part as it stands in a body. */
function part(parameters: string, content: string, ...lines: string[]): string {
  return `${[`Content-Disposition: form-data${parameters}`, ...lines].join("\r\n")}\r\n\r\n${content}`;
}

/** A body of parts with the boundary X. */
function body(...parts: string[]): string {
  return `${parts.map((each) => `--X\r\n${each}\r\n`).join("")}--X--\r\n`;
}

/** A POST of `content`, in which a character is a byte. */
function post(content: string, field: string = MULTIPART): Uint8Array {
  return Buffer.from(request("POST /", [field, `Content-Length: ${content.length}`]) + content, "latin1");
}

/** A POST of `content` in chunks that end at `cuts`. */
function postChunked(content: Uint8Array, field: string, cuts: readonly number[]): Uint8Array {
  const pieces: Uint8Array[] = [Buffer.from(request("POST /", [field, "Transfer-Encoding: chunked"]), "latin1")];
  let from = 0;
  for (const end of [...new Set([...cuts.map((cut) => cut % (content.length + 1)), content.length])].sort(
    (a, b) => a - b,
  )) {
    if (end === from) continue;
    pieces.push(Buffer.from(`${(end - from).toString(16)}\r\n`), content.subarray(from, end), Buffer.from("\r\n"));
    from = end;
  }
  return Buffer.concat([...pieces, Buffer.from("0\r\n\r\n")]);
}

/** A form as plain data. */
async function entriesOf(form: FormData): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const [name, value] of form as unknown as Iterable<[string, File | string]>) {
    if (typeof value === "string") entries.push([name, value]);
    else entries.push([name, { name: value.name, type: value.type, bytes: [...(await value.bytes())] }]);
  }
  return entries;
}

/** What a handler reads from the POST `raw`: the form, or why there is none. The connection goes on in any case: its framing was right. */
async function read(raw: Uint8Array, limits?: FormLimits): Promise<Entry[] | Rejection> {
  let form = new FormData();
  let fault: Rejection | null = null;
  await withServer(
    function* (incoming) {
      try {
        if (incoming.method === "POST") form = yield* incoming.formData(limits);
      } catch (error) {
        if (!(error instanceof Rejection)) throw error;
        fault = error;
      }
      return text("fine");
    },
    function* (world) {
      const peer = world.connect(raw, request("GET /"));
      yield* sleep(2_000);
      expect([bodiesOf(peer), world.errors]).toEqual([["fine", "fine"], []]);
    },
  );
  return fault ?? entriesOf(form);
}

const malformed = { status: 400, code: "ERR_HTTP_FORM" };
const tooLarge = { status: 413, code: "ERR_HTTP_FORM_TOO_LARGE" };

describe("request.formData of a multipart body", () => {
  test("request.formData reads fields and files in their order, several of one name too", async () => {
    const parts = [
      part('; name="a"', "1"),
      part('; name="f"; filename="x.bin"', "\0\r\n\xff", "Content-Type: application/x-thing"),
      part('; name="a"', ""),
      part("; name=b", "gr\xc3\xbc\xc3\x9fe"),
    ];
    expect(await read(post(body(...parts)))).toEqual([
      ["a", "1"],
      ["f", { name: "x.bin", type: "application/x-thing", bytes: [0, 13, 10, 255] }],
      ["a", ""],
      ["b", "grüße"],
    ]);
  });

  test("request.formData reads what Bun's FormData writes, however the body is cut into chunks", async () => {
    const name = fc.string({
      unit: fc.constantFrom("a", "ü", "日", '"', "\r\n", ";", " ", "%", "=", "\\a"),
      minLength: 1,
      maxLength: 8,
    });
    const file = fc.record({
      name,
      type: fc.constantFrom("application/x-thing", "image/png"),
      bytes: fc.uint8Array({ maxLength: 300 }),
    });
    const forms = fc.array(fc.tuple(name, fc.oneof(fc.string({ unit: "binary", maxLength: 20 }), file)), {
      minLength: 1,
      maxLength: 5,
    });
    await fc.assert(
      fc.asyncProperty(forms, fc.array(fc.nat(), { maxLength: 20 }), async (entries, cuts) => {
        const form = new FormData();
        const expected: Entry[] = [];
        for (const [key, value] of entries) {
          if (typeof value === "string") {
            const sent = value.toWellFormed();
            form.append(key, sent);
            expected.push([key, sent.replace(/\r\n?|\n/g, "\r\n")]);
          } else {
            form.append(key, new File([value.bytes], value.name, { type: value.type }));
            expected.push([key, { name: value.name, type: value.type, bytes: [...value.bytes] }]);
          }
        }
        const response = new Response(form);
        const type = `Content-Type: ${response.headers.get("content-type")}`;
        const got = await read(postChunked(await response.bytes(), type, cuts));
        // The standard has browsers send line ends in values as CRLF; Bun leaves them as they are.
        const normal = (list: Entry[]): Entry[] =>
          list.map(([key, value]) => [key, typeof value === "string" ? value.replace(/\r\n?|\n/g, "\r\n") : value]);
        expect(normal(got as Entry[])).toEqual(normal(expected));
      }),
      { numRuns: 60 },
    );
  });

  test("request.formData reads a body cut at each of its bytes, and in chunks of one", async () => {
    const content = Buffer.from(
      body(part('; name="a"', "\r\n--"), part('; name="f"; filename=""', "\r\n--Y\r\n-")),
      "latin1",
    );
    const expected: Entry[] = [
      ["a", "\r\n--"],
      ["f", { name: "", type: "text/plain;charset=utf-8", bytes: [...Buffer.from("\r\n--Y\r\n-")] }],
    ];
    const typeless = (entries: Entry[] | Rejection): unknown =>
      JSON.parse(JSON.stringify(entries).replaceAll(";charset=utf-8", ""));
    for (let cut = 0; cut < content.length; cut++)
      expect(typeless(await read(postChunked(content, MULTIPART, [cut]))), `cut at ${cut}`).toEqual(typeless(expected));
    const everywhere = Array.from(content, (_, index) => index);
    expect(typeless(await read(postChunked(content, MULTIPART, everywhere)))).toEqual(typeless(expected));
  });

  test("request.formData reads a file of megabytes, with something like the boundary in it", async () => {
    const bytes = Buffer.alloc(3_000_000, "\r\n--X\r\n--");
    const file = bytes.toString("latin1").replaceAll("--X", "--x");
    const [entry] = (await read(post(body(part('; name="f"; filename="big"', file))))) as Entry[];
    if (typeof entry?.[1] !== "object") throw new Error("the file came as text");
    expect(Buffer.from(entry[1].bytes).equals(Buffer.from(file, "latin1"))).toBe(true);
  });

  test("request.formData passes over what stands behind the last boundary, wherever that is cut", async () => {
    for (const pad of [0, 3_950, 4_000, 4_020, 4_050])
      for (let size = 0; size < 60; size += 7) {
        const content = `${body(part('; name="a"', "x".repeat(pad)))}epilogue ${"y".repeat(size)}`;
        expect(await read(postChunked(Buffer.from(content), MULTIPART, [content.indexOf("epilogue")]))).toHaveLength(1);
      }
  });

  test("request.formData passes over what stands before the first boundary, wherever that is cut", async () => {
    const form = body(part('; name="a"', "1"));
    for (const preamble of ["\r\n", "This is a form.\r\n", "--\r\n--Y\r\n", `${"x".repeat(5_000)}\r\n\r\n`]) {
      const content = Buffer.from(preamble + form);
      for (let cut = Math.max(0, preamble.length - 3); cut < preamble.length + 4; cut++)
        expect(await read(postChunked(content, MULTIPART, [cut])), `cut at ${cut}`).toEqual([["a", "1"]]);
    }
  });

  test("request.formData takes a boundary in quotes and in any case of the parameter, and other parameters beside it", async () => {
    const content = body(part('; name="a"', "1")).replaceAll("--X", "--a b'c");
    for (const type of [
      `multipart/form-data; BOUNDARY="a b'c"`,
      `Multipart/Form-Data; charset=utf-8;boundary="a b'c"; x=y`,
    ])
      expect(await read(post(content, `Content-Type: ${type}`))).toEqual([["a", "1"]]);
  });

  test("request.formData reads names as browsers and as other clients escape them", async () => {
    const content = body(
      part('; name="a%22b%0D%0a%41"; filename="%22"', ""),
      part(String.raw`; name="a\"b\\c"`, ""),
      part("; name=a; filename*=UTF-8''%e2%82%ac", ""),
      part(String.raw`; filename="C:\new\" x.txt"; name=" a "`, ""),
    );
    const names = ((await read(post(content))) as Entry[]).map(([name, value]) =>
      typeof value === "string" ? [name] : [name, value.name],
    );
    expect(names).toEqual([['a"b\r\n%41', '"'], ['a"b\\c'], ["a", "€"], [" a ", 'C:\\new" x.txt']]);
  });

  test("request.formData reads the names that .NET writes: unquoted, and a second time in UTF-8", async () => {
    const content = body(
      part("; name=a; filename=b.txt; filename*=utf-8''b.txt", ""),
      part(`; name=a; filename="=?utf-8?B?4oKsLnR4dA==?="; filename*=utf-8''%E2%82%AC%22.txt`, ""),
      part(`; name=a; filename="b; filename*=utf-8''c"`, ""),
      part("; NAME = a ; FileName = b c ", ""),
      part("; name=a; filename=b; filename*=x-none''c", ""),
    );
    const names = ((await read(post(content))) as Entry[]).map(([, value]) => (value as { name: string }).name);
    expect(names).toEqual(["b.txt", '€".txt', "b; filename*=utf-8''c", "b c", "b"]);
  });

  test("request.formData writes nothing to the console, whatever a name says", async () => {
    const warn = spyOn(console, "warn").mockImplementation(() => {});
    try {
      await read(post(body(part("; name=a; filename*=x-none''b", ""))));
      expect(warn).not.toHaveBeenCalled();
    } finally {
      warn.mockRestore();
    }
  });

  test.each([
    ["an empty body", ""],
    ["no boundary", "hello"],
    ["a boundary in the middle of a line", `x--X\r\n${part('; name="a"', "1")}`],
    ["a long preamble", `${"x".repeat(9_000)}\r\n${body(part('; name="a"', "1"))}`],
    ["a long preamble without an end", "x".repeat(100_000)],
    ["a file whose name is in a charset of its own", body(part("; name=a; filename*=x-none''b", "1"))],
    ["a file whose name is badly encoded", body(part("; name=a; filename*=utf-8''%ff", "1"))],
    ["no last boundary", "--X\r\n"],
    ["an end within a part", body(part('; name="a"', "1")).slice(0, -8)],
    ["an end within the head of a part", "--X\r\nContent-Disp"],
    ["a part without a name", body(part("", "1"))],
    ["a part without a head", body("Content-Type: text/plain\r\n\r\n1")],
    ["a head that is no UTF-8", body(part('; name="\xff"', "1"))],
  ])("request.formData refuses %s with 400", async (_title, content) => {
    expect(await read(post(content))).toMatchObject(malformed);
  });

  test.each([
    "",
    "; boundary=",
    "; boundary=ü",
    `; boundary=${"x".repeat(71)}`,
    '; boundary="a "',
    "; xboundary=a",
    "; boundary=a\\b",
  ])("request.formData refuses the parameters %j with 400", async (parameters) => {
    expect(await read(post(body(), `Content-Type: multipart/form-data${parameters}`))).toMatchObject(malformed);
  });

  test.each([
    [
      { partsMax: 2 },
      [part("; name=a", ""), part("; name=a", ""), part("; name=a", "")],
      [part("; name=a", ""), part("; name=a", "")],
    ],
    [{ fileBytesMax: 3 }, [part("; name=a", "1234")], [part("; name=a", "123"), part("; name=a", "123")]],
    [{ headerBytesMax: 60 }, [part(`; name=${"a".repeat(40)}`, "")], [part("; name=a", "x".repeat(100))]],
  ])("request.formData holds %j: what is over it gets 413", async (limits, over, within) => {
    expect(await read(post(body(...over)), limits)).toMatchObject(tooLarge);
    expect(await read(post(body(...within)), limits)).toHaveLength(within.length);
  });

  test("request.formData holds a head without an end to its limit", async () => {
    expect(await read(post(`--X\r\n${"x".repeat(20_000)}`))).toMatchObject(tooLarge);
  });

  test("request.formData takes a thousand parts and no more by default", async () => {
    const parts = Array.from({ length: 1_001 }, () => part("; name=a", ""));
    expect(await read(post(body(...parts)))).toMatchObject(tooLarge);
    expect(await read(post(body(...parts.slice(1))))).toHaveLength(1_000);
  });
});

describe("request.formData of an urlencoded body", () => {
  test("request.formData reads pairs as URLSearchParams does", async () => {
    expect(await read(post("a=1&b=x+y%21&a=%C3%BC&c&=d&", `${URLENCODED}; charset=utf-8`))).toEqual([
      ["a", "1"],
      ["b", "x y!"],
      ["a", "ü"],
      ["c", ""],
      ["", "d"],
    ]);
    expect(await read(post("", URLENCODED))).toEqual([]);
    // The string of a query may begin with a question mark; here it is a part of the name.
    expect(await read(post("?a=1", URLENCODED))).toEqual([["?a", "1"]]);
  });

  test("request.formData holds the number of fields", async () => {
    expect(await read(post("a&".repeat(1_000), URLENCODED))).toMatchObject(tooLarge);
    expect(await read(post("a&".repeat(999), URLENCODED))).toHaveLength(999);
    expect(await read(post("a&b&c", URLENCODED), { partsMax: 2 })).toMatchObject(tooLarge);
  });
});

describe("request.formData as a whole", () => {
  test.each([
    "Content-Type: application/json",
    "Content-Type: multipart/mixed; boundary=X",
    "Content-Type: text/plain",
    "X-Nothing: 1",
  ])("request.formData refuses a body with %s by 415", async (field) => {
    expect(await read(post("{}", field))).toMatchObject({
      status: 415,
      code: "ERR_HTTP_CONTENT_TYPE",
      message:
        "Cannot accept the request: its Content-Type is neither multipart/form-data nor application/x-www-form-urlencoded",
    });
  });

  test("request.formData answers by itself when the handler catches nothing, and the server's hook is told", () =>
    withServer(
      function* (incoming) {
        const form = yield* incoming.formData({ fileBytesMax: 3 });
        return text(String(form.get("a")));
      },
      function* (world) {
        const statuses: number[] = [];
        for (const raw of [
          post("x"),
          post("x", URLENCODED),
          post("x", "Content-Type: a/b"),
          post(body(part("; name=a", "1234"))),
        ]) {
          const peer = yield* world.ask(raw);
          statuses.push(...responsesOf(peer).statuses);
        }
        expect(statuses).toEqual([400, 200, 415, 413]);
        expect(world.rejections.map(({ code }) => code)).toEqual([
          "ERR_HTTP_FORM",
          "ERR_HTTP_CONTENT_TYPE",
          "ERR_HTTP_FORM_TOO_LARGE",
        ]);
        expect(world.errors).toEqual([]);
      },
    ));

  test("request.formData keeps to the body limit", () =>
    withServer(
      function* (incoming) {
        yield* incoming.formData();
        return text("never");
      },
      function* (world) {
        const content = body(part("; name=a", "x".repeat(2_000)));
        const raws = [
          post(content),
          post(`a=${"x".repeat(2_000)}`, URLENCODED),
          postChunked(Buffer.from(content), MULTIPART, [5]),
        ];
        for (const raw of raws) expect(responsesOf(yield* world.ask(raw)).statuses).toEqual([413]);
        expect(world.rejections.map(({ code }) => code)).toEqual(Array(3).fill("ERR_HTTP_BODY_TOO_LARGE"));
      },
      { bodyBytesMax: 1_000 },
    ));

  test("request.formData tells the handler, and not the client, that the body was read before", () =>
    withServer(
      function* (incoming) {
        yield* incoming.bytes();
        yield* incoming.formData();
        return text("never");
      },
      function* (world) {
        for (const raw of [post(body(part("; name=a", "1"))), post("a=1", URLENCODED)])
          expect(responsesOf(yield* world.ask(raw)).statuses).toEqual([500]);
        expect(world.errors).toMatchObject([{ code: "ERR_HTTP_REQUEST_OVER" }, { code: "ERR_HTTP_REQUEST_OVER" }]);
      },
    ));
});

describe("request.parts", () => {
  test("request.parts gives each part when it is whole, while the rest is still on its way", () => {
    const log: string[] = [];
    return withServer(
      function* (incoming) {
        const parts = incoming.parts();
        for (let next; (next = yield* parts.next()) !== null;)
          log.push(`${next.name} ${next.fileName} ${next.type} ${next.bytes.length} ${next.text().slice(0, 3)}`);
        expect(yield* parts.next()).toBeNull();
        return text("done");
      },
      function* (world) {
        const content = body(
          part("; name=a", "1"),
          part("; name=f; filename=x", "ü".repeat(3_000), "Content-Type: text/x; charset=latin1"),
          part("; name=b", "2"),
        );
        const raw = post(Buffer.from(content).toString("latin1"));
        const peer = world.connect(raw.subarray(0, -15));
        yield* sleep(SOON_MS);
        expect(log).toEqual(["a null text/plain 1 1", "f x text/x; charset=latin1 6000 üüü"]);
        peer.send(raw.subarray(-15));
        yield* sleep(SOON_MS);
        expect(log.slice(2)).toEqual(["b null text/plain 1 2"]);
        expect(bodiesOf(peer)).toEqual(["done"]);
      },
    );
  });

  test("request.parts takes no more from the client than the handler asks for", () =>
    withServer(
      function* (incoming) {
        const parts = incoming.parts();
        const first = yield* parts.next();
        yield* sleep(60_000);
        return text(first?.name ?? "");
      },
      function* (world) {
        const content = body(part("; name=a", "1"), part("; name=f; filename=x", "x".repeat(10_000_000)));
        const peer = world.connect(post(content));
        yield* sleep(50_000);
        // What the server's socket has taken: a pause's worth, and not ten megabytes.
        expect(serverSocket(peer).bytesRead).toBeLessThan(2_000_000);
        peer.reset();
        yield* sleep(SOON_MS);
      },
    ));

  test("request.parts loses nothing to a deadline", () =>
    withServer(
      function* (incoming) {
        const names: string[] = [];
        const parts = incoming.parts();
        for (;;) {
          const next = yield* moveOnAfter(30, parts.next());
          if (next === null) return text(names.join());
          names.push(next?.name ?? "-");
        }
      },
      function* (world) {
        const raw = post(body(part("; name=a", "1"), part("; name=b", "x".repeat(9_000)), part("; name=c", "3")));
        const peer = world.connect();
        for (let at = 0; at < raw.length; at += 1_000) {
          peer.send(raw.subarray(at, at + 1_000));
          yield* sleep(100);
        }
        expect(bodiesOf(peer)[0]?.replace(/-,/g, "")).toBe("a,b,c");
        expect(bodiesOf(peer)[0]).toContain("-,");
      },
    ));

  test("request.parts stays at what was wrong", () =>
    withServer(
      function* (incoming) {
        const codes: unknown[] = [];
        const parts = incoming.parts({ fileBytesMax: 2 });
        for (let i = 0; i < 3; i++) {
          try {
            yield* parts.next();
            codes.push("a part");
          } catch (error) {
            codes.push((error as Rejection).code);
          }
        }
        return text(codes.join());
      },
      function* (world) {
        const peer = yield* world.ask(
          post(body(part("; name=a", "12"), part("; name=a", "123"), part("; name=a", "1"))),
        );
        expect(bodiesOf(peer)).toEqual(["a part,ERR_HTTP_FORM_TOO_LARGE,ERR_HTTP_FORM_TOO_LARGE"]);
      },
    ));

  test("request.parts refuses a body of another type before anything is read", () =>
    withServer(
      (incoming) => {
        expect(() => incoming.parts()).toThrow(Rejection);
        return text("caught");
      },
      function* (world) {
        expect(bodiesOf(yield* world.ask(post("a=1", URLENCODED)))).toEqual(["caught"]);
      },
    ));
});
