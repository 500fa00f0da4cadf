import { join } from "node:path";
import type { Stream } from "../model/index.ts";
import type { Log } from "../telemetry/index.ts";
import { removeIfThere, type JournalFiles } from "./files.ts";
import { segmentName } from "./format.ts";
import { damagedFolder } from "./layout.ts";

interface DamagedContext {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
  readonly log: Log | undefined;
}

/** The newest of each stream; a disk that damages more than these needs no further evidence. */
const copyCountMax = 4;
const chunkSizeBytes = 1024 * 1024;

/**
 * Copies a segment aside before it is mended; gives the copy's path. A segment is copied once, however often it is found damaged.
 * Without room for the copy the start goes on: undefined.
 */
export function keepDamaged(
  { files, dir, stream, log }: DamagedContext,
  path: string,
  baseOffset: number,
): string | undefined {
  const folder = damagedFolder(dir);
  const copy = join(folder, `${stream}-${segmentName(baseOffset)}`);
  if (files.sizeBytes(copy) !== undefined) return copy;
  try {
    files.createFolder(folder);
    copyFile(files, path, copy);
    files.syncFolderNow(folder);
    const copies = files.list(folder).filter((name) => name.startsWith(`${stream}-`));
    for (const name of copies.toSorted().slice(0, -copyCountMax)) files.remove(join(folder, name));
    return copy;
  } catch (error) {
    log?.error("a damaged segment could not be copied aside", { path, error });
    return undefined;
  }
}

function copyFile(files: JournalFiles, from: string, to: string): void {
  const source = files.openForRead(from);
  try {
    const target = files.createForWrite(to);
    try {
      const chunk = Buffer.allocUnsafe(chunkSizeBytes);
      for (let position = 0; ; position += chunkSizeBytes) {
        const size = files.read(source, chunk, position);
        files.writeNow(target, chunk.subarray(0, size), position);
        if (size < chunkSizeBytes) break;
      }
      files.syncNow(target);
    } catch (error) {
      removeIfThere(files, to);
      throw error;
    } finally {
      files.close(target);
    }
  } finally {
    files.close(source);
  }
}
