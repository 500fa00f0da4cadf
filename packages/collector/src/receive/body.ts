import { finished, Readable, type Transform } from "node:stream";
import { createGunzip, createInflate, createZstdDecompress, type Zlib } from "node:zlib";
import { http, type Clock } from "../model/index.ts";
import type { Room } from "./admission.ts";
import type { Blocks } from "./blocks.ts";
import { smallDecompressors } from "./decompress-small.ts";
import { Gatherer } from "./gather.ts";
import { refuse, type Refusal } from "./outcome.ts";
import { watchPace } from "./pace.ts";
import { severalFramesMessage, zstdParameters } from "./zstd.ts";

/** Larger than the default of 16 KiB: each chunk is a trip to the thread pool and back. */
const chunkSize = 128 * 1024;

/** Each piece costs microseconds, so that a body in pieces of one byte would keep everybody waiting for minutes. */
const piecesMin = 10_000;
const pieceBytesMin = 16;

/** Decompressors by Content-Encoding or grpc-encoding; undefined means the bytes come as they are. */
const decompressors = new Map<string, (() => Transform & Zlib) | undefined>([
  ["", undefined],
  ["identity", undefined],
  ["gzip", () => createGunzip({ chunkSize })],
  ["deflate", () => createInflate({ chunkSize })],
  ["zstd", () => createZstdDecompress({ chunkSize, params: zstdParameters })],
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
  readonly blocks: Blocks;
  /** How long the body may take to arrive. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * The whole body, decompressed. What was announced is reserved before it is read, the rest as it comes: a bomb costs the bound at most.
 * After a refusal the rest of the source is not read any more; the caller drains or closes it.
 */
export async function readBody(source: Readable, settings: BodySettings): Promise<Body> {
  const packedBytes = settings.announced(Buffer.alloc(0)) ?? Infinity;
  const isSmall = packedBytes <= Math.min(smallPackedBytesMax, settings.sizeBytesMax);
  if (!isSmall || !smallDecompressors.has(settings.encoding)) return readStream(source, settings);
  const packed = await readStream(source, { ...settings, encoding: "identity" });
  return packed.kind === "read" ? unpackBody(packed.bytes, settings) : packed;
}

/** Decompresses a body that is here already, and for which room is kept; its memory is given back. */
export async function unpackBody(packed: Buffer, settings: Omit<BodySettings, "announced">): Promise<Body> {
  const { encoding, sizeBytesMax, room, blocks } = settings;
  try {
    const isSmall = packed.length <= smallPackedBytesMax;
    const decompress = isSmall ? smallDecompressors.get(encoding) : undefined;
    const bytes = decompress?.(packed, Math.min(smallBytesMax, sizeBytesMax));
    if (bytes === undefined)
      return await readStream(Readable.from([packed]), { ...settings, announced: () => undefined });
    blocks.adopt(bytes);
    return room.grow(bytes.length) ?? { kind: "read", bytes };
  } catch (error) {
    return refuseUndecodable(error as Error);
  } finally {
    blocks.give(packed);
  }
}

function readStream(source: Readable, settings: BodySettings): Promise<Body> {
  const { sizeBytesMax, room } = settings;
  const decompressor = decompressors.get(settings.encoding)?.();
  const stream = decompressor ?? source;
  return new Promise((resolve) => {
    // Those of HTTP/2 lie in what the session has read.
    const ownsPieces = decompressor !== undefined || source instanceof http.IncomingMessage;
    const gatherer = new Gatherer({ blocks: settings.blocks, ownsPieces });
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
    stream.on("end", () => {
      const isWhole =
        decompressor === undefined ||
        settings.encoding !== "zstd" ||
        decompressor.bytesWritten === receivedBytes;
      settle(
        isWhole
          ? { kind: "read", bytes: gatherer.take() }
          : refuseUndecodable(new Error(severalFramesMessage)),
      );
    });
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
