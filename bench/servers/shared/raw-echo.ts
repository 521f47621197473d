// Echo by bare callbacks: the ceiling of what this engine can do. What the kernel refuses is kept and sent at `drain`; the socket is paused
// meanwhile, so that a peer that does not read cannot fill the memory.

import { CONNECTIONS_MAX } from "./flags.ts";

type Socket = Bun.Socket<Uint8Array | undefined>;

/** Listens, for TLS where there is an identity; gives the port. `socket.data` holds what waits for the kernel. */
export function listenRawEcho(port: number, tls?: Bun.TLSOptions): number {
  let open = 0;
  const listener = Bun.listen<Uint8Array | undefined>({
    hostname: "127.0.0.1",
    port,
    allowHalfOpen: true,
    ...(tls === undefined ? {} : { tls }),
    socket: {
      open(socket) {
        if (++open > CONNECTIONS_MAX) socket.terminate();
      },
      data: send,
      drain(socket) {
        const rest = socket.data;
        if (rest === undefined) return;
        socket.data = undefined;
        socket.resume();
        send(socket, rest);
      },
      end(socket) {
        if (socket.data === undefined) socket.end();
      },
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

function send(socket: Socket, chunk: Uint8Array): void {
  const taken = socket.write(chunk);
  if (taken === chunk.length || taken < 0) return;
  socket.data = chunk.subarray(taken);
  socket.pause();
}
