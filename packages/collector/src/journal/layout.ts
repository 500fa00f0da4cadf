import { join } from "node:path";
import type { Stream } from "../model/index.ts";
import type { JournalFiles } from "./files.ts";
import { parseSegmentName, segmentName } from "./format.ts";

/** Where things lie inside the data directory. */
export function journalFolder(dir: string): string {
  return join(dir, "journal");
}

export function streamFolder(dir: string, stream: Stream): string {
  return join(journalFolder(dir), stream);
}

export function segmentPath(dir: string, stream: Stream, baseOffset: number): string {
  return join(streamFolder(dir, stream), segmentName(baseOffset));
}

export function cursorFolder(dir: string): string {
  return join(journalFolder(dir), "cursors");
}

/** Of a file that is not yet what its name says; left over, it is removed at the start. */
export const temporarySuffix = ".tmp";

/** Base offsets of the segments on disk, ascending. */
export function listSegments(files: JournalFiles, dir: string, stream: Stream): number[] {
  const bases: number[] = [];
  for (const name of files.list(streamFolder(dir, stream))) {
    const base = parseSegmentName(name);
    if (base !== undefined) bases.push(base);
  }
  return bases.sort((a, b) => a - b);
}

/**
 * The dead letters of a consumer: a folder like a data directory, with a journal of its own in it, so that what cuts torn
 * ends, fills up and is read here holds there too. Without a consumer: the folder of all.
 */
export function deadLetterFolder(dir: string, consumer = ""): string {
  return join(dir, "dead-letter", consumer);
}

/** Copies of segments in which the start found damage, for a person to look at. */
export function damagedFolder(dir: string): string {
  return join(journalFolder(dir), "damaged");
}
