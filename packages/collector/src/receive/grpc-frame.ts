import { refuse, type Refusal } from "./outcome.ts";

/** Compressed flag and length before each message. */
export const framePrefixBytes = 5;

export type Frame =
  | { readonly kind: "read"; readonly isCompressed: boolean; readonly message: Buffer }
  | Refusal;

/** How long the frame will be, prefix included, as soon as its first bytes are there. */
export function announcedFrameBytes(first: Buffer): number | undefined {
  return first.length < framePrefixBytes ? undefined : framePrefixBytes + first.readUInt32BE(1);
}

/**
 * The one message of a unary call.
 * @see gRPC over HTTP/2, "Length-Prefixed-Message"
 */
export function parseFrame(body: Buffer): Frame {
  if (body.length < framePrefixBytes) return refuse("undecodable", "the call holds no whole message");
  const flag = body[0]!;
  const length = body.readUInt32BE(1);
  if (flag > 1)
    return refuse("undecodable", `the message has the compressed flag ${flag}, which is neither 0 nor 1`);
  const message = body.subarray(framePrefixBytes);
  if (message.length < length)
    return refuse("undecodable", `the message is cut short: ${message.length} of ${length} bytes`);
  if (message.length > length) return refuse("undecodable", "the call holds more than one message");
  return { kind: "read", isCompressed: flag === 1, message };
}

/** A message with its prefix, uncompressed. */
export function buildFrame(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(framePrefixBytes + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, framePrefixBytes);
  return frame;
}

/** Text for the `grpc-message` trailer: printable ASCII but "%", the rest in percent signs. */
export function encodeGrpcMessage(text: string): string {
  let encoded = "";
  for (const byte of Buffer.from(text)) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
