// The mail sink in a simulated world: what each command answers, in which order and in how many writes; where a mail ends, and what is no mail; what TLS
// forgets; what a client that is slow, hostile or gone can do.

import { describe, expect, test } from "bun:test";
import { Mailbox } from "../../examples/smtp/mailbox.ts";
import { createPrng, ROUGH_NETWORK, type Prng } from "../../src/sim/index.ts";
import { wholeNumber } from "../environment.ts";
import { CHAINED, SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { codesOf, linesOf, MailClient, SinkWorld } from "./smtp-world.ts";

describe("a session of mail", () => {
  test("a client says who it is, and is told what the server can do", async () => {
    const world = new SinkWorld({ limits: { sizeMax: 1_234 } });
    const client = world.client();
    expect(client.ask("EHLO client.example")).toEqual([
      "250-smtp-sink greets client.example",
      "250-PIPELINING",
      "250-SIZE 1234",
      "250-8BITMIME",
      "250-SMTPUTF8",
      "250-ENHANCEDSTATUSCODES",
      "250 HELP",
    ]);
    expect(client.ask("helo [127.0.0.1]")).toEqual(["250 smtp-sink greets [127.0.0.1]"]);
    expect(client.ask("HELP")).toEqual([
      "214 2.0.0 Commands: HELO EHLO STARTTLS MAIL RCPT DATA RSET NOOP VRFY HELP QUIT",
    ]);
    expect(client.ask("NOOP", "noop anything", "VRFY ada", "QUIT")).toEqual([
      "250 2.0.0 Nothing done",
      "250 2.0.0 Nothing done",
      "252 2.0.0 Nobody is known here, and everybody gets mail",
      "221 2.0.0 Goodbye",
    ]);
    expect(client.peer.ended).toBe(true);
    await world.finish();
  });

  test("a mail is kept with its envelope, and its dots are unstuffed", async () => {
    const world = new SinkWorld();
    const client = world.greeted();
    expect(
      client.ask("MAIL FROM:<ada@x.example> SIZE=100 BODY=8BITMIME", "RCPT TO:<bob@y.example>", "rcpt to:<Postmaster>"),
    ).toEqual(["250 2.1.0 Sender taken", "250 2.1.5 Recipient taken", "250 2.1.5 Recipient taken"]);
    expect(client.ask("DATA")).toEqual(["354 Go ahead, and end with a dot on a line of its own"]);
    const text = "Subject: dots\r\n\r\n.\r\n..\r\n.a\r\n\r\na.\r\n. \r\n";
    const stuffed = "Subject: dots\r\n\r\n..\r\n...\r\n..a\r\n\r\na.\r\n.. \r\n";
    expect(client.raw(`${stuffed}.\r\n`)).toEqual(["250 2.0.0 Taken as mail 1"]);
    expect(world.texts()).toEqual([text]);
    expect(world.sink.mailbox.get(1)).toMatchObject({
      from: "ada@x.example",
      to: ["bob@y.example", "postmaster"],
      client: "client.example",
      isSecure: false,
    });
    // An empty one, and one about a mail that failed.
    expect(client.codes("MAIL FROM:<>", "RCPT TO:<@a,@b:bob@y.example>", "DATA")).toEqual([250, 250, 354]);
    expect(client.codes(".")).toEqual([250]);
    expect(world.sink.mailbox.get(2)).toMatchObject({ from: "", to: ["bob@y.example"], bytes: new Uint8Array(0) });
    await world.finish();
  });

  test("commands out of order are refused, and change nothing", async () => {
    const world = new SinkWorld({ limits: { mistakesMax: 100 } });
    const client = world.client();
    expect(client.codes("MAIL FROM:<a@x>", "RCPT TO:<b@y>", "DATA", "STARTTLS")).toEqual([503, 503, 503, 502]);
    expect(client.codes("EHLO c", "RCPT TO:<b@y>", "DATA")).toEqual([250, 503, 503]);
    expect(client.codes("MAIL FROM:<a@x>", "MAIL FROM:<c@x>", "DATA")).toEqual([250, 503, 554]);
    expect(client.codes("RSET", "RCPT TO:<b@y>")).toEqual([250, 503]);
    // EHLO forgets a mail under way, a refused one does not.
    expect(client.codes("MAIL FROM:<a@x>", "EHLO", "RCPT TO:<b@y>", "EHLO c", "RCPT TO:<b@y>")).toEqual([
      250, 501, 250, 250, 503,
    ]);
    expect(world.texts()).toEqual([]);
    await world.finish();
  });

  test.each([
    ["MAIL", 501],
    ["MAIL FROM", 501],
    ["MAIL FROM:", 501],
    ["MAIL FROM:a@x", 501],
    ["MAIL FROM:<a@x", 501],
    ["MAIL FROM:<a>", 501],
    ["MAIL FROM:<a@>", 501],
    ["MAIL FROM:<a b@x>", 501],
    ["MAIL FROM:<a@x..y>", 501],
    ["MAIL FROM:<a@-x>", 501],
    ["MAIL FROM:<.a@x>", 501],
    [`MAIL FROM:<${"a".repeat(65)}@x>`, 501],
    [`MAIL FROM:<a@${"x".repeat(256)}>`, 501],
    ["MAIL FROM:<a@x>SIZE=1", 501],
    ["MAIL FROM:<a@x> SIZE=1 SIZE=1", 501],
    ["MAIL FROM:<a@x> SIZE", 501],
    ["MAIL FROM:<a@x> SIZE=-1", 501],
    ["MAIL FROM:<a@x> SIZE=x", 501],
    ["MAIL FROM:<a@x> BODY=9BIT", 501],
    ["MAIL FROM:<a@x> SMTPUTF8=yes", 501],
    ["MAIL FROM:<a@x> RET=FULL", 555],
    ["MAIL FROM:<ä@x>", 553],
    ["MAIL FROM:<a@x> SIZE=99999999999999999999", 552],
    ["MAIL FROM:<a@x>", 250],
    ["MAIL FROM: <a@x>  SIZE=1 ", 250],
    ['MAIL FROM:<"a b\\" <c>"@x>', 250],
    ["MAIL FROM:<a+b.c=d@x-y.z>", 250],
    ["MAIL FROM:<a@[127.0.0.1]>", 250],
    ["MAIL FROM:<a@[IPv6:::1]>", 250],
    ["MAIL FROM:<ä@müller.example> SMTPUTF8", 250],
    ["EXPN list", 500],
    ["", 500],
    [" NOOP", 500],
    ["QUIT now", 501],
    ["RSET now", 501],
    ["DATA now", 501],
    ["VRFY", 501],
    ["EHLO a b", 501],
    ["EHLO ä", 501],
    ["__proto__", 500],
    ["constructor", 500],
  ])("%p is answered with %d", async (line, code) => {
    const world = new SinkWorld();
    const client = world.greeted();
    expect(client.codes(line)).toEqual([code]);
    // And the session goes on.
    expect(client.codes("NOOP")).toEqual([250]);
    await world.finish();
  });

  test.each([
    ["RCPT TO:<>", 501],
    ["RCPT TO:<b>", 501],
    ["RCPT FROM:<b@y>", 501],
    ["RCPT TO:<b@y> NOTIFY=NEVER", 555],
    ["RCPT TO:<ö@y>", 553],
    ["RCPT TO:<b@y>", 250],
    ["RCPT TO:<postmaster>", 250],
  ])("%p is answered with %d", async (line, code) => {
    const world = new SinkWorld();
    const client = world.greeted();
    expect(client.codes("MAIL FROM:<a@x>", line)).toEqual([250, code]);
    await world.finish();
  });

  test("addresses and mails in UTF-8 arrive as they are where SMTPUTF8 is said", async () => {
    const world = new SinkWorld();
    const client = world.greeted();
    expect(client.codes("MAIL FROM:<žofie@müller.example> SMTPUTF8", "RCPT TO:<用户@例子.example>", "DATA")).toEqual([
      250, 250, 354,
    ]);
    expect(client.codes("Subject: Grüße", "", "日本", ".")).toEqual([250]);
    const mail = world.sink.mailbox.get(1);
    expect([mail?.from, mail?.to]).toEqual(["žofie@müller.example", ["用户@例子.example"]]);
    expect(Buffer.from(mail?.bytes ?? []).toString()).toBe("Subject: Grüße\r\n\r\n日本\r\n");
    await world.finish();
  });
});

describe("a group of commands", () => {
  const MAIL = ["MAIL FROM:<a@x>", "RCPT TO:<b@y>", "RCPT TO:<nobody>", "RCPT TO:<c@z>", "DATA"];

  test("a group is answered in order and in one kernel write, its refusals included", async () => {
    const world = new SinkWorld();
    const client = world.greeted();
    const { writes } = client.server;
    expect(client.codes(...MAIL)).toEqual([250, 250, 501, 250, 354]);
    expect(client.server.writes - writes).toBe(1);
    // The end of a mail may begin the next group (RFC 2920 section 3.1).
    expect(client.codes("one", ".", ...MAIL)).toEqual([250, 250, 250, 501, 250, 354]);
    expect(client.server.writes - writes).toBe(2);
    expect(client.codes("two", ".", "RSET", "NOOP", "QUIT", "NOOP")).toEqual([250, 250, 250, 221]);
    expect([client.server.writes - writes, client.peer.ended]).toEqual([3, true]);
    expect(world.sink.mailbox.mails.map(({ to }) => to)).toEqual([
      ["b@y", "c@z"],
      ["b@y", "c@z"],
    ]);
    expect(world.texts()).toEqual(["one\r\n", "two\r\n"]);
    await world.finish();
  });

  test("a group costs one resume of one task", async () => {
    const world = new SinkWorld();
    const client = world.greeted();
    const { steps } = world.mill.scheduler;
    client.ask(...Array.from({ length: 100 }, () => "NOOP"));
    expect(world.mill.scheduler.steps - steps).toBe(1);
    await world.finish();
  });

  test("a session is answered alike wherever it is cut, byte by byte too", async () => {
    const world = new SinkWorld();
    const session = [
      "EHLO c",
      ...MAIL,
      "Subject: ü",
      "",
      "..",
      "...x",
      ".",
      "nonsense",
      "MAIL FROM:<ä@x> SMTPUTF8",
      "RCPT TO:<b@y>",
      "DATA",
      ".",
      "QUIT",
      "",
    ].join("\r\n");
    const bytes = Buffer.from(session);
    const answers = (client: MailClient): string[] => codesOf(linesOf(client.heard())).map(String);
    const whole = world.client();
    whole.peer.send(bytes);
    world.pass();
    const wanted = answers(whole);
    expect(wanted.join(" ")).toBe("250 250 250 501 250 354 250 500 250 250 354 250 221");
    for (let cut = 1; cut < bytes.length; cut++) {
      const client = world.client();
      client.peer.send(bytes.subarray(0, cut));
      world.pass(1);
      client.peer.send(bytes.subarray(cut));
      world.pass(1);
      expect([cut, ...answers(client)]).toEqual([cut, ...wanted]);
    }
    const client = world.client();
    for (let i = 0; i < bytes.length; i++) {
      client.peer.send(bytes.subarray(i, i + 1));
      world.pass(0.3);
    }
    world.pass();
    expect(answers(client)).toEqual(wanted);
    const mails = world.texts();
    expect(mails).toHaveLength(2 * (bytes.length + 1));
    expect(new Set(mails)).toEqual(new Set([Buffer.from("Subject: ü\r\n\r\n.\r\n..x\r\n").toString("latin1"), ""]));
    await world.finish();
  });
});

describe("where a mail ends", () => {
  const ENVELOPE = ["MAIL FROM:<evil@x>", "RCPT TO:<victim@y>", "DATA"];

  test.each([
    ["LF . LF", "\n.\n"],
    ["LF . CR LF", "\n.\r\n"],
    ["CR LF . LF", "\r\n.\n"],
    ["CR . CR", "\r.\r"],
    ["CR . CR LF", "\r.\r\n"],
    ["CR LF . CR", "\r\n.\r"],
    ["CR LF . CR CR LF", "\r\n.\r\r\n"],
    ["CR CR LF . LF", "\r\r\n.\n"],
    ["CR LF . NUL CR LF", "\r\n.\0\r\n"],
    ["LF LF . CR LF", "\n\n.\r\n"],
  ])("not at %s: what stands behind it is no command, and nothing of it is kept", async (_name, end) => {
    const world = new SinkWorld();
    const client = world.sending();
    const smuggled = [...ENVELOPE, "smuggled", "."].join("\r\n");
    const answers = client.raw(`Subject: a\r\n\r\ntext${end}${smuggled}\r\n`);
    // One answer, to one mail.
    const isOnlyText = end.includes("\0");
    expect(answers).toEqual([
      isOnlyText ? "250 2.0.0 Taken as mail 1" : "554 5.6.0 The mail has a CR or LF that stands alone",
    ]);
    expect(world.texts()).toEqual(
      isOnlyText ? [`Subject: a\r\n\r\ntext\r\n\0\r\n${[...ENVELOPE, "smuggled"].join("\r\n")}\r\n`] : [],
    );
    // The session is in order: the next mail is a mail of its own.
    expect(client.codes("MAIL FROM:<a@x>", "RCPT TO:<b@y>", "DATA")).toEqual([250, 250, 354]);
    expect(client.codes("good", ".")).toEqual([250]);
    expect(world.texts().at(-1)).toBe("good\r\n");
    await world.finish();
  });

  test("not at the same wherever the bytes are cut", async () => {
    const world = new SinkWorld();
    for (const end of ["\n.\r\n", "\r\n.\n", "\r.\r\n", "\r\n.\r\r\n"]) {
      const bytes = `text${end}RSET\r\n.\r\n`;
      for (let cut = 1; cut < bytes.length; cut++) {
        const client = world.sending();
        client.peer.send(bytes.slice(0, cut));
        world.pass(1);
        expect([end, cut, ...client.raw(bytes.slice(cut), 1)]).toEqual([
          end,
          cut,
          "554 5.6.0 The mail has a CR or LF that stands alone",
        ]);
      }
    }
    expect(world.texts()).toEqual([]);
    await world.finish();
  });

  test.each([
    ["behind a command", "NOOP\n"],
    ["before one", "\nNOOP\r\n"],
    ["in a line that is too long", `${"x".repeat(3_000)}\n`],
  ])("a lone LF %s ends no command, and what stands behind it is none", async (_where, bytes) => {
    const world = new SinkWorld();
    const client = world.greeted();
    expect(client.raw(`${bytes}MAIL FROM:<injected@x>\r\n`)).toEqual(["521 5.5.2 No command: a line ends with CR LF"]);
    expect(client.peer.ended).toBe(true);
    // Byte by byte it comes as far as the LF.
    const slow = world.greeted();
    for (const byte of `${bytes}NOOP\r\n`) {
      slow.peer.send(byte);
      world.pass(0.3);
    }
    world.pass();
    expect([slow.heard(), slow.peer.ended]).toEqual(["521 5.5.2 No command: a line ends with CR LF\r\n", true]);
    await world.finish();
  });

  test("commands with a lone CR, a NUL or no UTF-8 are refused, and those behind them are commands of their own", async () => {
    const world = new SinkWorld();
    const client = world.greeted();
    expect(client.raw("NO\rOP\r\nNOOP\r\n")).toEqual([
      "500 5.5.2 No command: a command holds no lone CR",
      "250 2.0.0 Nothing done",
    ]);
    expect(codesOf(client.raw("\rNOOP\r\nNOOP\r\r\nNO\0OP\r\nNOOP\r\n"))).toEqual([500, 500, 500, 250]);
    expect(client.raw(new Uint8Array([78, 79, 79, 80, 32, 0xff, 13, 10]))).toEqual([
      "500 5.5.2 No command: a command is ASCII or UTF-8",
    ]);
    await world.finish();
  });

  const seed = wholeNumber("MAIL_SEED", 1);
  const runs = wholeNumber("MAIL_RUNS", 40);

  /** Lines of what readers of mail trip over. */
  function textOf(prng: Prng): string {
    const parts = [".", "..", "\r\n", "\r\n", "\r\n.", "a", " ", "x".repeat(200), "QUIT", "ü", "\0", "\t"];
    let text = "";
    for (let i = prng.between(0, 60); i > 0; i--) text += parts[prng.between(0, parts.length - 1)] as string;
    // No line may be too long.
    return `${text.replaceAll(/[^\r\n]{450}/g, "$&\r\n")}\r\n`;
  }

  test("whatever mail says and however it comes, it is kept as it was before its dots were stuffed", async () => {
    for (let run = seed; run < seed + runs; run++) {
      const prng = createPrng(run);
      const world = new SinkWorld({}, ROUGH_NETWORK);
      const client = new MailClient(world);
      const texts = Array.from({ length: 8 }, () => textOf(prng));
      client.peer.send("EHLO c\r\n");
      for (const text of texts)
        client.peer.send(`MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n${text.replaceAll(/^\./gm, "..")}.\r\n`);
      client.peer.send("QUIT\r\n");
      world.pass(60_000);
      const kept = world.sink.mailbox.mails.map(({ bytes }) => Buffer.from(bytes).toString());
      expect([run, ...kept]).toEqual([run, ...texts]);
      expect([run, client.peer.ended]).toEqual([run, true]);
      await world.finish();
    }
  });
});

describe("STARTTLS", () => {
  test("STARTTLS goes on over TLS, and what was said before it is forgotten", async () => {
    const world = new SinkWorld({ tls: SELF_SIGNED });
    const client = world.client();
    expect(client.ask("EHLO before.example").at(-2)).toBe("250-STARTTLS");
    expect(client.codes("MAIL FROM:<before@x>", "RCPT TO:<before@y>")).toEqual([250, 250]);
    expect(client.codes("STARTTLS now")).toEqual([501]);
    expect(client.ask("STARTTLS")).toEqual(["220 2.0.0 Go ahead"]);
    const secure = client.secure();
    expect(secure.codes("RCPT TO:<after@y>", "DATA", "MAIL FROM:<after@x>")).toEqual([503, 503, 503]);
    const offered = secure.ask("EHLO after.example");
    expect(offered).not.toContain("250-STARTTLS");
    expect(secure.codes("STARTTLS", "MAIL FROM:<after@x>", "RCPT TO:<after@y>", "DATA")).toEqual([503, 250, 250, 354]);
    expect(secure.codes("secret", ".")).toEqual([250]);
    expect(world.sink.mailbox.mails).toMatchObject([
      { from: "after@x", to: ["after@y"], client: "after.example", isSecure: true },
    ]);
    await world.finish();
  });

  test("STARTTLS with a command behind it in the same piece: nothing of it is run, before TLS or after", async () => {
    const world = new SinkWorld({ tls: SELF_SIGNED });
    const client = world.greeted();
    expect(client.ask("STARTTLS", "MAIL FROM:<injected@x>", "RCPT TO:<b@y>", "DATA", "injected", ".")).toEqual([
      "503 5.5.1 Nothing may stand behind STARTTLS",
    ]);
    expect([client.peer.ended, world.texts(), world.faults]).toEqual([true, [], []]);
    await world.finish();
  });

  test("STARTTLS with a command behind it that comes while the answer is on its way: the connection is cut off", async () => {
    const world = new SinkWorld(
      { tls: SELF_SIGNED },
      { sendBufferBytes: [2_000, 2_000] as const, receiveBufferBytes: 2_000 },
    );
    const client = world.greeted();
    // The answers do not fit the network, so the last one waits.
    client.peer.pause();
    client.peer.send(`${"NOOP\r\n".repeat(300)}STARTTLS\r\n`);
    world.pass(100);
    client.peer.send("MAIL FROM:<injected@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n");
    world.pass(100);
    expect(client.peer.closed).toBe(false);
    client.peer.resume();
    world.pass(100);
    expect([client.peer.wasReset, world.faults]).toEqual([
      true,
      [expect.stringMatching(/^Cannot start TLS on connection \d+: \d+ bytes came in plain text behind the command/)],
    ]);
    expect(client.peer.text).not.toMatch(/taken|354/i);
    await world.finish();
  });

  test("a client that goes on in plain text, or does not shake hands in time, is cut off, and the sink tells of it", async () => {
    const world = new SinkWorld({ tls: { ...SELF_SIGNED, handshakeMs: 3_000 } });
    const [talking, silent] = [world.greeted(), world.greeted()];
    for (const client of [talking, silent]) expect(client.codes("STARTTLS")).toEqual([220]);
    talking.peer.send("EHLO again\r\n");
    world.pass(2_900);
    expect([talking.peer.ended, talking.peer.text.split("\r\n").at(-2), silent.peer.closed]).toEqual([
      true,
      "220 2.0.0 Go ahead",
      false,
    ]);
    world.pass(200);
    expect(silent.peer.wasReset).toBe(true);
    expect(world.faults).toEqual([
      expect.stringMatching(/^Cannot start TLS on connection \d+: /),
      expect.stringMatching(/^Cannot start TLS on connection \d+: the handshake was not done within 3000 ms$/),
    ]);
    await world.finish();
  });

  test("where TLS is required nothing but the way to it is answered in plain text", async () => {
    const world = new SinkWorld({ tls: CHAINED, isTlsRequired: true });
    const client = world.greeted();
    expect(client.ask("MAIL FROM:<a@x>")).toEqual(["530 5.7.0 Say STARTTLS first"]);
    expect(client.codes("RCPT TO:<b@y>", "DATA", "VRFY a", "NOOP", "STARTTLS")).toEqual([530, 530, 530, 250, 220]);
    const secure = client.secure();
    expect(secure.codes("EHLO c", "MAIL FROM:<a@x>")).toEqual([250, 250]);
    await world.finish();
  });
});

describe("bounds of a session of mail", () => {
  test("a mail that is announced as too large is refused at once, one that becomes too large at its end", async () => {
    const world = new SinkWorld({ limits: { sizeMax: 1_000 } });
    const client = world.greeted();
    expect(client.ask("MAIL FROM:<a@x> SIZE=1001")).toEqual(["552 5.3.4 The mail is too large"]);
    const send = (...lines: string[]): string[] => {
      expect(client.codes("MAIL FROM:<a@x> SIZE=1000", "RCPT TO:<b@y>", "DATA")).toEqual([250, 250, 354]);
      return client.ask(...lines, ".");
    };
    const line = "x".repeat(98);
    expect(send(...Array.from({ length: 10 }, () => line))).toEqual(["250 2.0.0 Taken as mail 1"]);
    expect(send(...Array.from({ length: 10 }, () => line), "")).toEqual(["552 5.3.4 The mail is too large"]);
    expect(send("small")).toEqual(["250 2.0.0 Taken as mail 2"]);
    expect(world.texts().map(({ length }) => length)).toEqual([1_000, 7]);
    await world.finish();
  });

  test("a mail without an end is given up, and holds no more memory than one that is allowed", async () => {
    const world = new SinkWorld({ limits: { sizeMax: 1_000_000 } });
    const before = world.sink.bytesLeft;
    const client = world.sending();
    const block = `${"y".repeat(98)}\r\n`.repeat(500);
    let held = 0;
    for (let i = 0; i < 100; i++) {
      client.peer.send(block);
      world.pass();
      held = Math.max(held, before - world.sink.bytesLeft);
    }
    expect(held).toBeWithin(500_000, 1_000_001);
    expect([client.heard(), client.peer.ended]).toEqual(["552 5.3.4 The mail is far too large\r\n", true]);
    expect([world.sink.bytesLeft, world.texts()]).toEqual([before, []]);
    await world.finish();
  });

  test("mails under way share one allowance: one that finds none is refused for now", async () => {
    const world = new SinkWorld({ limits: { sizeMax: 100_000 }, underWayBytesMax: 150_000 });
    const [first, second] = [world.sending(), world.sending()];
    const block = `${"z".repeat(98)}\r\n`.repeat(900);
    expect(first.raw(block)).toEqual([]);
    expect(second.raw(`${block}.\r\n`)).toEqual(["452 4.3.1 Too many mails are under way, try again"]);
    expect(first.codes(".")).toEqual([250]);
    expect(second.codes("MAIL FROM:<a@x>", "RCPT TO:<b@y>", "DATA")).toEqual([250, 250, 354]);
    expect(codesOf(second.raw(`${block}.\r\n`))).toEqual([250]);
    await world.finish();
  });

  test("a client that vanishes in the middle of a mail leaves nothing behind", async () => {
    const world = new SinkWorld();
    const [cut, ended] = [world.sending(), world.sending()];
    for (const client of [cut, ended]) client.raw("half a mail\r\n".repeat(1_000));
    cut.peer.reset();
    ended.peer.shutdown();
    world.pass();
    expect([world.texts(), ended.heard(), ended.peer.closed]).toEqual([[], "", true]);
    await world.finish();
  });

  test("a line of mail has at most 998 bytes and its end; a longer one is not held, and the mail is refused", async () => {
    const world = new SinkWorld();
    const before = world.sink.bytesLeft;
    const client = world.sending();
    expect(client.codes("x".repeat(998), `.${"y".repeat(998)}`, ".")).toEqual([250]);
    for (const size of [999, 1_000, 1_001, 200_000]) {
      expect(client.codes("MAIL FROM:<a@x>", "RCPT TO:<b@y>", "DATA")).toEqual([250, 250, 354]);
      expect(client.ask("x".repeat(size), ".")).toEqual(["554 5.6.0 A line of the mail has more than 998 bytes"]);
    }
    expect(client.codes("MAIL FROM:<a@x>", "RCPT TO:<b@y>", "DATA")).toEqual([250, 250, 354]);
    for (let i = 0; i < 200; i++) expect(client.raw("x".repeat(10_000))).toEqual([]);
    expect(world.sink.bytesLeft).toBe(before);
    // Its end is no end of the mail, wherever the line was cut.
    expect(client.raw("\r\n.\r\n")).toEqual(["554 5.6.0 A line of the mail has more than 998 bytes"]);
    expect(world.texts()).toHaveLength(1);
    await world.finish();
  });

  test("a command has at most 1024 bytes; of a longer one nothing is run", async () => {
    const world = new SinkWorld();
    const client = world.greeted();
    expect(client.codes(`NOOP ${"x".repeat(1_017)}`)).toEqual([250]);
    const answer = "500 5.5.2 No command: a command has at most 1024 bytes";
    expect(client.ask(`NOOP ${"x".repeat(1_018)}`, "NOOP")).toEqual([answer, "250 2.0.0 Nothing done"]);
    for (let i = 0; i < 50; i++) expect(client.raw("x".repeat(10_000))).toEqual([]);
    expect(client.raw("QUIT\r\nNOOP\r\n")).toEqual([answer, "250 2.0.0 Nothing done"]);
    await world.finish();
  });

  test("a mail has as many recipients as it may; those above are told to try again", async () => {
    const world = new SinkWorld({ limits: { recipientsMax: 3 } });
    const client = world.greeted();
    const recipients = Array.from({ length: 5 }, (_, i) => `RCPT TO:<r${i}@y>`);
    expect(client.codes("MAIL FROM:<a@x>", ...recipients, "DATA")).toEqual([250, 250, 250, 250, 452, 452, 354]);
    expect(client.codes("text", ".")).toEqual([250]);
    expect(world.sink.mailbox.get(1)?.to).toEqual(["r0@y", "r1@y", "r2@y"]);
    await world.finish();
  });

  test("a client that makes too many mistakes has to go, and nothing behind them is run", async () => {
    const world = new SinkWorld({ limits: { mistakesMax: 3 } });
    const client = world.greeted();
    const lines = ["one", "two", "NOOP", "three", "four", "QUIT"];
    expect(client.codes(...lines)).toEqual([500, 500, 250, 500, 500, 421]);
    expect(client.peer.ended).toBe(true);
    await world.finish();
  });

  test("a client that is a browser is sent away before the body of its form is read", async () => {
    const world = new SinkWorld();
    for (const head of ["POST / HTTP/1.1\r\nHost: x\r\n\r\n", "Host: 127.0.0.1:2525\r\n"]) {
      const client = world.client();
      expect(codesOf(client.raw(`${head}EHLO c\r\nMAIL FROM:<a@x>\r\n`))).toEqual([421]);
      expect(client.peer.ended).toBe(true);
    }
    await world.finish();
  });

  test("Mailbox keeps the newest mails, by number and by bytes", () => {
    const mail = (bytes: number) => ({
      from: "a",
      to: ["b"],
      client: "c",
      isSecure: false,
      bytes: new Uint8Array(bytes),
    });
    const mailbox = new Mailbox({ mailsMax: 3, bytesMax: 100 });
    for (let i = 1; i <= 5; i++) expect(mailbox.add(mail(10)).id).toBe(i);
    expect(mailbox.mails.map(({ id }) => id)).toEqual([3, 4, 5]);
    mailbox.add(mail(85));
    expect(mailbox.mails.map(({ id }) => id)).toEqual([5, 6]);
    mailbox.add(mail(500));
    expect([mailbox.mails.map(({ id }) => id), mailbox.get(6), mailbox.accepted]).toEqual([[7], undefined, 7]);
    mailbox.clear();
    mailbox.add(mail(100));
    mailbox.add(mail(0));
    expect(mailbox.mails.map(({ id }) => id)).toEqual([8, 9]);
  });
});

describe("deadlines of a session of mail", () => {
  test("a client has five minutes for a command, however slowly it types", async () => {
    const world = new SinkWorld();
    const [silent, typing] = [world.greeted(), world.greeted()];
    for (let i = 0; i < 29; i++) {
      typing.peer.send("x");
      world.pass(10_000);
    }
    expect([silent.peer.ended, typing.peer.ended]).toEqual([false, false]);
    world.pass(10_100);
    for (const client of [silent, typing])
      expect([client.heard(), client.peer.ended]).toEqual(["421 4.4.2 No command came within 300000 ms\r\n", true]);
    await world.finish();
  });

  test("a mail may stand still for three minutes, and take thirty in all", async () => {
    const world = new SinkWorld();
    const [still, slow] = [world.sending(), world.sending()];
    world.pass(170_000);
    expect(still.peer.ended).toBe(false);
    slow.peer.send("a line\r\n");
    world.pass(11_000);
    const answer = "421 4.4.2 The mail did not come in time\r\n";
    expect([still.heard(), still.peer.ended, slow.peer.ended]).toEqual([answer, true, false]);
    for (let i = 0; i < 16; i++) {
      slow.peer.send("a line\r\n");
      world.pass(100_000);
    }
    expect(slow.peer.ended).toBe(false);
    slow.peer.send("a line\r\n");
    world.pass(20_000);
    expect([slow.heard(), slow.peer.ended, world.texts()]).toEqual([answer, true, []]);
    await world.finish();
  });

  test("a client that takes no answers is read no further, and cut off after a minute", async () => {
    const world = new SinkWorld({}, { sendBufferBytes: [2_000, 2_000] as const, receiveBufferBytes: 2_000 });
    const client = world.greeted();
    client.peer.pause();
    client.peer.send("NOOP\r\n".repeat(200_000));
    world.pass(50_000);
    expect([client.peer.closed, client.peer.unsentBytes > 500_000]).toEqual([false, true]);
    expect(world.conns[0]?.outbox.pending).toBeWithin(1, 100_000);
    world.pass(11_000);
    client.peer.resume();
    world.pass(100);
    expect(client.peer.wasReset).toBe(true);
    await world.finish();
  });
});

describe("the end of the sink", () => {
  test("clients that are owed nothing are let go at once, one that sends a mail when that is taken", async () => {
    const world = new SinkWorld();
    const [idle, sending] = [world.greeted(), world.sending()];
    sending.raw("half\r\n");
    world.task.cancel();
    world.pass(100);
    expect([idle.heard(), idle.peer.ended, sending.peer.ended]).toEqual([
      "421 4.3.2 The server closes\r\n",
      true,
      false,
    ]);
    expect(sending.ask("and half", ".", "MAIL FROM:<c@x>")).toEqual([
      "250 2.0.0 Taken as mail 1",
      "421 4.3.2 The server closes",
    ]);
    expect([sending.peer.ended, world.texts()]).toEqual([true, ["half\r\nand half\r\n"]]);
    await world.finish();
  });

  test("a client that is behind with its answers gets them all, and is let go then", async () => {
    const world = new SinkWorld({}, { sendBufferBytes: [2_000, 2_000] as const, receiveBufferBytes: 2_000 });
    const client = world.greeted();
    client.peer.pause();
    // As many as to leave the last of the answers waiting for the rest.
    client.peer.send("NOOP\r\n".repeat(3_300));
    world.pass(1_000);
    expect(world.conns[0]?.writer).not.toBeNull();
    world.task.cancel();
    world.pass(100);
    client.peer.resume();
    world.pass(100);
    expect(client.heard()).toBe(`${"250 2.0.0 Nothing done\r\n".repeat(3_300)}421 4.3.2 The server closes\r\n`);
    expect(client.peer.ended).toBe(true);
    await world.finish();
  });
});
