import type { Readable } from "node:stream";

/** More output than this is kept by nobody; the last part is what explains a failure. */
const sizeBytesMax = 1024 * 1024;

export interface Tail {
  /** What came so far, cut at the front to the last MiB. */
  text(): string;
}

/** Reads a stream to its end and keeps its last MiB. */
export function openTail(stream: Readable): Tail {
  let chunks: Buffer[] = [];
  let sizeBytes = 0;
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    // Cut only when it has doubled, so that a chatty program does not cost a copy per line.
    if (sizeBytes <= 2 * sizeBytesMax) return;
    const kept = Buffer.concat(chunks).subarray(-sizeBytesMax);
    chunks = [kept];
    sizeBytes = kept.length;
  });
  return { text: () => Buffer.concat(chunks).subarray(-sizeBytesMax).toString("utf8") };
}
