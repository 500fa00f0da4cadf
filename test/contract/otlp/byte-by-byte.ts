import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";

/** Each byte in a segment of its own. */
export async function writeByteByByte(socket: Duplex, bytes: Uint8Array): Promise<void> {
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]));
    await turn();
  }
}

/** A connection that sends its first hundred bytes one at a time. */
export function byteByByte(socket: Duplex): Duplex {
  let slowBytes = 100;
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const slow = chunk.subarray(0, slowBytes);
      slowBytes -= slow.length;
      writeByteByByte(socket, slow).then(
        () => socket.write(chunk.subarray(slow.length), done),
        (error: Error) => done(error),
      );
    },
  });
  socket.on("data", (chunk: Buffer) => duplex.push(chunk));
  socket.on("close", () => duplex.destroy());
  return duplex;
}
