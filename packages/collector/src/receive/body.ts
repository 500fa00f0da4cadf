import { finished, Readable, type Transform } from "node:stream";
import {
  constants,
  createGunzip,
  createInflate,
  createZstdDecompress,
  gunzipSync,
  inflateSync,
  type ZlibOptions,
} from "node:zlib";
import type { Clock } from "../model/index.ts";
import type { Room } from "./admission.ts";
import type { Blocks } from "./blocks.ts";
import { Gatherer } from "./gather.ts";
import { refuse, type Refusal } from "./outcome.ts";
import { watchPace } from "./pace.ts";

/** Larger than the default of 16 KiB: each chunk is a trip to the thread pool and back. */
const chunkSize = 128 * 1024;

/** Each piece costs microseconds, so that a body in pieces of one byte would keep everybody waiting for minutes. */
const piecesMin = 10_000;
const pieceBytesMin = 16;

/** A window of 8 MiB, the largest that a sender may ask for (RFC 9659): it is memory that nobody counts. */
const zstdParameters = { [constants.ZSTD_d_windowLogMax]: 23 };

/** Decompressors by Content-Encoding or grpc-encoding; undefined means the bytes come as they are. */
const decompressors = new Map<string, (() => Transform) | undefined>([
  ["", undefined],
  ["identity", undefined],
  ["gzip", () => createGunzip({ chunkSize })],
  ["deflate", () => createInflate({ chunkSize })],
  ["zstd", () => createZstdDecompress({ chunkSize, params: zstdParameters })],
]);

/** By encoding, for small bodies: the way to the thread pool and back, once for each chunk, costs more than the work itself. */
const smallDecompressors = new Map<string, (packed: Buffer, options: ZlibOptions) => Buffer>([
  ["gzip", gunzipSync],
  ["deflate", inflateSync],
]);

/** What small means, before and after decompression: nobody else is served meanwhile, for some milliseconds at most. */
const smallPackedBytesMax = 128 * 1024;
const smallBytesMax = 1024 * 1024;

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
  /** How many bytes there will be before decompression, as far as the first of them say; asked until it is known. */
  readonly announced: (first: Buffer) => number | undefined;
  readonly room: Room;
  /** Where the body lies if it is large; who is done with it gives it back. */
  readonly blocks?: Blocks;
  /** How long the body may take to arrive. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * The whole body, decompressed. What was announced is reserved before it is read, the rest as it comes: a bomb costs the bound at most.
 * After a refusal the rest of the source is not read any more; the caller drains or closes it.
 */
export function readBody(source: Readable, settings: BodySettings): Promise<Body> {
  const decompress = smallDecompressors.get(settings.encoding);
  const packedBytes = settings.announced(Buffer.alloc(0)) ?? Infinity;
  return decompress !== undefined && packedBytes <= Math.min(smallPackedBytesMax, settings.sizeBytesMax)
    ? readSmall(source, { decompress, packedBytes, settings })
    : readStream(source, settings);
}

interface SmallBody {
  readonly decompress: (packed: Buffer, options: ZlibOptions) => Buffer;
  readonly packedBytes: number;
  readonly settings: BodySettings;
}

async function readSmall(source: Readable, { decompress, packedBytes, settings }: SmallBody): Promise<Body> {
  const { sizeBytesMax, room, blocks } = settings;
  const packed = await readStream(source, { ...settings, encoding: "identity" });
  if (packed.kind !== "read") return packed;
  const maxOutputLength = Math.min(smallBytesMax, sizeBytesMax);
  try {
    const bytes = decompress(packed.bytes, { chunkSize, maxOutputLength });
    const refusal = bytes.length > packedBytes ? room.grow(bytes.length - packedBytes) : undefined;
    return refusal ?? { kind: "read", bytes };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE")
      return refuseUndecodable(error as Error);
    if (sizeBytesMax <= smallBytesMax) return refuseTooLarge(sizeBytesMax);
    return await readStream(Readable.from([packed.bytes]), { ...settings, announced: () => undefined });
  } finally {
    blocks?.give(packed.bytes);
  }
}

function readStream(source: Readable, settings: BodySettings): Promise<Body> {
  const { sizeBytesMax, room } = settings;
  const decompressor = decompressors.get(settings.encoding)?.();
  const stream = decompressor ?? source;
  return new Promise((resolve) => {
    const gatherer = new Gatherer(settings.blocks);
    let announcedBytes: number | undefined;
    let receivedBytes = 0;
    let pieceCount = 0;
    let reservedBytes = 0;
    let isSettled = false;
    const settle = (body: Body) => {
      if (isSettled) return;
      isSettled = true;
      stopWatching();
      stream.off("data", take);
      source.off("data", count);
      source.pause();
      if (decompressor !== undefined) {
        source.unpipe(decompressor);
        decompressor.destroy();
      }
      resolve(body);
    };
    const stopWatching = watchPace({
      clock: settings.clock,
      timeoutMs: settings.timeoutMs,
      // While it waits for us it cannot be slow.
      receivedBytes: () => (source.readableFlowing === true ? receivedBytes : undefined),
      announcedBytes: () => announcedBytes,
      onSlow: (message) => settle(refuse("slow", message)),
    });
    /** Holds so many bytes in all. */
    const reserve = (wantedBytes: number): boolean => {
      if (wantedBytes <= reservedBytes) return true;
      const refusal = room.grow(wantedBytes - reservedBytes);
      if (refusal !== undefined) {
        settle(refusal);
        return false;
      }
      reservedBytes = wantedBytes;
      return true;
    };
    const admit = (first: Buffer): boolean => {
      if (announcedBytes !== undefined) return true;
      announcedBytes = settings.announced(first);
      if (announcedBytes === undefined) return true;
      if (announcedBytes <= sizeBytesMax) return reserve(announcedBytes);
      // Packed it cannot be much larger than unpacked, but it may be a little.
      if (decompressor !== undefined) return reserve(sizeBytesMax);
      settle(refuseTooLarge(sizeBytesMax));
      return false;
    };
    const count = (chunk: Buffer) => {
      receivedBytes += chunk.length;
      pieceCount += 1;
      if (pieceCount > piecesMin && receivedBytes < pieceCount * pieceBytesMin) {
        const message = `the body comes in pieces of less than ${pieceBytesMin} bytes; send larger ones`;
        settle(refuse("fragmented", message));
      }
    };
    const take = (chunk: Buffer) => {
      if (decompressor === undefined) {
        count(chunk);
        if (isSettled || !admit(chunk)) return;
      }
      const sizeBytes = gatherer.sizeBytes + chunk.length;
      if (sizeBytes > sizeBytesMax) settle(refuseTooLarge(sizeBytesMax));
      else if (reserve(sizeBytes))
        gatherer.push(chunk, decompressor === undefined ? announcedBytes : undefined);
    };
    if (!admit(Buffer.alloc(0))) return;
    stream.on("data", take);
    stream.on("end", () => settle({ kind: "read", bytes: gatherer.take() }));
    finished(source, { writable: false }, (error) => {
      if (error) settle(refuse("client_left", "the client left before the end of its request"));
    });
    if (decompressor === undefined) return;
    decompressor.on("error", (error) => settle(refuseUndecodable(error)));
    source.on("data", count);
    source.pipe(decompressor);
  });
}

function refuseUndecodable(error: Error): Refusal {
  return refuse("undecodable", `the body cannot be decompressed: ${error.message}`);
}

export function refuseTooLarge(sizeBytesMax: number): Refusal {
  return refuse(
    "too_large",
    `the request has more than ${sizeBytesMax} bytes after decompression; send smaller batches`,
  );
}
