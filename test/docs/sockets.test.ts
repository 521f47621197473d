// The programs of docs/sockets.md run and do what the page says of them.

import { describe, expect, test } from "bun:test";
import { connect, listen, run, startTls } from "../../src/index.ts";
import { until } from "../../src/concurrency/until.ts";
import { CLIENT } from "../contract/secure-world.ts";
import { SELF_SIGNED } from "../fixtures/tls/certificates.ts";
import { Program } from "../subprocess.ts";
import { programsBelow } from "./support.ts";

const [connecting = ""] = programsBelow("sockets.md", "Connecting");
const [secure = ""] = programsBelow("sockets.md", "TLS");
const [mail = ""] = programsBelow("sockets.md", "STARTTLS");

describe("docs/sockets.md", () => {
  test("Connecting prints the answer of a server, or what became of each attempt", async () => {
    await run(function* () {
      const listener = yield* listen({ port: 0 });
      const answered = Program.source(connecting, { PORT: String(listener.port) });
      const conn = yield* listener.accept();
      if (conn === null) throw new Error("the listener was closed");
      expect(yield* conn.readLine()).toBe("ping");
      yield* conn.write("pong\n");
      conn.close();
      expect(yield* until(answered.line())).toBe("pong");
      yield* until(answered[Symbol.asyncDispose]());
      listener.close();
      const refused = Program.source(connecting, { PORT: String(listener.port) });
      expect(yield* until(refused.line())).toBe(`127.0.0.1:${listener.port}: ECONNREFUSED`);
      yield* until(refused[Symbol.asyncDispose]());
    }).promise;
  });

  test("TLS prints what both ends have agreed on", async () => {
    const [, shown] = /\/\/ (.*)$/m.exec(secure) ?? [];
    await using program = Program.source(secure, { KEY: SELF_SIGNED.key, CERT: SELF_SIGNED.cert });
    expect(await program.rest()).toEqual([shown ?? "what it shows"]);
    expect(await program.exitCode()).toBe(0);
  });

  test("STARTTLS takes no command in plain text, and all of them over TLS", async () => {
    const env = { PORT: "0", KEY: SELF_SIGNED.key, CERT: SELF_SIGNED.cert };
    await using program = Program.source(mail, env);
    const ready = (await program.line()) ?? "";
    expect(ready).toStartWith("ready: 127.0.0.1:");
    await run(function* () {
      using conn = yield* connect({ port: Number(ready.split(":").at(-1)) });
      expect(yield* conn.readLine()).toBe("220 mail.example.org");
      yield* conn.write("NOOP\r\n");
      expect(yield* conn.readLine()).toBe("530 STARTTLS first");
      yield* conn.write("STARTTLS\r\n");
      expect(yield* conn.readLine()).toBe("220 go ahead");
      yield* startTls(conn, CLIENT);
      yield* conn.write("NOOP\r\n");
      expect(yield* conn.readLine()).toBe("250 NOOP");
      yield* conn.write("QUIT\r\n");
      expect(yield* conn.readLine()).toBeNull();
    }).promise;
  });
});
