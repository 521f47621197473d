// ReceiveBuffer and Outbox alone, against models: any order of calls gives the bytes in order, and views that were handed out stay good.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { GATHER_BYTES } from "../../src/config.ts";
import { Outbox } from "../../src/net/outbox.ts";
import { ReceiveBuffer } from "../../src/net/receive-buffer.ts";
import type { RawSocket } from "../../src/net/transport.ts";
import { patterned } from "../contract/conn-world.ts";

/** A socket that takes as many bytes as it is told to, and copies them. */
class TakingSocket implements RawSocket {
  readonly taken: Buffer[] = [];
  writes = 0;
  /** Bytes that the next writes take; one number a write, then all. */
  readonly limits: number[] = [];
  readonly remoteAddress = "";
  readonly remotePort = 0;
  readonly localPort = 0;

  write(bytes: Uint8Array, offset: number, length: number): number {
    this.writes++;
    const taken = Math.min(length, this.limits.shift() ?? length);
    if (taken > 0) this.taken.push(Buffer.from(bytes.subarray(offset, offset + taken)));
    return taken;
  }
  shutdown(): void {}
  end(): void {}
  terminate(): void {}
  pause(): void {}
  resume(): void {}
  setKeepAlive(): boolean {
    return false;
  }

  get all(): Buffer {
    return Buffer.concat(this.taken);
  }
}

type BufferStep = { readonly push: number } | { readonly take: number } | { readonly skip: number };

const bufferSteps: fc.Arbitrary<BufferStep[]> = fc.array(
  fc.oneof(
    fc.record({ push: fc.integer({ min: 1, max: 700 }) }),
    fc.record({ take: fc.oneof(fc.integer({ min: 1, max: 900 }), fc.constant(Number.POSITIVE_INFINITY)) }),
    fc.record({ skip: fc.nat(300) }),
  ),
  { maxLength: 40 },
);

describe("ReceiveBuffer", () => {
  test("ReceiveBuffer gives the bytes in order, and never touches a view again that it gave", () => {
    fc.assert(
      fc.property(bufferSteps, (steps) => {
        const buffer = new ReceiveBuffer();
        let model = Buffer.alloc(0);
        const given: { view: Uint8Array; copy: Buffer }[] = [];
        for (const [i, step] of steps.entries()) {
          if ("push" in step) {
            const chunk = patterned(step.push, i);
            model = Buffer.concat([model, chunk]);
            buffer.push(new Uint8Array(chunk));
          } else if ("take" in step) {
            const view = buffer.take(step.take);
            expect(Buffer.from(view).equals(model.subarray(0, step.take))).toBe(true);
            model = Buffer.from(model.subarray(view.length));
            given.push({ view, copy: Buffer.from(view) });
          } else {
            const count = Math.min(step.skip, buffer.size);
            buffer.skip(count);
            model = Buffer.from(model.subarray(count));
          }
          expect(buffer.size).toBe(model.length);
          expect(Buffer.from(buffer.bytes.subarray(buffer.start, buffer.end)).equals(model)).toBe(true);
          if (model.length === 0) expect(buffer.bytes).toHaveLength(0);
        }
        for (const { view, copy } of given) expect(copy.equals(view)).toBe(true);
      }),
    );
  });

  test("ReceiveBuffer gives a chunk that came alone and is taken whole without copying it", () => {
    const buffer = new ReceiveBuffer();
    const chunk = new Uint8Array(100);
    buffer.push(chunk);
    expect(buffer.take()).toBe(chunk);
  });

  test("ReceiveBuffer holds little more than twice what is unread, however small the pieces", () => {
    const buffer = new ReceiveBuffer();
    for (let i = 0; i < 50_000; i++) {
      buffer.push(new Uint8Array(3));
      buffer.take(2);
    }
    expect(buffer.size).toBe(50_000);
    expect(buffer.bytes.length).toBeLessThan(4 * 50_000);
  });
});

type OutboxStep = { readonly bytes: number } | { readonly text: number } | { readonly flush: number };

const outboxSteps: fc.Arbitrary<OutboxStep[]> = fc.array(
  fc.oneof(
    fc.record({ bytes: fc.oneof(fc.nat(300), fc.integer({ min: 8_000, max: 17_000 })) }),
    fc.record({ text: fc.oneof(fc.nat(300), fc.integer({ min: 5_400, max: 6_000 })) }),
    fc.record({ flush: fc.oneof(fc.nat(400), fc.constant(1_000_000)) }),
  ),
  { maxLength: 40 },
);

describe("Outbox", () => {
  test("Outbox copies a part behind its framing to 16 bytes of a page or later, where the copy is fast", () => {
    const outbox = new Outbox();
    const part = patterned(16 * 1024, 1);
    outbox.room(1);
    outbox.advance(outbox.end + 1);
    const at = outbox.end;
    outbox.push(part);
    expect((outbox.bytes.byteOffset + at) % 4096).toBeGreaterThanOrEqual(16);
    const socket = new TakingSocket();
    outbox.flushTo(socket);
    expect(socket.all.subarray(1).equals(part)).toBe(true);
    expect(socket.writes).toBe(1);
  });

  test("Outbox sends what was pushed in order, through any short writes, and counts it", () => {
    fc.assert(
      fc.property(outboxSteps, (steps) => {
        const outbox = new Outbox();
        const socket = new TakingSocket();
        const pushed: Buffer[] = [];
        let length = 0;
        let units = 0;
        for (const [i, step] of steps.entries()) {
          if ("flush" in step) {
            socket.limits.push(step.flush, 0, 0, 0, 0);
            expect(outbox.flushTo(socket)).toBe(true);
            socket.limits.length = 0;
          } else {
            const data = "bytes" in step ? patterned(step.bytes, i) : "é\ud800x☃".repeat(step.text).slice(0, step.text);
            if (typeof data === "string") outbox.pushText(data);
            else outbox.push(data);
            const bytes = Buffer.from(data as string);
            pushed.push(bytes);
            length += bytes.length;
          }
          // Short texts count a byte a unit until they are made into bytes.
          if ("text" in step) units += step.text;
          else if ("flush" in step || step.bytes > 0) units = length;
          const counted = outbox.pending + socket.all.length;
          expect(counted).toBeWithin(units, length + 1);
          expect(outbox.sent).toBe(socket.all.length);
        }
        // As a conn does: once a drain says so, until all is gone.
        for (let round = 0; outbox.pending > 0 && round < 1_000; round++) outbox.flushTo(socket);
        expect(socket.all.equals(Buffer.concat(pushed))).toBe(true);
        expect(outbox.bytes).toHaveLength(0);
      }),
    );
  });

  test("Outbox makes the same bytes of a text whatever text stands beside it", () => {
    const outbox = new Outbox();
    const socket = new TakingSocket();
    const texts = ["a\ud83d", "\ude00b", "", "\ud83d", "", "\ude00", "\ude00", "\u{1f600}", "\ud83d", "é", "\ude00"];
    for (const text of texts) outbox.pushText(text);
    outbox.flushTo(socket);
    expect(socket.all.toString("hex")).toBe(texts.map((text) => Buffer.from(text).toString("hex")).join(""));
    expect([outbox.sent, outbox.pending, socket.writes]).toEqual([socket.all.length, 0, 1]);
  });

  test("Outbox joins small pieces into one write, and hands a large one on without copying it", () => {
    const outbox = new Outbox();
    const socket = new TakingSocket();
    for (let i = 0; i < 100; i++) outbox.push(patterned(100, i));
    outbox.flushTo(socket);
    expect(socket.writes).toBe(1);
    const large = patterned(GATHER_BYTES);
    outbox.push(large);
    expect(outbox.bytes).toBe(large);
    outbox.flushTo(socket);
    expect(socket.writes).toBe(2);
  });

  test("Outbox.clear throws everything away, what stands in the queue too", () => {
    const outbox = new Outbox();
    for (let i = 0; i < 5; i++) {
      outbox.push(patterned(GATHER_BYTES));
      outbox.push(patterned(10));
    }
    outbox.clear();
    const socket = new TakingSocket();
    expect([outbox.pending, outbox.bytes.length, outbox.flushTo(socket), socket.writes]).toEqual([0, 0, true, 0]);
  });

  test("Outbox never lends one gather buffer to two conns at once", () => {
    const outboxes = Array.from({ length: 100 }, () => new Outbox());
    for (let round = 0; round < 3; round++) {
      for (const [i, outbox] of outboxes.entries()) {
        outbox.pushText(`conn ${i} `);
        outbox.pushText(`round ${round}`);
        outbox.room(0);
      }
      expect(new Set(outboxes.map(({ bytes }) => bytes)).size).toBe(100);
      for (const [i, outbox] of outboxes.entries()) {
        const socket = new TakingSocket();
        socket.limits.push(3, 2);
        for (let tries = 0; outbox.pending > 0 && tries < 5; tries++) outbox.flushTo(socket);
        expect(socket.all.toString()).toBe(`conn ${i} round ${round}`);
      }
    }
  });

  test("Outbox gives false when the socket is gone, in the middle of its queue too", () => {
    const outbox = new Outbox();
    for (let i = 0; i < 3; i++) outbox.push(patterned(GATHER_BYTES));
    const socket = new TakingSocket();
    socket.limits.push(GATHER_BYTES, -1);
    expect(outbox.flushTo(socket)).toBe(false);
    outbox.clear();
    outbox.pushText("after");
    expect(outbox.flushTo(socket)).toBe(true);
    expect(socket.all.subarray(GATHER_BYTES).toString()).toBe("after");
  });
});
