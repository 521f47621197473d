// The mail sink with clients that people use, nodemailer and curl: over plain text and STARTTLS, one mail and many on one connection, small ones and large.
// What they send is looked at over HTTP, and compared to the byte.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createTransport } from "nodemailer";
import { PATIENCE_MS, printed, runCommand, Scratch } from "../clients/support.ts";
import { pem, pemPath } from "../fixtures/tls/certificates.ts";
import { Program, RawClient } from "../subprocess.ts";
import { Example } from "./support.ts";

setDefaultTimeout(PATIENCE_MS);

const TLS_FLAGS = ["--tls-cert", pemPath("cert"), "--tls-key", pemPath("key")];
const WAYS = [
  ["in plain text", false],
  ["with STARTTLS", true],
] as const;

/** What the sink says of a mail. */
interface Summary {
  readonly id: number;
  readonly from: string;
  readonly to: string[];
  readonly client: string;
  readonly tls: boolean;
  readonly size: number;
}

/** A running sink, and the way to what it has taken. */
class Sink implements AsyncDisposable {
  readonly example: Example;
  readonly #mails: string;

  private constructor(example: Example, mails: string) {
    this.example = example;
    this.#mails = mails;
  }

  static async start(...flags: string[]): Promise<Sink> {
    const example = await Example.start("smtp-sink", "--http-port", "0", ...flags);
    const line = await example.program.line();
    expect(line).toMatch(/^mails: http:\/\/127\.0\.0\.1:\d+\/mails$/);
    return new Sink(example, (line ?? "").slice("mails: ".length));
  }

  get port(): number {
    return this.example.port;
  }

  async list(): Promise<Summary[]> {
    return (await (await fetch(this.#mails)).json()) as Summary[];
  }

  async mail(id: number): Promise<Buffer> {
    const response = await fetch(`${this.#mails}/${id}`);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "message/rfc822"]);
    return Buffer.from(await response.arrayBuffer());
  }

  async clear(): Promise<void> {
    expect((await fetch(this.#mails, { method: "DELETE" })).status).toBe(204);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.example[Symbol.asyncDispose]();
  }
}

/** Ways to send to a sink; with `isTls` only over TLS, and to nobody but the one with the certificate. */
function transportTo(port: number, isTls: boolean, more: object = {}): ReturnType<typeof createTransport> {
  return createTransport({
    host: "127.0.0.1",
    port,
    name: "client.example",
    ...(isTls ? { requireTLS: true, tls: { ca: pem("cert") } } : { ignoreTLS: true }),
    ...more,
  });
}

/** The decoded body of the part of `mail` that is called `name`. */
function attachmentOf(mail: Buffer, name: string): Buffer {
  const text = mail.toString("latin1");
  const boundary = /boundary="([^"]+)"/.exec(text)?.[1] ?? "no boundary";
  const part = text.split(`--${boundary}`).find((one) => one.includes(`filename=${name}`)) ?? "";
  const at = part.indexOf("\r\n\r\n");
  expect(part.slice(0, at)).toMatch(/^Content-Transfer-Encoding: base64\r?$/m);
  return Buffer.from(part.slice(at), "base64");
}

/** Bytes without a pattern, the same in each run. */
function noise(count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let i = 0, state = 7; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

describe.each(WAYS)("nodemailer %s", (_way, isTls) => {
  let sink: Sink;
  beforeAll(async () => {
    sink = await Sink.start(...TLS_FLAGS);
  });
  afterAll(async () => {
    expect([await sink.example.end(), await sink.example.program.errors()]).toEqual([0, ""]);
    await sink[Symbol.asyncDispose]();
  });

  test("nodemailer sends a mail, and it arrives with its envelope and its text, dots included", async () => {
    await sink.clear();
    const transport = transportTo(sink.port, isTls);
    const raw = ["From: ada@x.example", "Subject: dots", "", ".", "..", ".a", "", "Grüße", "", "."].join("\r\n");
    const sent = await transport.sendMail({
      envelope: { from: "ada@x.example", to: ["bob@y.example", "eve@z.example"] },
      raw,
    });
    expect([sent.accepted, sent.rejected, sent.response]).toEqual([
      ["bob@y.example", "eve@z.example"],
      [],
      expect.stringMatching(/^250 2\.0\.0 Taken as mail \d+$/),
    ]);
    const [mail, ...others] = await sink.list();
    expect([mail, others]).toEqual([
      {
        id: expect.any(Number),
        from: "ada@x.example",
        to: ["bob@y.example", "eve@z.example"],
        client: "client.example",
        tls: isTls,
        size: Buffer.byteLength(raw) + 2,
      } as unknown as Summary,
      [],
    ]);
    expect((await sink.mail(mail?.id ?? 0)).toString()).toBe(`${raw}\r\n`);
    transport.close();
  });

  test("nodemailer sends attachments, and they arrive byte for byte", async () => {
    await sink.clear();
    const files = { "empty.bin": noise(0), "small.bin": noise(1_000), "large.bin": noise(6_000_000) };
    const transport = transportTo(sink.port, isTls);
    await transport.sendMail({
      from: "Ada <ada@x.example>",
      to: "bob@y.example",
      subject: "Žluťoučký kůň",
      text: "three files",
      attachments: Object.entries(files).map(([filename, content]) => ({ filename, content })),
    });
    const [mail] = await sink.list();
    const bytes = await sink.mail(mail?.id ?? 0);
    expect(bytes.length).toBe(mail?.size ?? 0);
    for (const [name, content] of Object.entries(files)) {
      const arrived = attachmentOf(bytes, name);
      expect([name, arrived.length, arrived.equals(content)]).toEqual([name, content.length, true]);
    }
    transport.close();
  });

  test("nodemailer sends forty mails over one connection of its pool, each whole", async () => {
    await sink.clear();
    // A proxy in between counts connections.
    await using between = await Example.start("proxy", "--to", `127.0.0.1:${sink.port}`, "--log");
    const transport = transportTo(between.port, isTls, { pool: true, maxConnections: 1, maxMessages: 1_000 });
    const text = (i: number): string => `mail ${i}\r\n${".".repeat(i)}\r\n`.repeat(i + 1);
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        transport.sendMail({
          envelope: { from: `a${i}@x.example`, to: `b${i}@y.example` },
          raw: `Subject: ${i}\r\n\r\n${text(i)}`,
        }),
      ),
    );
    const mails = await sink.list();
    expect(mails.map(({ from, to }) => [from, ...to])).toEqual(
      Array.from({ length: 40 }, (_, i) => [`a${i}@x.example`, `b${i}@y.example`]),
    );
    for (const [i, { id }] of mails.entries())
      expect((await sink.mail(id)).toString()).toBe(`Subject: ${i}\r\n\r\n${text(i)}`);
    transport.close();
    expect(await between.end()).toBe(0);
    expect(await between.program.rest()).toHaveLength(1);
  });

  test("nodemailer sends to and from addresses in UTF-8", async () => {
    await sink.clear();
    const transport = transportTo(sink.port, isTls);
    await transport.sendMail({ from: "žofie@x.example", to: "用户@y.example", subject: "日本", text: "Grüße" });
    expect(await sink.list()).toMatchObject([{ from: "žofie@x.example", to: ["用户@y.example"] }]);
    transport.close();
  });

  test("nodemailer is told which mails are refused, and goes on on the same connection", async () => {
    await using strict = await Sink.start(...TLS_FLAGS, "--size-max", "20000");
    const transport = transportTo(strict.port, isTls, { pool: true, maxConnections: 1 });
    const send = (bytes: number): Promise<string> =>
      transport
        .sendMail({ envelope: { from: "a@x.example", to: "b@y.example" }, raw: "line of mail\r\n".repeat(bytes / 14) })
        .then(
          ({ response }) => response,
          ({ responseCode, response }: { responseCode: number; response: string }) => `${responseCode} ${response}`,
        );
    expect([await send(1_400), await send(42_000), await send(1_400)]).toEqual([
      "250 2.0.0 Taken as mail 1",
      expect.stringContaining("552 5.3.4 The mail is too large"),
      "250 2.0.0 Taken as mail 2",
    ]);
    transport.close();
  });
});

describe("curl as a client of mail", () => {
  test.each(WAYS)("curl sends a file as it is, %s", async (_way, isTls) => {
    await using sink = await Sink.start(...TLS_FLAGS, ...(isTls ? ["--tls-required"] : []));
    using files = new Scratch();
    const text = `Subject: from curl\r\n\r\n${".\r\n..\r\n.x\r\nline\r\n".repeat(20_000)}`;
    await Bun.write(files.file("mail"), text);
    const flags = ["-sS", ...(isTls ? ["--ssl-reqd", "--cacert", pemPath("cert")] : [])];
    const address = (name: string): string => `<${name}@mill.example>`;
    await printed("curl", [
      ...flags,
      `smtp://127.0.0.1:${sink.port}/curl.example`,
      "--mail-from",
      address("ada"),
      "--mail-rcpt",
      address("bob"),
      "--mail-rcpt",
      address("eve"),
      "--upload-file",
      files.file("mail"),
    ]);
    expect(await sink.list()).toMatchObject([
      { from: "ada@mill.example", to: ["bob@mill.example", "eve@mill.example"], client: "curl.example", tls: isTls },
    ]);
    expect((await sink.mail(1)).toString()).toBe(text);
    expect([await sink.example.end(), await sink.example.program.errors()]).toEqual([0, ""]);
  });
});

describe("examples/smtp-sink.ts", () => {
  test("each mail is a line, with --print the mail as well", async () => {
    await using sink = await Sink.start("--print");
    const transport = transportTo(sink.port, false);
    await transport.sendMail({
      envelope: { from: "a@x.example", to: ["b@y.example", "c@z.example"] },
      raw: "hello\r\n",
    });
    expect(await sink.example.program.line()).toBe(
      "mail 1 from <a@x.example> to <b@y.example>, <c@z.example>: 7 bytes",
    );
    expect([await sink.example.program.line(), await sink.example.program.line()]).toEqual(["hello", ""]);
    transport.close();
  });

  test("a client that does not trust the certificate sends nothing", async () => {
    await using sink = await Sink.start(...TLS_FLAGS);
    const transport = createTransport({ host: "127.0.0.1", port: sink.port, requireTLS: true });
    const refused = await transport
      .sendMail({ from: "a@x.example", to: "b@y.example", text: "secret" })
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(Error);
    transport.close();
    expect(await sink.list()).toEqual([]);
    expect(await sink.example.end()).toBe(0);
  });

  test("plain text behind STARTTLS is not run, on a real socket", async () => {
    await using sink = await Sink.start(...TLS_FLAGS);
    await using client = await RawClient.connect(sink.port);
    await client.received("none\r\n");
    client.send("EHLO c\r\n");
    await client.received("HELP\r\n");
    client.send("STARTTLS\r\nMAIL FROM:<injected@x>\r\n");
    expect(await client.received("behind STARTTLS\r\n")).toEndWith("503 5.5.1 Nothing may stand behind STARTTLS\r\n");
    await client.closed();
    expect([await sink.example.end(), await sink.example.program.errors()]).toEqual([0, ""]);
  });

  test("SIGTERM lets clients go that are owed nothing", async () => {
    await using sink = await Sink.start();
    await using client = await RawClient.connect(sink.port);
    await client.received("none\r\n");
    const code = sink.example.end();
    expect(await client.received("closes\r\n")).toEndWith("421 4.3.2 The server closes\r\n");
    expect([await code, await sink.example.program.errors()]).toEqual([0, ""]);
  });

  test("a mail that is not there is 404", async () => {
    await using sink = await Sink.start();
    const origin = await runCommand("curl", ["-sS", `smtp://127.0.0.1:${sink.port}`, "-X", "HELP"]);
    expect([origin.code, origin.stdout.toString()]).toEqual([
      0,
      expect.stringContaining("214 2.0.0 Commands: HELO EHLO"),
    ]);
    for (const id of [1, 0]) await expect(sink.mail(id)).rejects.toThrow("404");
  });

  test.each([
    [["--tls-key", pemPath("key")], "Cannot offer STARTTLS: it takes both, --tls-cert and --tls-key"],
    [["--tls-required"], "Cannot require TLS: there is neither key nor certificate"],
    [["--size-max", "many"], 'Cannot take mails of up to "many" bytes: it is no whole number'],
  ])("flags that make no sense end it with a message: %p", async (flags, message) => {
    await using program = Program.file("examples/smtp-sink.ts", "--port", "0", ...flags);
    expect(await program.exitCode()).toBe(1);
    expect(await program.errors()).toContain(message);
  });
});
