// The chat: its members in a simulated world, where one can be as slow as one likes and ten minutes take no time; then the program, with clients that have
// none of our code in them.

import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { attend, MEMBER_LIMITS, type MemberLimits } from "../../examples/chat/member.ts";
import { Room } from "../../examples/chat/room.ts";
import type { NetworkOptions, SimPeer } from "../../src/sim/index.ts";
import type { Task } from "../../src/core/task.ts";
import { Mill } from "../net/kit.ts";
import { within } from "../subprocess.ts";
import { Example } from "./support.ts";

/** A room in a world of its own. */
class House {
  readonly room = new Room();
  readonly mill: Mill;
  readonly errors: unknown[] = [];
  readonly #task: Task<never>;

  constructor(limits: Partial<MemberLimits> = {}, network: NetworkOptions = {}) {
    this.mill = new Mill(network);
    const all = { ...MEMBER_LIMITS, ...limits };
    this.#task = this.mill.serve((conn) => attend(this.room, conn, all), {
      onError: (error) => this.errors.push(error),
      onDrain: () => this.room.close(),
    }).task;
  }

  /** Lets a member come in; what it was told on its way is dropped. */
  come(name: string, settleMs = 5): Member {
    const peer = this.mill.peer();
    peer.send(`${name}\n`);
    this.mill.until(() => this.room.names.includes(name));
    this.mill.pass(settleMs);
    const member = new Member(peer);
    expect(member.heard().slice(0, 1)).toEqual(["* who are you?"]);
    return member;
  }

  /** A moment in which everything that was sent has come. */
  pass(ms = 5): void {
    this.mill.pass(ms);
  }

  cancel(): void {
    this.#task.cancel();
  }

  async finish(): Promise<void> {
    await this.mill.finish(this.#task);
    expect(this.errors).toEqual([]);
    expect(this.room.names).toEqual([]);
    expect(this.room.statistics().subscribers).toBe(0);
  }
}

class Member {
  readonly peer: SimPeer;
  #lines = 0;

  constructor(peer: SimPeer) {
    this.peer = peer;
  }

  say(...lines: string[]): void {
    this.peer.send(lines.map((line) => `${line}\n`).join(""));
  }

  /** The lines that have come since the last call. */
  heard(): string[] {
    const all = this.peer.text.split("\n").slice(0, -1);
    const fresh = all.slice(this.#lines);
    this.#lines = all.length;
    return fresh;
  }
}

describe("the chat, simulated", () => {
  test("a member is welcomed, hears who comes, speaks and goes, and is heard by all but itself", async () => {
    const house = new House();
    const ada = house.mill.peer();
    house.pass();
    expect(ada.text).toBe("* who are you?\n");
    ada.send("Ada\r\n");
    house.pass();
    expect(ada.text).toBe("* who are you?\n* welcome, Ada; here is nobody else\n");
    const one = new Member(ada);
    const two = house.come("Bob");
    one.heard();
    const three = house.come("Žofie");
    expect(three.heard()).toEqual([]);
    two.heard();
    one.say("hello", "", "  and good morning\t");
    two.say("hello, Ada");
    house.pass();
    expect(one.heard()).toEqual(["* Žofie has come", "Bob: hello, Ada"]);
    expect(two.heard()).toEqual(["Ada: hello", "Ada: and good morning"]);
    expect(three.heard()).toEqual(["Ada: hello", "Ada: and good morning", "Bob: hello, Ada"]);
    three.say("/quit", "not said any more");
    house.pass();
    expect([three.peer.ended, one.heard(), two.heard()]).toEqual([true, ["* Žofie has left"], ["* Žofie has left"]]);
    two.peer.shutdown();
    house.pass();
    expect([two.peer.closed, one.heard()]).toEqual([true, ["* Bob has left"]]);
    await house.finish();
  });

  test("names are one person's each, whatever their case, and can be changed", async () => {
    const house = new House();
    const ada = house.come("Ada");
    ada.heard();
    const peer = house.mill.peer();
    const other = new Member(peer);
    other.say("ADA", "A d a", "x".repeat(21), "Eve");
    house.pass();
    expect(other.heard()).toEqual([
      "* who are you?",
      "* there is a ADA already",
      "* a name has 1 to 20 letters, digits, _ and -",
      "* a name has 1 to 20 letters, digits, _ and -",
      "* welcome, Eve; here are Ada",
    ]);
    ada.heard();
    other.say("/nick ada", "/nick", "/nick EVE", "/nick Lovelace", "/names", "/what");
    house.pass();
    const all = other.heard();
    // Answers to itself and what the room says come by two ways.
    expect(all.filter((line) => line.includes("is now"))).toEqual(["* Eve is now EVE", "* EVE is now Lovelace"]);
    expect(all.filter((line) => !line.includes("is now"))).toEqual([
      "* there is a ada already",
      "* a name has 1 to 20 letters, digits, _ and -",
      "* here are Ada, Lovelace",
      "* /names, /nick NAME, /quit",
    ]);
    expect(ada.heard()).toEqual(["* Eve is now EVE", "* EVE is now Lovelace"]);
    other.say("/quit");
    house.pass();
    expect(ada.heard()).toEqual(["* Lovelace has left"]);
    house.come("eve");
    await house.finish();
  });

  test("what would change other people's terminals is taken out of a line", async () => {
    const house = new House();
    const ada = house.come("Ada");
    const bob = house.come("Bob");
    ada.say("\u001B[31mred\u0007", "\u009B2J\u0000", "bell\u007F");
    house.pass();
    expect(bob.heard()).toEqual(["Ada: [31mred", "Ada: 2J", "Ada: bell"]);
    await house.finish();
  });

  test("a member that does not read is dropped, and the others hear everything", async () => {
    const house = new House(
      { burst: 100_000 },
      { sendBufferBytes: [4_000, 4_000] as const, receiveBufferBytes: 4_000 },
    );
    const [ada, bob, slow] = [house.come("Ada"), house.come("Bob"), house.come("Slow")];
    slow.peer.pause();
    bob.heard();
    const said: string[] = [];
    let dropped = -1;
    for (let i = 0; i < 600; i++) {
      said.push(`${i} ${"x".repeat(400)}`);
      ada.say(said.at(-1) as string);
      house.pass(2);
      if (dropped === -1 && house.room.statistics().dropped === 1) dropped = i;
    }
    // The kernel's buffers, the outbox up to its mark, and the lines that may wait: about 420 lines of 410 bytes.
    expect(dropped).toBeWithin(300, 500);
    expect(house.room.names).toEqual(["Ada", "Bob"]);
    const heard = bob.heard();
    expect(heard.filter((line) => line.startsWith("Ada: "))).toEqual(said.map((line) => `Ada: ${line}`));
    expect(heard.filter((line) => line.startsWith("*"))).toEqual(["* Slow was too slow"]);
    slow.peer.resume();
    house.pass(100);
    expect(slow.peer.wasReset).toBe(true);
    await house.finish();
  });

  test("a member that asks and does not read the answers is dropped as well", async () => {
    const house = new House(
      { burst: 100_000 },
      { sendBufferBytes: [1_000, 1_000] as const, receiveBufferBytes: 1_000 },
    );
    const ada = house.come("Ada");
    const slow = house.come("Slow");
    slow.peer.pause();
    ada.heard();
    for (let i = 0; i < 100 && house.room.names.length === 2; i++) {
      slow.say(...Array.from({ length: 100 }, () => "/names"));
      house.pass(20);
    }
    expect([house.room.names, ada.heard()]).toEqual([["Ada"], ["* Slow has left"]]);
    await house.finish();
  });

  test("a hundred members hear all the others, each in the order in which it spoke, and all in one order", async () => {
    const house = new House({ burst: 100 }, { latencyMs: [0, 20], segmentBytes: [1, 64] });
    const members = Array.from({ length: 100 }, (_, i) => house.come(`m${i}`, 200));
    for (const member of members) member.heard();
    for (let round = 0; round < 3; round++) for (const [i, member] of members.entries()) member.say(`${round} of ${i}`);
    house.pass(2_000);
    const heard = members.map((member) => member.heard());
    const order = new Map<string, number>();
    const [first = [], second = []] = heard;
    // The first one hears all lines but its own, which the second one hears: together they give the order of all.
    for (const line of first) order.set(line, order.size);
    expect(first).toHaveLength(297);
    expect(second.filter((line) => line.startsWith("m0: "))).toEqual(["m0: 0 of 0", "m0: 1 of 0", "m0: 2 of 0"]);
    for (const [i, lines] of heard.entries()) {
      expect(lines).toHaveLength(297);
      const places = lines.flatMap((line) => order.get(line) ?? []);
      expect(places).toEqual(places.toSorted((a, b) => a - b));
      for (let from = 0; from < 100; from++) {
        const theirs = lines.filter((line) => line.startsWith(`m${from}: `));
        expect(theirs).toEqual(from === i ? [] : [0, 1, 2].map((round) => `m${from}: ${round} of ${from}`));
      }
    }
    await house.finish();
  });

  test("a member that vanishes is gone at once, one whose cable is pulled when it was silent for too long", async () => {
    const house = new House({ idleMs: 60_000 });
    const [ada, bob, eve] = [house.come("Ada"), house.come("Bob"), house.come("Eve")];
    ada.heard();
    bob.peer.reset();
    house.pass();
    expect(ada.heard()).toEqual(["* Bob is gone"]);
    eve.peer.socket?.stall();
    for (let i = 0; i < 11; i++) {
      ada.say("still here");
      house.pass(5_000);
    }
    expect(house.room.names).toEqual(["Ada", "Eve"]);
    house.pass(5_000);
    expect(ada.heard()).toEqual(["* Eve was silent for too long"]);
    house.pass(60_000);
    expect(ada.heard()).toEqual(["* you were silent for too long"]);
    expect(house.room.names).toEqual([]);
    await house.finish();
  });

  test("a member that leaves in the middle of a line is gone, and what it began is not said", async () => {
    const house = new House();
    const [ada, bob] = [house.come("Ada"), house.come("Bob")];
    ada.heard();
    bob.peer.send("half a li");
    bob.peer.shutdown();
    house.pass();
    expect(ada.heard()).toEqual(["* Bob is gone"]);
    await house.finish();
  });

  test("a line may have 512 bytes; one that is longer ends the connection", async () => {
    const house = new House();
    const [ada, bob] = [house.come("Ada"), house.come("Bob")];
    ada.heard();
    bob.say("y".repeat(512));
    house.pass();
    expect(ada.heard()).toEqual([`Bob: ${"y".repeat(512)}`]);
    bob.say("z".repeat(513));
    house.pass();
    expect([ada.heard(), bob.peer.ended]).toEqual([["* Bob said too much at once"], true]);
    await house.finish();
  });

  test("a member that types fast is read at four lines a second, behind the first ten, and nothing is lost", async () => {
    const house = new House();
    const [ada, bob] = [house.come("Ada"), house.come("Bob")];
    ada.heard();
    bob.say(...Array.from({ length: 50 }, (_, i) => `${i}`));
    house.pass();
    const heard = ada.heard();
    expect(heard).toHaveLength(10);
    house.pass(2_000);
    heard.push(...ada.heard());
    expect(heard).toHaveLength(18);
    house.pass(8_000);
    heard.push(...ada.heard());
    expect(heard).toEqual(Array.from({ length: 50 }, (_, i) => `Bob: ${i}`));
    await house.finish();
  });

  test("a newcomer that gives no name in 30 s, or none that can be used, has to go, and nobody hears of it", async () => {
    const house = new House();
    const ada = house.come("Ada");
    ada.heard();
    const silent = house.mill.peer();
    const unable = house.mill.peer();
    const vanished = house.mill.peer();
    unable.send("?\n".repeat(5));
    vanished.send("Nob");
    house.pass();
    vanished.reset();
    house.pass(29_000);
    expect([silent.ended, unable.ended]).toEqual([false, true]);
    house.pass(2_000);
    expect([silent.ended, silent.text]).toEqual([true, "* who are you?\n* you did not say who you are\n"]);
    expect(ada.heard()).toEqual([]);
    await house.finish();
  });

  test("the room closes: what was said is heard, members and newcomers are let go at once", async () => {
    const house = new House();
    const [ada, bob] = [house.come("Ada"), house.come("Bob")];
    const newcomer = house.mill.peer();
    house.pass();
    ada.heard();
    bob.say("one more thing");
    house.mill.until(() => house.room.statistics().published === 3);
    house.cancel();
    house.pass();
    expect(ada.heard()).toEqual(["Bob: one more thing", "* the room closes"]);
    expect([ada.peer.ended, bob.peer.ended, newcomer.ended]).toEqual([true, true, true]);
    for (const peer of [ada.peer, bob.peer, newcomer]) peer.shutdown();
    const at = house.mill.host.now();
    await house.finish();
    expect(house.mill.host.now() - at).toBeLessThan(1_000);
  });
});

/** A client of bash: says its lines, and prints what it hears until the connection ends. */
function bashClient(port: number, ...lines: string[]): Promise<string> {
  const script = `exec 3<>/dev/tcp/127.0.0.1/${port}; printf '%s\\n' "$@" >&3; cat <&3`;
  const child = Bun.spawn(["bash", "-c", script, "bash", ...lines], { stdio: ["ignore", "pipe", "inherit"] });
  return within(new Response(child.stdout).text(), "the end of a client of bash");
}

describe("examples/chat.ts", () => {
  test("members with sockets of node:net and of bash hear each other, and SIGTERM lets all of them go", async () => {
    await using example = await Example.start("chat");
    const socket = connectSocket(example.port, "127.0.0.1");
    let text = "";
    let changed = Promise.withResolvers<void>();
    socket.setEncoding("utf8").on("data", (piece: string) => {
      text += piece;
      changed.resolve();
      changed = Promise.withResolvers<void>();
    });
    const heard = async (line: string): Promise<void> => {
      while (!text.includes(`${line}\n`)) await within(changed.promise, line);
    };
    socket.write("Node\n");
    await heard("* welcome, Node; here is nobody else");
    const bash = await bashClient(example.port, "Bash", "hello from a shell", "/names", "/quit");
    expect(bash).toStartWith("* who are you?\n* welcome, Bash; here are Node\n");
    expect(bash).toContain("* here are Node, Bash\n");
    await heard("* Bash has left");
    expect(text).toEndWith("* Bash has come\nBash: hello from a shell\n* Bash has left\n");
    const ended = once(socket, "end");
    const code = example.end();
    await within(ended, "the end of the chat");
    expect(text).toEndWith("* the room closes\n");
    expect([await code, await example.program.errors()]).toEqual([0, ""]);
  });
});
