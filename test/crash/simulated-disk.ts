import { basename, dirname } from "node:path";
import type { JournalFiles } from "../../packages/collector/src/journal/index.ts";

type Write =
  | { readonly kind: "bytes"; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: "truncate"; readonly sizeBytes: number };

interface Inode {
  /** What a power cut leaves for certain. */
  durable: Buffer;
  /** What programs see. */
  current: Buffer;
  /** From durable to current. */
  unsynced: Write[];
}

interface Folder {
  durable: Map<string, Inode>;
  current: Map<string, Inode>;
}

export type DiskOperation = "create" | "write" | "sync" | "sync_folder" | "truncate" | "remove" | "rename";
export type DiskFault = "EIO" | "ENOSPC";

export interface SimulatedDiskOptions {
  readonly random?: () => number;
  /** Asked before each operation; a fault makes it fail. */
  readonly fault?: (operation: DiskOperation, path: string) => DiskFault | undefined;
}

const sectorSizeBytes = 512;

/**
 * A file system in memory that tells apart what programs see and what is on disk: bytes get there by a sync of their file, names by
 * a sync of their folder. A failed sync drops its bytes and calls them clean, as Linux does: the next one succeeds without them.
 */
export class SimulatedDisk implements JournalFiles {
  readonly #folders = new Map<string, Folder>();
  readonly #open = new Map<number, { readonly inode: Inode; readonly path: string }>();
  readonly #random: () => number;
  readonly #fault: (operation: DiskOperation, path: string) => DiskFault | undefined;
  #nextFd = 3;
  #isOff = false;
  #announceOff: () => void = () => undefined;
  /** Resolves when the power went. */
  readonly off: Promise<void>;
  get isOff(): boolean {
    return this.#isOff;
  }

  /** The power goes before the operation after so many. */
  operationsUntilOff: number = Number.POSITIVE_INFINITY;
  /** Room for the content of all files. */
  sizeBytesMax: number = Number.POSITIVE_INFINITY;
  syncCount = 0;

  constructor(options: SimulatedDiskOptions = {}) {
    this.#random = options.random ?? Math.random;
    this.#fault = options.fault ?? (() => undefined);
    this.off = new Promise((resolve) => (this.#announceOff = resolve));
  }

  /**
   * What is found after a power cut: all that was synced; of the rest nothing, or (`isTorn`) any sectors and any names.
   */
  reboot(options: SimulatedDiskOptions & { readonly isTorn: boolean }): SimulatedDisk {
    const next = new SimulatedDisk(options);
    const copies = new Map<Inode, Inode>();
    const copyOf = (inode: Inode): Inode => {
      let copy = copies.get(inode);
      if (copy === undefined) {
        const content = options.isTorn ? this.#tear(inode) : Buffer.from(inode.durable);
        copy = { durable: content, current: Buffer.from(content), unsynced: [] };
        copies.set(inode, copy);
      }
      return copy;
    };
    for (const [path, { durable, current }] of this.#folders) {
      const kept = new Map<string, Inode>();
      for (const name of new Set([...durable.keys(), ...current.keys()])) {
        const isCurrent = options.isTorn && this.#random() < 0.5;
        const inode = (isCurrent ? current : durable).get(name);
        if (inode !== undefined) kept.set(name, copyOf(inode));
      }
      next.#folders.set(path, { durable: new Map(kept), current: kept });
    }
    return next;
  }

  #tear(inode: Inode): Buffer {
    let content = Buffer.from(inode.durable);
    for (const write of inode.unsynced) {
      if (write.kind === "truncate") {
        if (this.#random() < 0.5) content = resize(content, write.sizeBytes);
        continue;
      }
      for (let at = 0; at < write.bytes.length;) {
        const position = write.position + at;
        const size = Math.min(sectorSizeBytes - (position % sectorSizeBytes), write.bytes.length - at);
        if (this.#random() < 0.5) content = place(content, write.bytes.subarray(at, at + size), position);
        at += size;
      }
    }
    return content;
  }

  #step(operation: DiskOperation | "read", path: string): void {
    if (this.operationsUntilOff <= 0 && !this.#isOff) {
      this.#isOff = true;
      this.#announceOff();
    }
    if (this.#isOff) throw new Error("the power is off");
    if (operation === "read") return;
    this.operationsUntilOff -= 1;
    const code = this.#fault(operation, path);
    if (code !== undefined) throw diskError(code, operation, path);
  }

  #folderOf(path: string): Folder {
    const folder = this.#folders.get(dirname(path));
    if (folder === undefined) throw diskError("ENOENT", "open", path);
    return folder;
  }

  #inodeOf(fd: number): Inode {
    return this.#open.get(fd)!.inode;
  }

  #pathOf(fd: number): string {
    return this.#open.get(fd)!.path;
  }

  #openFile(path: string): number {
    this.#step("read", path);
    const inode = this.#folderOf(path).current.get(basename(path));
    if (inode === undefined) throw diskError("ENOENT", "open", path);
    return this.#takeFd(inode, path);
  }

  #takeFd(inode: Inode, path: string): number {
    const fd = this.#nextFd;
    this.#nextFd += 1;
    this.#open.set(fd, { inode, path });
    return fd;
  }

  createFolder(path: string): void {
    this.#step("read", path);
    if (dirname(path) !== path) this.createFolder(dirname(path));
    if (!this.#folders.has(path)) this.#folders.set(path, { durable: new Map(), current: new Map() });
  }

  list(path: string): readonly string[] {
    this.#step("read", path);
    const folders = [...this.#folders.keys()].filter((folder) => dirname(folder) === path && folder !== path);
    return [...(this.#folders.get(path)?.current.keys() ?? []), ...folders.map((folder) => basename(folder))];
  }

  sizeBytes(path: string): number | undefined {
    this.#step("read", path);
    return this.#folders.get(dirname(path))?.current.get(basename(path))?.current.length;
  }

  openForRead(path: string): number {
    return this.#openFile(path);
  }

  openForWrite(path: string): number {
    return this.#openFile(path);
  }

  createForWrite(path: string): number {
    this.#step("create", path);
    const { current } = this.#folderOf(path);
    if (current.has(basename(path))) throw diskError("EEXIST", "open", path);
    const inode: Inode = { durable: Buffer.alloc(0), current: Buffer.alloc(0), unsynced: [] };
    current.set(basename(path), inode);
    return this.#takeFd(inode, path);
  }

  openFileSizeBytes(fd: number): number {
    return this.#inodeOf(fd).current.length;
  }

  read(fd: number, into: Uint8Array, position: number): number {
    this.#step("read", this.#pathOf(fd));
    const { current } = this.#inodeOf(fd);
    return position >= current.length ? 0 : current.copy(into, 0, position);
  }

  async readLater(fd: number, into: Uint8Array, position: number): Promise<number> {
    return this.read(fd, into, position);
  }

  writeNow(fd: number, bytes: Uint8Array, position: number): void {
    this.#step("write", this.#pathOf(fd));
    this.#put(this.#inodeOf(fd), Buffer.from(bytes), position, this.#pathOf(fd));
  }

  #put(inode: Inode, bytes: Buffer, position: number, path: string): void {
    const growth = Math.max(0, position + bytes.length - inode.current.length);
    const room = Math.max(0, this.sizeBytesMax - this.#usedSizeBytes());
    // A disk that is nearly full takes the first part.
    const taken = growth > room ? bytes.subarray(0, Math.max(0, bytes.length - growth + room)) : bytes;
    if (taken.length > 0) {
      inode.current = place(inode.current, taken, position);
      inode.unsynced.push({ kind: "bytes", position, bytes: taken });
    }
    if (taken.length < bytes.length) throw diskError("ENOSPC", "write", path);
  }

  #usedSizeBytes(): number {
    const inodes = new Set([...this.#folders.values()].flatMap(({ current }) => [...current.values()]));
    return [...inodes].reduce((sum, { current }) => sum + current.length, 0);
  }

  truncate(fd: number, sizeBytes: number): void {
    this.#step("truncate", this.#pathOf(fd));
    const inode = this.#inodeOf(fd);
    inode.current = resize(inode.current, sizeBytes);
    inode.unsynced.push({ kind: "truncate", sizeBytes });
  }

  close(fd: number): void {
    this.#open.delete(fd);
  }

  remove(path: string): void {
    this.#step("remove", path);
    if (!this.#folderOf(path).current.delete(basename(path))) throw diskError("ENOENT", "unlink", path);
  }

  rename(from: string, to: string): void {
    this.#step("rename", from);
    const inode = this.#folderOf(from).current.get(basename(from));
    if (inode === undefined) throw diskError("ENOENT", "rename", from);
    this.#folderOf(from).current.delete(basename(from));
    this.#folderOf(to).current.set(basename(to), inode);
  }

  syncNow(fd: number): void {
    const inode = this.#inodeOf(fd);
    const { unsynced } = inode;
    try {
      this.#step("sync", this.#pathOf(fd));
    } catch (error) {
      // The pages are marked clean though they were not written.
      if (!this.#isOff) inode.unsynced = [];
      throw error;
    }
    this.syncCount += 1;
    for (const write of unsynced) {
      inode.durable =
        write.kind === "truncate"
          ? resize(inode.durable, write.sizeBytes)
          : place(inode.durable, write.bytes, write.position);
    }
    inode.unsynced = [];
  }

  syncFolderNow(path: string): void {
    this.#step("sync_folder", path);
    const folder = this.#folders.get(path);
    if (folder !== undefined) folder.durable = new Map(folder.current);
  }

  async write(fd: number, buffers: readonly Uint8Array[], position: number): Promise<void> {
    await this.#later();
    this.#step("write", this.#pathOf(fd));
    this.#put(this.#inodeOf(fd), Buffer.concat(buffers), position, this.#pathOf(fd));
  }

  async sync(fd: number): Promise<void> {
    await this.#later();
    this.syncNow(fd);
    await this.#later();
  }

  async syncFolder(path: string): Promise<void> {
    await this.#later();
    this.syncFolderNow(path);
  }

  async removeLater(path: string): Promise<void> {
    await this.#later();
    this.remove(path);
  }

  /** A write takes a while; what comes in meanwhile must find it under way. */
  async #later(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    // Whoever waits for a machine without power waits for ever.
    if (this.#isOff) await new Promise(() => undefined);
  }
}

function place(content: Buffer, bytes: Uint8Array, position: number): Buffer<ArrayBuffer> {
  const next = resize(content, Math.max(content.length, position + bytes.length));
  next.set(bytes, position);
  return next;
}

function resize(content: Buffer, sizeBytes: number): Buffer<ArrayBuffer> {
  const next = Buffer.alloc(sizeBytes);
  content.copy(next, 0, 0, sizeBytes);
  return next;
}

function diskError(code: string, operation: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${operation} '${path}'`), { code, syscall: operation, path });
}

/** Random numbers in [0, 1) that are the same for the same seed (mulberry32, public domain algorithm). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
