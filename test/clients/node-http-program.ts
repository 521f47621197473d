// What node-http.test.ts has Node do with `node:http`: `node node-http-program.mjs SCENARIO ORIGIN` prints what came of it as JSON. It stands
// apart because it must run on Node: in Bun the module of that name is another client.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, type ClientRequest, type IncomingMessage, request, type RequestOptions } from "node:http";
import { patternBytes } from "./pattern.ts";

const [scenario = "", origin = ""] = process.argv.slice(2);
const MB = 1_000_000;

interface Answer {
  readonly status: number | undefined;
  readonly connection: string | undefined;
  readonly body: Buffer;
  readonly reused: boolean;
}

function begin(agent: Agent, path: string, options: RequestOptions = {}): ClientRequest {
  return request(origin + path, { agent, ...options });
}

/** The whole answer. Rejects when either side of the exchange fails. */
async function answerTo(sent: ClientRequest): Promise<Answer> {
  const [message] = (await once(sent, "response")) as [IncomingMessage];
  const body: Buffer[] = [];
  for await (const chunk of message) body.push(chunk as Buffer);
  const { statusCode, headers } = message;
  return {
    status: statusCode,
    connection: headers.connection,
    body: Buffer.concat(body),
    reused: sent.reusedSocket,
  };
}

/** Sends `body` in one go: with a length if `options` give one, else in chunks. */
function post(agent: Agent, path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  const sent = begin(agent, path, { method: "POST", headers });
  const answer = answerTo(sent);
  for (let at = 0; at < body.length; at += 60_000) sent.write(body.subarray(at, at + 60_000));
  sent.end();
  return answer;
}

function get(agent: Agent, path: string, options: RequestOptions = {}): Promise<Answer> {
  return answerTo(begin(agent, path, options).end());
}

const text = ({ status, body }: Answer): string => `${status} ${body.toString()}`;

/** Each distinct value with how often it was there. */
function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

const scenarios: Record<string, (agent: Agent) => Promise<unknown>> = {
  async reuse(agent) {
    const answers: Answer[] = [];
    for (let i = 0; i < 50; i++) {
      answers.push(await get(agent, "/"));
      answers.push(await get(agent, "/", { method: "HEAD" }));
      answers.push(await get(agent, "/bytes/1000", { method: "HEAD" }));
      answers.push(await get(agent, "/empty"));
      answers.push(await get(agent, "/nothing"));
      answers.push(await post(agent, "/unread", patternBytes(0, 100_000)));
      answers.push(await post(agent, "/echo", Buffer.from("echo")));
    }
    return { answers: tally(answers.map(text)), reused: answers.filter(({ reused }) => reused).length };
  },

  async crowd(agent) {
    const names = Array.from({ length: 400 }, (_, i) => `name-${i}`);
    const answers = await Promise.all(names.map((name) => get(agent, `/name/${name}`)));
    return { wrong: answers.filter((answer, i) => text(answer) !== `200 ${names[i]}`).length };
  },

  async close(agent) {
    const { connection, body } = await get(agent, "/", { headers: { connection: "close" } });
    return { connection, body: body.toString() };
  },

  async bodies(agent) {
    const body = patternBytes(0, 10 * MB);
    const sized = await post(agent, "/digest", body, { "content-length": `${body.length}` });
    const chunked = await post(agent, "/digest", body);
    const echoed = await post(agent, "/echo", body);
    return { sized: text(sized), chunked: text(chunked), echoed: Buffer.compare(echoed.body, body) };
  },

  async downloads(agent) {
    const answers = await Promise.all(
      [`/bytes/${10 * MB}`, `/stream/${10 * MB}`].map(async (path) => {
        const [message] = (await once(begin(agent, path).end(), "response")) as [IncomingMessage];
        const hash = createHash("sha256");
        // A reader that stops after each piece: the sender must wait for it.
        for await (const chunk of message) {
          hash.update(chunk as Buffer);
          await new Promise(setImmediate);
        }
        return hash.digest("hex");
      }),
    );
    return answers;
  },

  async expect(agent) {
    const events: string[] = [];
    const body = patternBytes(0, 2 * MB);
    const headers = { expect: "100-continue", "content-length": `${body.length}` };
    const sent = begin(agent, "/digest", { method: "POST", headers });
    sent.on("continue", () => {
      events.push("continue");
      sent.end(body);
    });
    sent.flushHeaders();
    const answer = await answerTo(sent);
    events.push(text(answer));
    events.push(text(await get(agent, "/")));
    return events;
  },

  async expectUnread(agent) {
    const events: string[] = [];
    const headers = { expect: "100-continue", "content-length": "1000" };
    const sent = begin(agent, "/unread", { method: "POST", headers });
    sent.on("continue", () => events.push("continue"));
    sent.flushHeaders();
    const answer = await answerTo(sent);
    events.push(`${answer.connection} ${text(answer)}`);
    sent.destroy();
    events.push(text(await get(agent, "/")));
    return events;
  },

  async trailers(agent) {
    const answers: string[] = [];
    for (let i = 0; i < 5; i++) {
      const sent = begin(agent, "/echo", { method: "POST", headers: { trailer: "x-after" } });
      const answer = answerTo(sent);
      sent.write("body");
      sent.addTrailers({ "x-after": "the body" });
      sent.end();
      answers.push(text(await answer));
    }
    return answers;
  },

  async unread(agent) {
    const body = patternBytes(0, MB);
    const answers: string[] = [];
    for (let i = 0; i < 40; i++) {
      for (const path of ["/unread", "/unread/stream"]) {
        answers.push(text(await post(agent, path, body, { "content-length": `${MB}` })));
        answers.push(text(await post(agent, path, body)));
      }
    }
    return tally(answers);
  },

  async gone(agent) {
    const sent = begin(agent, "/endless").end();
    const [message] = (await once(sent, "response")) as [IncomingMessage];
    const [first] = (await once(message, "data")) as [Buffer];
    sent.destroy();
    return Buffer.compare(first, patternBytes(0, first.length));
  },
};

const agent = new Agent({ keepAlive: true, maxSockets: scenario === "reuse" ? 1 : 8 });
const result = await scenarios[scenario]?.(agent);
process.stdout.write(JSON.stringify(result ?? null));
agent.destroy();
