// The floor of plain Node for the same work, nothing looked at: receive, write, one fdatasync for all that came in meanwhile,
// answer, forward. `node floor.ts FILE SINK_URL`
import { fdatasync, openSync, writev } from "node:fs";
import { Agent, createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const [file, sinkUrl] = process.argv.slice(2);
const fd = openSync(file!, "w");
const agent = new Agent({ keepAlive: true });
let waiting: { readonly body: Buffer; readonly response: ServerResponse }[] = [];
let isRunning = false;
let position = 0;

const server = createServer((incoming, response) => {
  const chunks: Buffer[] = [];
  incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
  incoming.on("end", () => {
    waiting.push({ body: Buffer.concat(chunks), response });
    if (!isRunning) sync();
  });
});
server.listen(0, "127.0.0.1", () => {
  console.log(`floor: listening on 127.0.0.1:${(server.address() as AddressInfo).port}`);
});

function sync(): void {
  const group = waiting;
  waiting = [];
  isRunning = group.length > 0;
  if (!isRunning) return;
  const bodies = group.map(({ body }) => body);
  writev(fd, bodies, position, (writeError, written) => {
    if (writeError) throw writeError;
    position += written;
    fdatasync(fd, (syncError) => {
      if (syncError) throw syncError;
      for (const { response } of group) response.end();
      forward(bodies);
      sync();
    });
  });
}

function forward(bodies: readonly Buffer[]): void {
  const length = bodies.reduce((sum, body) => sum + body.length, 0);
  const headers = { "content-type": "application/x-protobuf", "content-length": length };
  const outgoing = request(sinkUrl!, { method: "POST", agent, headers }, (answer) => answer.resume());
  for (const body of bodies) outgoing.write(body);
  outgoing.end();
}
