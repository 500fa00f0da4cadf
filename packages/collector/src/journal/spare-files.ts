import { dirname } from "node:path";
import type { Clock } from "../model/index.ts";
import { removeIfThere, type JournalFiles } from "./files.ts";
import { temporarySuffix } from "./layout.ts";

export interface SpareFilesSettings {
  readonly files: JournalFiles;
  /** Of a new segment. */
  readonly segmentSizeBytesMax: number;
  /** Removes a file that nobody reads; never rejects. */
  readonly remove: (path: string) => Promise<void>;
  /** Told of what went wrong; a new file does as well. */
  readonly onFailure: (error: unknown) => void;
  readonly clock: Clock;
}

/**
 * Files of segments that all have passed, to be written over by the next ones. The disk has their blocks already: a sync has
 * no more to write than the data, and nothing is freed while others wait for the disk.
 * What is left in them never passes for a record of the new segment, as the CRCs of those begin with its base offset.
 */
export interface SpareFiles {
  readonly sizeBytes: number;
  /** Takes a file over and resolves when it can be used (never rejects); undefined when it is not wanted and keeps its name. */
  put(path: string, sizeBytes: number): Promise<void> | undefined;
  /** Opens a file under a new name; undefined when there is none. */
  take(path: string): { readonly fd: number; readonly sizeBytes: number } | undefined;
  /** Removes those that nobody wanted for a minute, and of the rest the oldest until there are no more bytes than that. */
  shrink(sizeBytesMax: number): void;
  /** Removes all. */
  close(): Promise<void>;
}

interface Spare {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sinceMs: number;
  /** Its old name is gone for good. Before that, a power cut could bring it back with the new content, which would look like damage. */
  isReady: boolean;
}

/** derive passes so many at a time, at 100 MB/s. */
const countMax = 8;
const unusedMsMax = 60_000;

export function createSpareFiles(settings: SpareFilesSettings): SpareFiles {
  const { files, segmentSizeBytesMax, remove, onFailure, clock } = settings;
  /** Oldest first. */
  const spares: Spare[] = [];
  let isClosed = false;

  const sum = (): number => spares.reduce((total, { sizeBytes }) => total + sizeBytes, 0);

  const settle = async (spare: Spare): Promise<void> => {
    try {
      await files.syncFolder(dirname(spare.path));
      spare.isReady = true;
    } catch (error) {
      onFailure(error);
      const at = spares.indexOf(spare);
      if (at !== -1) spares.splice(at, 1);
      await remove(spare.path);
    }
  };

  return {
    get sizeBytes() {
      return sum();
    },
    put(path, sizeBytes) {
      const isOfUse = sizeBytes >= segmentSizeBytesMax / 2 && sizeBytes <= segmentSizeBytesMax;
      if (isClosed || !isOfUse || spares.length >= countMax) return undefined;
      const spare = {
        path: `${path}.spare${temporarySuffix}`,
        sizeBytes,
        sinceMs: clock.nowMs(),
        isReady: false,
      };
      try {
        files.rename(path, spare.path);
      } catch (error) {
        onFailure(error);
        return undefined;
      }
      spares.push(spare);
      return settle(spare);
    },
    take(path) {
      const at = spares.findLastIndex(({ isReady }) => isReady);
      if (at === -1) return undefined;
      const [spare] = spares.splice(at, 1);
      try {
        files.rename(spare!.path, path);
        return { fd: files.openForWrite(path), sizeBytes: spare!.sizeBytes };
      } catch (error) {
        onFailure(error);
        // The caller is about to create a file of this name.
        removeIfThere(files, path);
        void remove(spare!.path);
        return undefined;
      }
    },
    shrink(sizeBytesMax) {
      const usedSinceMs = clock.nowMs() - unusedMsMax;
      while (spares.length > 0 && (spares[0]!.sinceMs < usedSinceMs || sum() > sizeBytesMax))
        void remove(spares.shift()!.path);
    },
    async close() {
      isClosed = true;
      await Promise.all(spares.splice(0).map(({ path }) => remove(path)));
    },
  };
}
