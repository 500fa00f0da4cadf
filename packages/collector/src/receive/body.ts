import type { IncomingMessage } from "node:http";
import { pipeline, type Transform } from "node:stream";
import { createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { CollectorError } from "../model/index.ts";

/** Decompressors by Content-Encoding; undefined means the bytes come as they are. */
const decompressors: Readonly<Record<string, (() => Transform) | undefined>> = {
  "": undefined,
  identity: undefined,
  gzip: () => createGunzip(),
  deflate: () => createInflate(),
  zstd: () => createZstdDecompress(),
};

/** Whether `readBody` understands the encoding. */
export function isKnownEncoding(encoding: string): boolean {
  return Object.hasOwn(decompressors, encoding);
}

interface BodySettings {
  readonly encoding: string;
  /** Bound after decompression. */
  readonly sizeBytesMax: number;
  /** Told of every decompressed chunk; returns false when there is no memory left for it. */
  readonly reserve: (sizeBytes: number) => boolean;
}

/**
 * The whole body, decompressed. It is counted while it streams, so that a bomb costs at most the bound.
 * @throws CollectorError QUARTET_OTLP_TOO_LARGE, QUARTET_OTLP_INVALID (broken compression), QUARTET_JOURNAL_UNAVAILABLE (no memory now).
 */
export function readBody(request: IncomingMessage, settings: BodySettings): Promise<Buffer> {
  const { encoding, sizeBytesMax, reserve } = settings;
  const source = decompressors[encoding]?.();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    const stop = (error: Error) => {
      reject(error);
      source?.destroy();
      // The rest is not read; the answer closes the connection.
      request.unpipe();
      request.pause();
    };
    const take = (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > sizeBytesMax) {
        stop(
          new CollectorError(
            "QUARTET_OTLP_TOO_LARGE",
            `the request has more than ${sizeBytesMax} bytes after decompression`,
          ),
        );
      } else if (!reserve(chunk.length)) {
        stop(
          new CollectorError("QUARTET_JOURNAL_UNAVAILABLE", "too many requests are under way", {
            retryAfterMs: 1_000,
          }),
        );
      } else {
        chunks.push(chunk);
      }
    };
    const done = () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    const broken = (cause: Error) =>
      reject(
        new CollectorError("QUARTET_OTLP_INVALID", `the body cannot be read: ${cause.message}`, { cause }),
      );
    const stream = source ?? request;
    stream.on("data", take).on("end", done);
    if (source === undefined)
      request.on("error", broken).on("aborted", () => broken(new Error("the client went away")));
    else pipeline(request, source, (error) => (error ? broken(error) : undefined));
  });
}
