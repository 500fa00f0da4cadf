import { finished, type Readable, type Transform } from "node:stream";
import { createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import type { Clock } from "../model/index.ts";
import type { Budget, Reservation } from "./budget.ts";
import { refuse, type Refusal } from "./outcome.ts";

/** Larger than the default of 16 KiB: each chunk is a trip to the thread pool and back. */
const chunkSize = 128 * 1024;

/** Decompressors by Content-Encoding or grpc-encoding; undefined means the bytes come as they are. */
const decompressors = new Map<string, (() => Transform) | undefined>([
  ["", undefined],
  ["identity", undefined],
  ["gzip", () => createGunzip({ chunkSize })],
  ["deflate", () => createInflate({ chunkSize })],
  ["zstd", () => createZstdDecompress({ chunkSize })],
]);

/** What a client may compress with, best first. */
export const knownEncodings: readonly string[] = ["zstd", "gzip", "deflate", "identity"];

export function isKnownEncoding(encoding: string): boolean {
  return decompressors.has(encoding);
}

export type Body = { readonly kind: "read"; readonly bytes: Buffer } | Refusal;

export interface BodySettings {
  /** A known one. */
  readonly encoding: string;
  /** Bound after decompression. */
  readonly sizeBytesMax: number;
  readonly budget: Budget;
  readonly reservation: Reservation;
  /** How long the body may take to arrive. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * The whole body, decompressed. It is counted while it streams, so that a bomb costs at most the bound.
 * After a refusal the rest of the source is not read any more; the caller drains or closes it.
 */
export function readBody(source: Readable, settings: BodySettings): Promise<Body> {
  const { sizeBytesMax, budget, reservation } = settings;
  const decompressor = decompressors.get(settings.encoding)?.();
  const stream = decompressor ?? source;
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let sizeBytes = 0;
    let isSettled = false;
    const cancelTimer = settings.clock.setTimer(
      () => settle(refuse("slow", `the request took longer than ${settings.timeoutMs / 1_000} s to arrive`)),
      settings.timeoutMs,
    );
    const settle = (body: Body) => {
      if (isSettled) return;
      isSettled = true;
      cancelTimer();
      chunks = [];
      stream.off("data", take);
      source.pause();
      if (decompressor !== undefined) {
        source.unpipe(decompressor);
        decompressor.destroy();
      }
      resolve(body);
    };
    const take = (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > sizeBytesMax) settle(refuseTooLarge(sizeBytesMax));
      else if (!reservation.grow(chunk.length)) {
        settle(
          refuse(
            "memory_full",
            "requests under way take all the memory there is for them",
            budget.retryAfterMs(),
          ),
        );
      } else chunks.push(chunk);
    };
    stream.on("data", take);
    stream.on("end", () =>
      settle({ kind: "read", bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks) }),
    );
    finished(source, { writable: false }, (error) => {
      if (error) settle(refuse("client_left", "the client left before the end of its request"));
    });
    if (decompressor === undefined) return;
    decompressor.on("error", (error) =>
      settle(refuse("undecodable", `the body cannot be decompressed: ${error.message}`)),
    );
    source.pipe(decompressor);
  });
}

export function refuseTooLarge(sizeBytesMax: number): Refusal {
  return refuse(
    "too_large",
    `the request has more than ${sizeBytesMax} bytes after decompression; send smaller batches`,
  );
}
