import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { CollectorError } from "../../model/index.ts";

/**
 * A block: every sample of a stretch of time, in one file that never changes.
 *
 *   chunks    of one series after another, each followed by its CRC-32
 *   index     zstd of: facts as JSON, symbols, series with their chunks (block-index.ts)
 *   trailer   32 bytes: where the index begins (float64), its length and CRC-32, CRC-32 of the trailer, version, "QTBLOCK\n"
 *
 * A file gets its name when it is whole and synced. The name says the stretch: a block whose stretch lies within that of another
 * was merged into it, so no crash between writing one and deleting the other leaves anything in doubt.
 */
export const blockVersion = 1;
export const crcBytes = 4;
export const trailerBytes = 32;
const magic = "QTBLOCK\n";
const temporarySuffix = ".tmp";
const damagedSuffix = ".damaged";
/** The samples of the head at a moment, with the place in the stream up to which they are there. */
export const snapshotName = "head.snapshot";

/** What a block says of itself. */
export interface BlockFacts {
  /** All samples are at or after `startMs` and before `endMs`, Unix ms. */
  readonly startMs: number;
  readonly endMs: number;
  readonly seriesCount: number;
  readonly chunkCount: number;
  readonly sampleCount: number;
}

export interface BlockName {
  readonly path: string;
  readonly startMs: number;
  readonly endMs: number;
}

export function blockPath(dir: string, { startMs, endMs }: { startMs: number; endMs: number }): string {
  return join(dir, `${startMs}-${endMs}.block`);
}

/** The blocks of a folder, ascending by time, without those that were merged into others. */
export function listBlocks(dir: string): BlockName[] {
  const all = namesIn(dir).flatMap((name) => {
    const match = /^(-?\d+)-(-?\d+)\.block$/.exec(name);
    if (match === null) return [];
    return [{ path: join(dir, name), startMs: Number(match[1]), endMs: Number(match[2]) }];
  });
  return all
    .filter((block) => !all.some((other) => other !== block && lies(block, other)))
    .sort((left, right) => left.startMs - right.startMs);
}

/** Files that were moved aside. */
export function listDamaged(dir: string): string[] {
  return namesIn(dir)
    .filter((name) => name.endsWith(damagedSuffix))
    .map((name) => join(dir, name));
}

function lies(block: BlockName, other: BlockName): boolean {
  return block.startMs >= other.startMs && block.endMs <= other.endMs;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    // What stands in the folder's place is reported by whoever wants to write there.
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return [];
    throw error;
  }
}

/** Removes what a crash left behind: files that were never finished, blocks that were merged into others. */
export function removeLeftovers(dir: string): void {
  const kept = new Set(listBlocks(dir).map(({ path }) => basename(path)));
  for (const name of namesIn(dir)) {
    const isMerged = name.endsWith(".block") && !kept.has(name);
    if (isMerged || name.endsWith(temporarySuffix)) rmSync(join(dir, name), { force: true });
  }
}

/** The name under which a file is written. */
export const temporaryPath = (path: string): string => path + temporarySuffix;

/** Gives a file that is synced its name, for good. */
export function publish(path: string): void {
  renameSync(temporaryPath(path), path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Puts a damaged file where a person finds it and nobody reads it; gives its new name, or undefined when another thread was first. */
export function moveAside(path: string): string | undefined {
  const aside = path + damagedSuffix;
  try {
    renameSync(path, aside);
    return aside;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Where in a file bytes stand that belong to no series; their checksum follows them. */
export interface PartPlace {
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface Trailer {
  readonly indexOffset: number;
  readonly indexBytes: number;
  readonly indexCrc: number;
}

export function encodeTrailer({ indexOffset, indexBytes, indexCrc }: Trailer): Buffer {
  const trailer = Buffer.alloc(trailerBytes);
  trailer.writeDoubleLE(indexOffset, 0);
  trailer.writeUInt32LE(indexBytes, 8);
  trailer.writeUInt32LE(indexCrc, 12);
  trailer.writeUInt32LE(crc32(trailer.subarray(0, 16)), 16);
  trailer.writeUInt32LE(blockVersion, 20);
  trailer.write(magic, 24, "latin1");
  return trailer;
}

/** @throws CollectorError QUARTET_BLOCK_INVALID; QUARTET_STATE_INVALID when a newer version wrote it. */
export function decodeTrailer(trailer: Buffer, path: string, fileBytes: number): Trailer {
  if (trailer.length !== trailerBytes || trailer.toString("latin1", 24) !== magic)
    throw damagedFile(path, "it does not end as a block does");
  const version = trailer.readUInt32LE(20);
  if (version > blockVersion) {
    throw new CollectorError(
      "QUARTET_STATE_INVALID",
      `${path} has version ${version}, this program knows ${blockVersion}: start the newer one, or move the file away to do without its samples`,
    );
  }
  const indexOffset = trailer.readDoubleLE(0);
  const indexBytes = trailer.readUInt32LE(8);
  const isWhole = crc32(trailer.subarray(0, 16)) === trailer.readUInt32LE(16);
  if (!isWhole || indexOffset + indexBytes + trailerBytes !== fileBytes)
    throw damagedFile(path, "its trailer is wrong");
  return { indexOffset, indexBytes, indexCrc: trailer.readUInt32LE(12) };
}

export function damagedFile(path: string, problem: string, cause?: unknown): CollectorError {
  return new CollectorError("QUARTET_BLOCK_INVALID", `${path} is damaged: ${problem}`, { cause });
}
