// A listening socket with bare callbacks, and what every connection on it needs: bytes that the kernel refused are kept in order and sent at
// `drain`, and the socket is paused meanwhile, so that a peer that does not read cannot fill the memory.

import { CONNECTIONS_MAX } from "./flags.ts";

type Socket = Bun.Socket<RawConnection | undefined>;

/** One connection of a raw arm. */
export abstract class RawConnection {
  readonly #socket: Socket;
  /** What the kernel refused, oldest first. */
  #refused: Uint8Array[] = [];
  /** The last byte is written: FIN follows it. */
  #finishing = false;
  /** The peer's FIN came: the socket closes behind what was written. */
  #ended = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes came. They belong to the connection. */
  abstract data(chunk: Uint8Array): void;

  /** All that was written is with the kernel, after it had refused some. */
  protected writable(): void {}

  /** The kernel holds back: whoever has more to write does so in `writable`. */
  protected get isBlocked(): boolean {
    return this.#refused.length > 0;
  }

  /** Writes `length` bytes from `at`. What the kernel refuses of them is copied where `reused` says that the array is written to again. */
  protected write(bytes: Uint8Array, at: number, length: number, reused: boolean): void {
    const taken = this.isBlocked ? 0 : this.#socket.write(bytes, at, length);
    if (taken < 0 || taken === length) return;
    const rest = bytes.subarray(at + taken, at + length);
    if (!this.isBlocked) this.#socket.pause();
    this.#refused.push(reused ? rest.slice() : rest);
  }

  /** Sends FIN behind what was written. What still comes is dropped. */
  protected finish(): void {
    this.#finishing = true;
    if (!this.isBlocked) this.#socket.shutdown();
  }

  protected get isFinishing(): boolean {
    return this.#finishing;
  }

  drain(): void {
    if (!this.isBlocked) return;
    const refused = this.#refused;
    for (let bytes = refused[0]; bytes !== undefined; bytes = refused[0]) {
      const taken = this.#socket.write(bytes, 0, bytes.length);
      if (taken < 0) break;
      if (taken < bytes.length) {
        refused[0] = bytes.subarray(taken);
        return;
      }
      refused.shift();
    }
    this.#refused = [];
    this.#socket.resume();
    if (this.#finishing) this.#socket.shutdown();
    else this.writable();
    if (this.#ended && !this.isBlocked) this.#socket.end();
  }

  inputEnded(): void {
    this.#ended = true;
    if (!this.isBlocked) this.#socket.end();
  }
}

/** Listens; gives the port. `make` makes the state of each connection. */
export function listenRaw(port: number, make: (socket: Socket) => RawConnection): number {
  let open = 0;
  const listener = Bun.listen<RawConnection | undefined>({
    hostname: "127.0.0.1",
    port,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = make(socket);
        if (++open > CONNECTIONS_MAX) socket.terminate();
      },
      data: (socket, chunk) => socket.data?.data(chunk),
      drain: (socket) => socket.data?.drain(),
      end: (socket) => socket.data?.inputEnded(),
      close() {
        open--;
      },
      error(_socket, error) {
        throw error;
      },
    },
  });
  return listener.port;
}
