// wrk, plain and with scripts: as many answers as it can get within a second, read by its own parser. How many that is does not matter here.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { NOTHING_WRONG, PATIENCE_MS, printed, Scratch, Target } from "./support.ts";

setDefaultTimeout(PATIENCE_MS);

let target: Target;
beforeAll(async () => {
  target = await Target.start();
});
afterAll(async () => expect(await target.stop()).toEqual(NOTHING_WRONG));

/** Sixteen requests in one write. */
const PIPELINE = `
function init()
  local parts = {}
  for i = 1, 16 do parts[i] = wrk.format("GET", i % 2 == 0 and "/" or "/stream/300") end
  pipeline = table.concat(parts)
end
function request() return pipeline end
`;

/** One request after the other, of several kinds; says how many answers were not the one that is due next. */
const MIXTURE = `
local due = {
  { "GET", "/", nil, 200, "Hello, World!" },
  { "POST", "/echo", "over the weir", 200, "over the weir" },
  { "GET", "/nothing", nil, 404, "Not Found\\n" },
  { "GET", "/stream/0", nil, 200, "" },
  { "POST", "/unread", "nobody wants this", 200, "not read" },
}
local asked, answered
wrong, right = 0, 0
function setup(it) thread = it end
-- wrk makes one request for a look at it, and sends it nowhere.
function init() asked, answered = -1, 0 end
function request()
  local one = due[asked % #due + 1]
  asked = asked + 1
  return wrk.format(one[1], one[2], nil, one[3])
end
function response(status, headers, body)
  local one = due[answered % #due + 1]
  answered = answered + 1
  if status == one[4] and body == one[5] then right = right + 1 else wrong = wrong + 1 end
end
function done() io.write("wrong: ", thread:get("wrong"), " right: ", thread:get("right"), "\\n") end
`;

/** Runs it for a second and gives its report, behind which stands what the script wrote. */
async function wrk(connections: number, path: string, script?: string): Promise<string> {
  using scratch = new Scratch();
  const args = ["-t1", `-c${connections}`, "-d1s"];
  if (script !== undefined) {
    await Bun.write(scratch.file("script.lua"), script);
    args.push("-s", scratch.file("script.lua"));
  }
  return await printed("wrk", [...args, target.url(path)]);
}

function expectAnswers(report: string): void {
  expect(report).toMatch(/^ {2}[1-9]\d* requests in /m);
  expect(report).not.toContain("Socket errors");
}

describe("wrk", () => {
  test("wrk gets good answers only on 16 connections", async () => {
    const report = await wrk(16, "/");
    expectAnswers(report);
    expect(report).not.toContain("Non-2xx");
  });

  test("wrk gets good answers only with 16 requests in each write", async () => {
    const report = await wrk(16, "/", PIPELINE);
    expectAnswers(report);
    expect(report).not.toContain("Non-2xx");
  });

  test("wrk gets each answer of a mixture on one connection as it is due", async () => {
    const report = await wrk(1, "/", MIXTURE);
    expectAnswers(report);
    expect(report).toMatch(/^wrong: 0 right: [1-9]\d*$/m);
  });
});
