import { closeSync, fsync, fsyncSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { crc32, zstdCompressSync } from "node:zlib";
import type { Labels } from "../../model/index.ts";
import type { EncodedChunk } from "../chunk/index.ts";
import {
  crcBytes,
  encodeTrailer,
  publish,
  temporaryPath,
  type BlockFacts,
  type PartPlace,
} from "./block-file.ts";
import { BlockIndexWriter, type ChunkPlace } from "./block-index.ts";

const bufferBytes = 256 * 1024;
const fsyncAsync = promisify(fsync);

/** Writes one block. Errors are those of node:fs. */
export interface BlockWriter {
  /** One series with all its chunks, ascending by time; each series once. A chunk is done with when the next one is asked for. */
  add(labels: Labels, chunks: Iterable<EncodedChunk>): void;
  /** Bytes that belong to no series, behind the chunks of all; who reads them must be told where, by `extra` of `finish`. */
  addPart(bytes: Uint8Array): PartPlace;
  /** Syncs what was added so far beside the event loop, so that `finish` has little to wait for. */
  settle(): Promise<void>;
  /** Syncs the file and gives it its name, in the place of one that has it already. Blocks its thread until then. */
  finish(range: { readonly startMs: number; readonly endMs: number }, extra?: object): BlockFacts;
  /** Removes the unfinished file; after `finish` it does nothing. */
  [Symbol.dispose](): void;
}

export function openBlockWriter(path: string): BlockWriter {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = temporaryPath(path);
  const fd = openSync(temporary, "w", 0o640);
  const index = new BlockIndexWriter();
  const buffer = Buffer.allocUnsafe(bufferBytes);
  let buffered = 0;
  let written = 0;
  let isOpen = true;

  function flush(): void {
    writeAll(buffer.subarray(0, buffered));
    buffered = 0;
  }

  function writeAll(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const count = writeSync(fd, bytes, done, bytes.length - done, written);
      done += count;
      written += count;
    }
  }

  function append(bytes: Uint8Array): void {
    if (buffered + bytes.length > bufferBytes) flush();
    if (bytes.length > bufferBytes) {
      writeAll(bytes);
      return;
    }
    buffer.set(bytes, buffered);
    buffered += bytes.length;
  }

  const checksum = Buffer.alloc(crcBytes);
  function appendChecked(bytes: Uint8Array): void {
    append(bytes);
    checksum.writeUInt32LE(crc32(bytes));
    append(checksum);
  }

  return {
    add(labels, chunks) {
      const places: ChunkPlace[] = [];
      for (const { bytes, ...place } of chunks) {
        appendChecked(bytes);
        places.push({ ...place, sizeBytes: bytes.length });
      }
      index.add(labels, places);
    },
    addPart(bytes) {
      const offset = written + buffered;
      appendChecked(bytes);
      return { offset, sizeBytes: bytes.length };
    },
    async settle() {
      flush();
      await fsyncAsync(fd);
    },
    finish(range, extra = {}) {
      const { facts, bytes } = index.finish(range, extra);
      // Not knowing the size, zstd would take memory for a window of 2 MiB.
      const packed = zstdCompressSync(bytes, { pledgedSrcSize: bytes.length });
      const indexOffset = written + buffered;
      append(packed);
      append(encodeTrailer({ indexOffset, indexBytes: packed.length, indexCrc: crc32(packed) }));
      flush();
      fsyncSync(fd);
      closeSync(fd);
      isOpen = false;
      publish(path);
      return facts;
    },
    [Symbol.dispose]() {
      if (!isOpen) return;
      isOpen = false;
      closeSync(fd);
      rmSync(temporary, { force: true });
    },
  };
}
