import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { closeServer, listenAt } from "./listen.ts";

test("a server that could not accept a connection goes on, however often that happens", async () => {
  const server = createServer((socket) => socket.end("hello"));
  const address = await listenAt(server, { host: "127.0.0.1", port: 0 }, "receive.otlp.listen");
  for (let round = 0; round < 3; round += 1) server.emit("error", new Error("accept EMFILE"));
  const socket = connect(Number(address.split(":")[1]), "127.0.0.1");
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toBe("hello");
  socket.destroy();
  await closeServer(server);
});
