// The back end, a process of its own whose CPU time is nobody's: answers 200 to every export and counts its spans.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { SinkCount } from "./messages.ts";

const counts: Record<string, SinkCount> = {};

process.on("disconnect", () => process.exit());
process.on("message", () => process.send!(counts));

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    count(request, Buffer.concat(chunks));
    response.setHeader("content-type", "application/x-protobuf");
    response.setHeader("content-length", "0");
    response.end();
  });
});
server.listen(0, "127.0.0.1", () => process.send!({ port: (server.address() as AddressInfo).port }));

function count(request: IncomingMessage, body: Buffer): void {
  const name = request.url!.split("/")[1]!;
  const { spans, requests } = counts[name] ?? { spans: 0, requests: 0 };
  counts[name] = { spans: spans + countFields(body, 0, body.length, [1, 2, 2]), requests: requests + 1 };
}

/** How many fields lie at a path of field numbers; a request's spans at 1 (resource_spans), 2 (scope_spans), 2 (spans). Not the scanner under test. */
function countFields(bytes: Buffer, start: number, end: number, path: readonly number[]): number {
  let found = 0;
  let position = start;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[position++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (position < end) {
    const tag = varint();
    const field = tag >>> 3;
    const wireType = tag & 7;
    if (wireType === 0) varint();
    else if (wireType === 1) position += 8;
    else if (wireType === 5) position += 4;
    else {
      const length = varint();
      if (field === path[0])
        found += path.length === 1 ? 1 : countFields(bytes, position, position + length, path.slice(1));
      position += length;
    }
  }
  if (position !== end) throw new Error(`a message ends at ${position} instead of ${end}`);
  return found;
}
