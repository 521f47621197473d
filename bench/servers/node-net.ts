// `node:net` on Bun, each connection read with an async iterator, as people write it. It has the echo and the line protocol.

import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

import { answerTo } from "./shared/answers.ts";
import { announce, serverFlags } from "./shared/flags.ts";

async function echo(socket: Socket): Promise<void> {
  for await (const chunk of socket) {
    if (!socket.write(chunk as Buffer)) await once(socket, "drain");
  }
  socket.end();
}

async function answerLines(socket: Socket): Promise<void> {
  let rest = "";
  socket.setEncoding("utf8");
  for await (const chunk of socket) {
    const lines = (rest + (chunk as string)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (!socket.write(`${answerTo(line.replace(/\r$/, ""))}\n`)) await once(socket, "drain");
    }
  }
  socket.end();
}

async function listen(port: number, serve: (socket: Socket) => Promise<void>): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    serve(socket).catch(() => socket.destroy());
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const { echoPort, linePort } = serverFlags();
announce({ echo: await listen(echoPort, echo), line: await listen(linePort, answerLines) });
