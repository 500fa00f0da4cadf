import { constants } from "node:http2";
import type { Duplex } from "node:stream";
import type { Clock } from "../model/index.ts";
import { encodeStatus } from "../otlp/index.ts";
import { rpcCode } from "./outcome.ts";

const frameSettings = 4;
const frameGoAway = 7;

/** A whole HTTP/1.1 answer with a Status, for what came before there was a request. */
export function buildHttp1Refusal(status: string, message: string): Buffer {
  const body = encodeStatus("application/json", { code: rpcCode.invalidArgument, message });
  const head = `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
}

/**
 * The server's side of a connection in HTTP/2 that ends before its first request; clients show the text in their error.
 * @see RFC 9113, 3.4 and 6.8
 */
export function buildHttp2Refusal(message: string): Buffer {
  const text = Buffer.from(message);
  const goAway = Buffer.alloc(8);
  goAway.writeUInt32BE(constants.NGHTTP2_INADEQUATE_SECURITY, 4);
  return Buffer.concat([
    frame(frameSettings, Buffer.alloc(0)),
    frame(frameGoAway, Buffer.concat([goAway, text])),
  ]);
}

/** A frame of the connection as a whole, without flags. */
function frame(type: number, content: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(content.length, 0, 3);
  head[3] = type;
  return Buffer.concat([head, content]);
}

/** How long a client has to hear the last that it is told. */
const farewellMs = 1_000;

/**
 * Says something for the last time and ends the connection, whatever the client does: one that never ends its side would keep it open.
 * What it goes on to send is thrown away: unread it would reset the connection, and the answer with it.
 */
export function sayFarewell(
  socket: Duplex,
  { answer, clock }: { readonly answer: Buffer; readonly clock: Clock },
): void {
  const cancel = clock.setTimer(() => socket.destroy(), farewellMs);
  socket.once("close", cancel).on("error", () => socket.destroy());
  socket.end(answer);
  socket.resume();
}
