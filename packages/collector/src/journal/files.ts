import {
  close,
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  open,
  openSync,
  read,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
  writev,
} from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { temporarySuffix } from "./layout.ts";
import { removeAtOnce, removeInSteps } from "./remove-file.ts";

/**
 * The little of a file system that the journal stands on, as a parameter: tests put in disks that fill up, fail and lose power.
 * What an append waits for is asynchronous; rare and short operations are not. Errors are those of node:fs (`code` is ENOSPC, EIO …).
 */
export interface JournalFiles {
  /** Creates a folder with its parents; the new entries are synced. */
  createFolder(path: string): void;
  /** Names in a folder; [] when there is no such folder. */
  list(folder: string): readonly string[];
  /** undefined when there is no such file. */
  sizeBytes(path: string): number | undefined;
  openForRead(path: string): number;
  openForWrite(path: string): number;
  /** Creates a file that must not exist yet. */
  createForWrite(path: string): number;
  openFileSizeBytes(fd: number): number;
  /** Bytes read; fewer than asked for only at the end of the file. */
  read(fd: number, into: Uint8Array, position: number): number;
  /** As `read`, beside the event loop. */
  readLater(fd: number, into: Uint8Array, position: number): Promise<number>;
  writeNow(fd: number, bytes: Uint8Array, position: number): void;
  truncate(fd: number, sizeBytes: number): void;
  close(fd: number): void;
  remove(path: string): void;
  rename(from: string, to: string): void;
  syncNow(fd: number): void;
  syncFolderNow(path: string): void;
  /** Writes all buffers one after another; on an error any part of them may be on disk. */
  write(fd: number, buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Resolves when the data and the size of the file are on disk. */
  sync(fd: number): Promise<void>;
  /** Resolves when the entries of the folder are on disk. */
  syncFolder(path: string): Promise<void>;
  /** Removes a file beside the event loop, in small steps when nobody reads it any more. */
  removeLater(path: string, isUnread: boolean): Promise<void>;
}

const openAsync = promisify(open);
const closeAsync = promisify(close);
const fsyncAsync = promisify(fsync);
const fdatasyncAsync = promisify(fdatasync);

function writevOnce(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    writev(fd, buffers, position, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}

function readOnce(fd: number, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

/** Folders can be synced everywhere but on Windows, where entries are journaled by the file system itself. */
const canSyncFolders = process.platform !== "win32";

function syncFolderNow(path: string): void {
  if (!canSyncFolders) return;
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function createFolder(path: string): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) createFolder(parent);
  mkdirSync(path, { recursive: true });
  syncFolderNow(parent);
}

/** The real file system. */
export const nodeFiles: JournalFiles = {
  createFolder,
  list(folder) {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  },
  sizeBytes: (path) => statSync(path, { throwIfNoEntry: false })?.size,
  openForRead: (path) => openSync(path, "r"),
  openForWrite: (path) => openSync(path, "r+"),
  createForWrite: (path) => openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o640),
  openFileSizeBytes: (fd) => fstatSync(fd).size,
  read(fd, into, position) {
    let filled = 0;
    while (filled < into.length) {
      const count = readSync(fd, into, filled, into.length - filled, position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  },
  async readLater(fd, into, position) {
    let filled = 0;
    while (filled < into.length) {
      const count = await readOnce(fd, into.subarray(filled), position + filled);
      if (count === 0) break;
      filled += count;
    }
    return filled;
  },
  writeNow(fd, bytes, position) {
    let written = 0;
    while (written < bytes.length) {
      written += writeSync(fd, bytes, written, bytes.length - written, position + written);
    }
  },
  truncate: (fd, sizeBytes) => ftruncateSync(fd, sizeBytes),
  close: (fd) => closeSync(fd),
  remove: (path) => unlinkSync(path),
  rename: (from, to) => renameSync(from, to),
  syncNow: (fd) => fsyncSync(fd),
  syncFolderNow,
  async write(fd, buffers, position) {
    let rest = buffers;
    let end = position;
    while (rest.length > 0) {
      const written = await writevOnce(fd, rest, end);
      end += written;
      rest = dropBytes(rest, written);
    }
  },
  sync: fdatasyncAsync,
  async syncFolder(path) {
    if (!canSyncFolders) return;
    const fd = await openAsync(path, "r");
    try {
      await fsyncAsync(fd);
    } finally {
      await closeAsync(fd);
    }
  },
  removeLater: (path, isUnread) => (isUnread ? removeInSteps(path) : removeAtOnce(path)),
};

/** What is left of `buffers` behind their first `count` bytes: a nearly full disk takes a part of a write. */
function dropBytes(buffers: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let index = 0;
  let left = count;
  while (index < buffers.length && left >= buffers[index]!.length) {
    left -= buffers[index]!.length;
    index += 1;
  }
  if (left === 0) return buffers.slice(index);
  return [buffers[index]!.subarray(left), ...buffers.slice(index + 1)];
}

/** Replaces a small file so that after any crash either the old or the new content is there, never a mixture. */
export function replaceFile(files: JournalFiles, path: string, bytes: Uint8Array): void {
  const temporary = `${path}${temporarySuffix}`;
  removeIfThere(files, temporary);
  const fd = files.createForWrite(temporary);
  try {
    files.writeNow(fd, bytes, 0);
    files.syncNow(fd);
  } finally {
    files.close(fd);
  }
  files.rename(temporary, path);
  files.syncFolderNow(dirname(path));
}

/**
 * As `replaceFile` for a file that always has one length, within a sector. Only progress frees space on a full disk, and writing
 * over one sector needs none.
 */
export function replaceOrOverwrite(files: JournalFiles, path: string, bytes: Uint8Array): void {
  try {
    replaceFile(files, path, bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code !== "ENOSPC" && code !== "EDQUOT") || files.sizeBytes(path) === undefined) throw error;
    const fd = files.openForWrite(path);
    try {
      files.writeNow(fd, bytes, 0);
      files.syncNow(fd);
    } finally {
      files.close(fd);
    }
    // The file's name may be new: perhaps only this sync had failed.
    files.syncFolderNow(dirname(path));
  }
}

/** The whole content of a small file; undefined when there is none. */
export function readWholeFile(files: JournalFiles, path: string): Buffer | undefined {
  let fd: number;
  try {
    fd = files.openForRead(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const bytes = Buffer.alloc(files.openFileSizeBytes(fd));
    return bytes.subarray(0, files.read(fd, bytes, 0));
  } finally {
    files.close(fd);
  }
}

/** Removes a file that may be gone already. */
export function removeIfThere(files: JournalFiles, path: string): void {
  try {
    files.remove(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
